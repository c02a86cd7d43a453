/** What the host says of the place the page is shown in, put into effect. */

import type { McpUiHostContext } from "@modelcontextprotocol/ext-apps";
import { amount } from "./values.ts";

const ROOM_FOR_WORDS = 220; // CSS pixels
const SIDES = ["top", "right", "bottom", "left"] as const;

/** Take on the host's theme, colours, insets and height. */
export function adopt({ theme, styles, safeAreaInsets, containerDimensions }: McpUiHostContext): void {
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") {
    root.dataset["theme"] = theme;
    root.style.colorScheme = theme;
  }
  for (const [name, value] of Object.entries(styles?.variables ?? {})) {
    // Variables only: no other property is the host's to set.
    if (name.startsWith("--") && typeof value === "string") root.style.setProperty(name, value);
  }
  for (const side of SIDES) document.body.style.setProperty(`padding-${side}`, `${amount(safeAreaInsets?.[side]) ?? 0}px`);
  const height = tallest(containerDimensions);
  // The clip must leave room for the words below it, where the host says how high all may be.
  if (height !== undefined) root.style.setProperty("--tallest", `${Math.max(ROOM_FOR_WORDS, height - ROOM_FOR_WORDS)}px`);
}

function tallest(room: McpUiHostContext["containerDimensions"]): number | undefined {
  const { height, maxHeight } = { height: undefined, maxHeight: undefined, ...room };
  return amount(height) ?? amount(maxHeight);
}
