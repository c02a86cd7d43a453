/** The player: what the host tells goes in, what somebody sees comes out, and one question is asked meanwhile. */

import type { LATEST_PROTOCOL_VERSION, McpUiHostCapabilities, McpUiHostContext } from "@modelcontextprotocol/ext-apps";
import { adopt } from "./context.ts";
import { Format } from "./format.ts";
import { Host, type ToolResult } from "./host.ts";
import { readArgument, readPrediction, readText } from "./prediction.ts";
import { type Situation, sceneOf } from "./scenes.ts";
import { View } from "./view.ts";
import { Watch } from "./watch.ts";

const PROTOCOL_VERSION: typeof LATEST_PROTOCOL_VERSION = "2026-01-26";
const TICK = 1000; // milliseconds
const FIRST_QUESTION = 2; // seconds: the answer to the call itself may be quicker
const TROUBLE = [5, 10, 20, 40, 60]; // seconds until the next question after 1, 2, ... that had no good answer
const UNTOLD = 5; // seconds, where an answer does not say when the next question makes sense

const host = new Host({
  "ui/notifications/tool-input-partial": ({ arguments: given }) => begin(given),
  "ui/notifications/tool-input": ({ arguments: given }) => {
    begin(given);
    if (situation.asked.id && !situation.prediction) watch.follow(situation.asked.id, FIRST_QUESTION);
  },
  "ui/notifications/tool-result": (result) => {
    const seconds = hear(result);
    const id = situation.prediction?.id ?? situation.asked.id;
    if (seconds !== undefined && id) watch.follow(id, seconds);
    else watch.stop();
  },
  "ui/notifications/tool-cancelled": () => {
    situation.cancelled = true;
    show();
  },
  "ui/notifications/host-context-changed": follow,
  "ui/resource-teardown": () => {
    clearInterval(clock);
    watch.stop();
    view.rest();
  },
});
const watch = new Watch<ToolResult>(ask, hear);
const view = new View({ open, download, measured });
const situation: Situation = { begun: Date.now(), asked: {} };
let capabilities: McpUiHostCapabilities = {};
let context: McpUiHostContext = {};
let format = new Format();
let failures = 0;
let inView = true;

/** Take in the arguments of the call that the player was opened for, as far as they are written. */
function begin(given: unknown): void {
  situation.begun = Date.now();
  situation.asked = { prompt: readArgument(given, "prompt"), id: readArgument(given, "prediction_id") };
  show();
}

/** Nothing but this is ever called: to look is free. */
async function ask(id: string): Promise<ToolResult> {
  return host.request("tools/call", { name: "get_prediction", arguments: { prediction_id: id, wait_seconds: 0 } });
}

/** Take an answer in; returns in how many seconds to ask again, or nothing when there is nothing more to learn. */
function hear(answer: ToolResult | Error): number | undefined {
  const seconds = learn(answer);
  show();
  return seconds;
}

function learn(answer: ToolResult | Error): number | undefined {
  const result: Partial<ToolResult> = answer instanceof Error ? { isError: true } : answer;
  const prediction = readPrediction(result.structuredContent, result._meta);
  if (prediction) {
    const { id, duration } = situation.prediction ?? {};
    situation.prediction = {
      ...prediction,
      id: prediction.id ?? id ?? situation.asked.id,
      duration: prediction.duration ?? duration,
    };
    situation.heard = Date.now();
    situation.trouble = undefined;
    failures = 0;
    // A host may leave _meta out; then it is asked at a steady pace.
    const goesOn = prediction.status === "processing" || prediction.saving;
    return prediction.lookAgainIn ?? (goesOn && !result._meta ? UNTOLD : undefined);
  }
  const text = readText(result.content);
  const isError = result.isError === true;
  const id = situation.prediction?.id ?? situation.asked.id;
  // Of a prediction that was never seen, an error may well be the last word.
  if (!isError || !id || (!situation.prediction && failures === TROUBLE.length)) {
    situation.trouble = undefined;
    situation.answer = { text, isError };
    return undefined;
  }
  const seconds = TROUBLE[Math.min(failures++, TROUBLE.length - 1)] ?? 0;
  situation.trouble = { text, due: Date.now() + seconds * 1000 };
  return seconds;
}

function show(): void {
  view.show(sceneOf(situation, format, Date.now()), format);
}

function follow(changes: McpUiHostContext): void {
  context = { ...context, ...changes };
  format = new Format(context.locale, context.timeZone);
  adopt(context);
  show();
}

async function open(url: string): Promise<boolean> {
  return accepted(host.request("ui/open-link", { url }));
}

async function download(url: string): Promise<boolean> {
  // Without the facility the clip's own server sends it as a file.
  if (!capabilities.downloadFile) return open(url);
  const name = `${(situation.prediction?.id ?? "clip").replaceAll(/[^\w-]/g, "").slice(0, 80) || "clip"}.mp4`;
  const file = { type: "resource_link" as const, uri: url, name, mimeType: "video/mp4" };
  return accepted(host.request("ui/download-file", { contents: [file] }));
}

/** The clip itself says how long it is, where the request left that to the model. */
function measured(seconds: number): void {
  if (!situation.prediction || situation.prediction.duration !== undefined) return;
  situation.prediction.duration = Math.round(seconds);
  show();
}

async function accepted(request: Promise<{ isError?: boolean | undefined }>): Promise<boolean> {
  return request.then(
    (result) => !result.isError,
    () => false,
  );
}

function look(): void {
  watch.look(inView && document.visibilityState === "visible");
}

/** Meet the host, and tell it from then on how much room the page takes. */
async function meet(): Promise<void> {
  const { hostCapabilities, hostContext } = await host.request("ui/initialize", {
    appInfo: { name: "atlascloud-video", version: "2.0.0" },
    appCapabilities: { availableDisplayModes: ["inline"] },
    protocolVersion: PROTOCOL_VERSION,
  });
  capabilities = hostCapabilities ?? {};
  host.notify("ui/notifications/initialized", {});
  follow({ ...hostContext, ...context });
  const page = document.documentElement;
  new ResizeObserver(() => {
    const height = Math.ceil(page.getBoundingClientRect().height);
    host.notify("ui/notifications/size-changed", { width: window.innerWidth, height });
  }).observe(page);
}

const clock = setInterval(() => {
  const scene = sceneOf(situation, format, Date.now());
  // Only what the clock changes: a clip that plays is left alone.
  if (scene.ring || scene.name !== document.getElementById("player")?.dataset["scene"]) view.show(scene, format);
}, TICK);
document.addEventListener("visibilitychange", look);
new IntersectionObserver((entries) => {
  inView = entries.at(-1)?.isIntersecting ?? true;
  look();
}).observe(document.documentElement);
show();
void meet().catch(() => undefined); // a host that does not answer may still tell of the call
