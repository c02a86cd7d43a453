/** The player: what the host tells goes in, what somebody sees comes out, and one question is asked meanwhile. */

import {
  App,
  type McpUiHostContext,
  type McpUiToolResultNotification,
  PostMessageTransport,
  applyDocumentTheme,
  applyHostStyleVariables,
} from "@modelcontextprotocol/ext-apps";
import { readArgument, readFacts, readText } from "./facts.ts";
import { Format } from "./format.ts";
import { type Situation, sceneOf } from "./scenes.ts";
import { View } from "./view.ts";
import { Watch } from "./watch.ts";

type Answer = McpUiToolResultNotification["params"];

const TICK = 1000; // milliseconds
const FIRST_QUESTION = 2; // seconds: the answer to the call itself may be quicker
const QUESTION_TIMEOUT = 60_000; // milliseconds: the server tries for up to 20 seconds to reach the API
const TROUBLE = [5, 10, 20, 40, 60]; // seconds until the next question after 1, 2, ... that had no good answer
const UNTOLD = 5; // seconds, where an answer does not say when the next question makes sense
const ROOM_FOR_WORDS = 220; // CSS pixels

const app = new App({ name: "atlascloud-video", version: "1.0.0" }, { availableDisplayModes: ["inline"] });
const watch = new Watch<Answer>(ask, hear);
const view = new View({ open, download, measured });
const situation: Situation = { begun: Date.now(), asked: {} };
let format = new Format();
let failures = 0;
let inView = true;

app.ontoolinput = ({ arguments: given }) => {
  situation.begun = Date.now();
  situation.asked = {
    prompt: readArgument(given, "prompt"),
    id: readArgument(given, "prediction_id"),
  };
  if (situation.asked.id && !situation.facts) watch.follow(situation.asked.id, FIRST_QUESTION);
  show();
};

app.ontoolresult = (result) => {
  const seconds = hear(result);
  const id = situation.facts?.id ?? situation.asked.id;
  if (seconds !== undefined && id) watch.follow(id, seconds);
  else watch.stop();
};

app.ontoolcancelled = () => {
  situation.cancelled = true;
  show();
};

app.onhostcontextchanged = follow;

app.onteardown = async () => {
  clearInterval(clock);
  watch.stop();
  view.rest();
  return {};
};

/** Nothing but this is ever called: to look is free. */
async function ask(id: string): Promise<Answer> {
  const call = { name: "get_prediction", arguments: { prediction_id: id, wait_seconds: 0 } };
  return app.callServerTool(call, { timeout: QUESTION_TIMEOUT });
}

/** Take an answer in; returns in how many seconds to ask again, or nothing when there is nothing more to learn. */
function hear(answer: Answer | Error): number | undefined {
  const seconds = learn(answer);
  show();
  return seconds;
}

function learn(answer: Answer | Error): number | undefined {
  const meta = answer instanceof Error ? undefined : answer._meta;
  const facts = answer instanceof Error ? undefined : readFacts(answer.structuredContent, meta);
  if (facts) {
    const { id, duration } = situation.facts ?? {};
    situation.facts = { ...facts, id: facts.id ?? id ?? situation.asked.id, duration: facts.duration ?? duration };
    situation.heard = Date.now();
    situation.trouble = undefined;
    failures = 0;
    // A host may leave _meta out; then it is asked at a steady pace.
    const goesOn = facts.status === "processing" || facts.saving;
    return facts.lookAgainIn ?? (goesOn && !meta ? UNTOLD : undefined);
  }
  const text = answer instanceof Error ? undefined : readText(answer.content);
  const isError = answer instanceof Error || answer.isError === true;
  const id = situation.facts?.id ?? situation.asked.id;
  // Of a prediction that was never seen, an error may well be the last word.
  if (!isError || !id || (!situation.facts && failures === TROUBLE.length)) {
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

function follow(context: McpUiHostContext): void {
  if (context.theme) applyDocumentTheme(context.theme);
  if (context.styles?.variables) applyHostStyleVariables(context.styles.variables);
  const { locale, timeZone, containerDimensions, safeAreaInsets } = { ...app.getHostContext(), ...context };
  format = new Format(locale, timeZone);
  view.fit(tallest(containerDimensions));
  if (safeAreaInsets) {
    const { top, right, bottom, left } = safeAreaInsets;
    document.body.style.padding = `${top}px ${right}px ${bottom}px ${left}px`;
  }
  show();
}

/** The clip must leave room for the words below it, where the host says how high all may be. */
function tallest(room: McpUiHostContext["containerDimensions"]): number | undefined {
  const height = room && ("height" in room ? room.height : room.maxHeight);
  return height === undefined ? undefined : Math.max(ROOM_FOR_WORDS, height - ROOM_FOR_WORDS);
}

async function open(url: string): Promise<boolean> {
  return accepted(app.openLink({ url }));
}

async function download(url: string): Promise<boolean> {
  // Without the facility the clip's own server sends it as a file.
  if (!app.getHostCapabilities()?.downloadFile) return open(url);
  const name = `${(situation.facts?.id ?? "clip").replaceAll(/[^\w-]/g, "").slice(0, 80) || "clip"}.mp4`;
  return accepted(app.downloadFile({ contents: [{ type: "resource_link", uri: url, name, mimeType: "video/mp4" }] }));
}

/** The clip itself says how long it is, where the request left that to the model. */
function measured(seconds: number): void {
  if (!situation.facts || situation.facts.duration !== undefined) return;
  situation.facts.duration = Math.round(seconds);
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
void app.connect(new PostMessageTransport(window.parent, window.parent)).then(
  () => follow(app.getHostContext() ?? {}),
  () => undefined,
);
