/** The page: it puts a scene on the screen, all of it as text, and never as markup. */

import type { Format } from "./format.ts";
import type { Row, Scene } from "./scenes.ts";

/** What somebody does, and what the clip tells; the links say whether the host opened them. */
export interface Events {
  open(url: string): Promise<boolean>;
  download(url: string): Promise<boolean>;
  /** How many seconds the clip has. */
  measured(seconds: number): void;
}

const QUARTERS = 4;
const BROKEN =
  "The clip could not be loaded here. It may still open in a browser; if it was saved, it is at the path below.";
const DENIED = "This app did not open it. Copy the address:";

export class View {
  private readonly main = element("player");
  private readonly picture = element("picture") as HTMLImageElement;
  private readonly video = element("clip") as HTMLVideoElement;
  private readonly still = window.matchMedia("(prefers-reduced-motion: reduce)");
  private announced = "";
  private broken: string | undefined;

  constructor(events: Events) {
    this.picture.addEventListener("error", () => this.picture.setAttribute("hidden", ""));
    this.video.addEventListener("error", () => this.lose());
    this.video.addEventListener("loadedmetadata", () => {
      if (Number.isFinite(this.video.duration)) events.measured(this.video.duration);
    });
    this.video.addEventListener("volumechange", () => this.nameSound());
    element("sound").addEventListener("click", () => this.toggleSound());
    element("open").addEventListener("click", () => void this.press(events.open));
    element("download").addEventListener("click", () => void this.press(events.download));
  }

  show(scene: Scene, format: Format): void {
    this.main.dataset["scene"] = scene.name;
    this.main.setAttribute("aria-busy", String(scene.ring !== undefined));
    put("headline", scene.headline);
    put("detail", scene.detail ?? "");
    this.showPicture(scene);
    this.showClip(scene);
    showRing(scene, format);
    const lost = scene.clip !== undefined && scene.clip === this.broken;
    list("said", "p", lost ? [...scene.said, BROKEN] : scene.said);
    list("notes", "li", scene.notes);
    showRows(scene.rows);
    this.announce(scene, format);
  }

  /** Stop what plays; the page is about to go. */
  rest(): void {
    this.video.pause();
  }

  private showPicture(scene: Scene): void {
    const url = scene.clip ? undefined : scene.picture;
    if ((this.picture.getAttribute("src") ?? undefined) !== url) {
      this.picture.toggleAttribute("hidden", url === undefined);
      url === undefined ? this.picture.removeAttribute("src") : this.picture.setAttribute("src", url);
    }
  }

  private showClip(scene: Scene): void {
    element("actions").toggleAttribute("hidden", scene.clip === undefined);
    if ((this.video.getAttribute("src") ?? undefined) === scene.clip) return;
    this.video.toggleAttribute("hidden", scene.clip === undefined);
    if (scene.clip === undefined) {
      this.video.removeAttribute("src");
      this.video.load();
      return;
    }
    if (scene.picture) this.video.setAttribute("poster", scene.picture);
    this.video.autoplay = !this.still.matches;
    this.video.setAttribute("src", scene.clip);
    this.nameSound();
  }

  private lose(): void {
    this.broken = this.video.getAttribute("src") ?? undefined;
    if (this.broken !== undefined) list("said", "p", [BROKEN]);
  }

  private toggleSound(): void {
    this.video.muted = !this.video.muted;
  }

  private nameSound(): void {
    put("sound", this.video.muted ? "Unmute" : "Mute");
  }

  private async press(action: (url: string) => Promise<boolean>): Promise<void> {
    const url = this.video.getAttribute("src");
    if (url !== null) put("outcome", (await action(url)) ? "" : `${DENIED} ${url}`);
  }

  /** What a screen reader says: each new scene once, and of the waiting each quarter. */
  private announce(scene: Scene, format: Format): void {
    const fraction = scene.ring?.fraction;
    const quarter = fraction === undefined ? 0 : Math.floor(fraction * QUARTERS) / QUARTERS;
    const key = `${scene.name} ${scene.headline} ${quarter}`;
    if (key === this.announced) return;
    this.announced = key;
    const progress = quarter > 0 ? `About ${format.percent(quarter)} done.` : "";
    put("news", [`${scene.headline}.`, ...scene.said, progress].join(" ").trim());
  }
}

function showRing(scene: Scene, format: Format): void {
  const ring = element("ring");
  ring.toggleAttribute("hidden", scene.ring === undefined);
  const fraction = scene.ring?.fraction;
  ring.dataset["known"] = fraction === undefined ? "no" : "yes";
  put("percent", fraction === undefined ? "" : format.percent(fraction));
  element("arc").style.strokeDasharray = fraction === undefined ? "25 100" : `${fraction * 100} 100`;
  if (fraction === undefined) ring.removeAttribute("aria-valuenow");
  else ring.setAttribute("aria-valuenow", String(Math.floor(fraction * 100)));
  ring.setAttribute("aria-valuetext", scene.detail ?? "");
}

function showRows(rows: Row[]): void {
  const held = element("rows");
  const wanted = JSON.stringify(rows);
  // What has the focus must not be replaced by its like every second.
  if (held.dataset["rows"] === wanted) return;
  held.dataset["rows"] = wanted;
  held.replaceChildren(...rows.flatMap((row) => [made("dt", row.label), described(row)]));
}

function described(row: Row): HTMLElement {
  if (!row.copy) return made("dd", row.value);
  const cell = document.createElement("dd");
  const value = made("span", row.value);
  const button = made("button", "Copy") as HTMLButtonElement;
  button.type = "button";
  button.setAttribute("aria-label", `Copy: ${row.label}`);
  button.addEventListener("click", () => void copy(value, button));
  cell.append(value, button);
  return cell;
}

async function copy(value: HTMLElement, button: HTMLElement): Promise<void> {
  const done = await navigator.clipboard?.writeText(value.textContent ?? "").then(
    () => true,
    () => false,
  );
  // Where the host does not allow it, the text is selected, ready for the keyboard.
  if (!done) window.getSelection()?.selectAllChildren(value);
  button.textContent = done ? "Copied" : "Selected";
}

function list(id: string, tag: string, texts: string[]): void {
  const held = element(id);
  const wanted = JSON.stringify(texts);
  if (held.dataset["texts"] === wanted) return;
  held.dataset["texts"] = wanted;
  held.replaceChildren(...texts.map((text) => made(tag, text)));
}

function put(id: string, text: string): void {
  const held = element(id);
  if (held.textContent !== text) held.textContent = text;
}

function made(tag: string, text: string): HTMLElement {
  const node = document.createElement(tag);
  node.textContent = text;
  return node;
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`There is no #${id}`);
  return found;
}
