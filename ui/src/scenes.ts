/** What the player shows: one scene for each way things can stand, in words and addresses only. */

import type { Format } from "./format.ts";
import { link } from "./links.ts";
import type { Prediction } from "./prediction.ts";

export type SceneName =
  | "waiting"
  | "working"
  | "unreachable"
  | "finished"
  | "failed"
  | "expired"
  | "dry_run"
  | "refused"
  | "cancelled"
  | "other";

/** All that is known. Times are milliseconds since 1970. */
export interface Situation {
  /** When the player learned of the call it was opened for. */
  begun: number;
  /** The arguments of that call that can be shown before there is an answer. */
  asked: { prompt?: string | undefined; id?: string | undefined };
  prediction?: Prediction | undefined;
  /** When that was heard. */
  heard?: number | undefined;
  /** What the tool answered where that was not about a prediction, and whether it was an error. */
  answer?: { text: string | undefined; isError: boolean } | undefined;
  cancelled?: boolean | undefined;
  /** Why the last question had no good answer, and when the next one is asked. */
  trouble?: { text: string | undefined; due: number } | undefined;
}

export interface Row {
  label: string;
  value: string;
  /** Whether a button to copy it stands beside it. */
  copy?: boolean;
}

export interface Scene {
  name: SceneName;
  headline: string;
  /** A line that may change every second, and is not read out each time it does. */
  detail?: string | undefined;
  /** Paragraphs. */
  said: string[];
  rows: Row[];
  notes: string[];
  picture?: string | undefined;
  clip?: string | undefined;
  /** The ring: how much is done, 0 to 1, where that is known. */
  ring?: { fraction?: number } | undefined;
}

const NOT_LOST = "The clip is not lost; it is still being made.";

/** The scene at a moment, which is in milliseconds since 1970. */
export function sceneOf(situation: Situation, format: Format, now: number): Scene {
  const { prediction, answer, trouble } = situation;
  // A clip that is there goes on playing, whatever becomes of the question whether it is saved.
  if (trouble && prediction?.status !== "completed") return unreachable(situation, trouble, format, now);
  if (prediction) {
    switch (prediction.status) {
      case "processing":
        return working(situation, prediction, format, now);
      case "completed":
        return prediction.expiresAt && prediction.expiresAt.getTime() <= now ? expired(prediction, format) : finished(prediction, format);
      case "failed":
        return failed(prediction, format);
      case "dry_run":
        return dryRun(prediction, format);
    }
  }
  if (answer) return answered(answer);
  return situation.cancelled ? cancelled(situation) : waiting(situation, format, now);
}

/** Seconds since the prediction was submitted, as far as that is known. */
function elapsed({ prediction, heard }: Situation, now: number): number | undefined {
  if (prediction?.elapsed === undefined || heard === undefined) return undefined;
  return prediction.elapsed + Math.max(0, now - heard) / 1000;
}

function waiting({ begun, asked }: Situation, format: Format, now: number): Scene {
  return {
    name: "waiting",
    headline: asked.id ? "Checking on the clip" : "Making the clip",
    detail: `Waiting for the first update: ${format.seconds((now - begun) / 1000)}`,
    said: [],
    rows: [...row("Prompt", asked.prompt), ...row("Id", asked.id, true)],
    notes: [],
    ring: {},
  };
}

function working(situation: Situation, prediction: Prediction, format: Format, now: number): Scene {
  const age = elapsed(situation, now);
  const { expected } = prediction;
  const known = age !== undefined && expected !== undefined && expected > 0;
  return {
    name: "working",
    headline: "Making the clip",
    detail: known
      ? `${format.seconds(age)} of about ${format.seconds(expected)}`
      : age === undefined
        ? "It usually takes between 30 seconds and 5 minutes."
        : `${format.seconds(age)} so far`,
    said: known && age > expected ? ["This is taking longer than usual. The clip is still being made."] : [],
    rows: rows(prediction, format),
    notes: prediction.notes,
    picture: link(prediction.imageUrl),
    ring: prediction.fraction === undefined ? {} : { fraction: prediction.fraction },
  };
}

function unreachable(situation: Situation, trouble: { text?: string | undefined; due: number }, format: Format, now: number): Scene {
  const { prediction, asked } = situation;
  const left = Math.max(0, Math.ceil((trouble.due - now) / 1000));
  return {
    name: "unreachable",
    headline: "Can’t get an update",
    detail: left > 0 ? `Retrying in ${format.seconds(left)}` : "Retrying now",
    said: [trouble.text ?? "The last request was not answered.", ...(prediction ? [NOT_LOST] : [])],
    rows: prediction ? rows(prediction, format) : row("Id", asked.id, true),
    notes: prediction?.notes ?? [],
    picture: link(prediction?.imageUrl),
    ring: {},
  };
}

function finished(prediction: Prediction, format: Format): Scene {
  const clip = link(prediction.videoUrl);
  const took = prediction.elapsed === undefined ? undefined : `Made in ${format.seconds(prediction.elapsed)}`;
  return {
    name: "finished",
    headline: "The clip is ready",
    detail: took,
    said: clip ? [] : ["Its address cannot be opened from here."],
    rows: [
      ...(clip ? [] : row("Address", prediction.videoUrl)),
      ...rows(prediction, format, row("Kept until", prediction.expiresAt && format.date(prediction.expiresAt))),
    ],
    notes: prediction.notes,
    picture: link(prediction.imageUrl),
    clip,
  };
}

function expired(prediction: Prediction, format: Format): Scene {
  const until = prediction.expiresAt && format.date(prediction.expiresAt);
  return {
    name: "expired",
    headline: "The clip has been deleted",
    said: [
      `Atlas Cloud keeps a clip for 14 days, and kept this one until ${until}.`,
      prediction.savedPath ? "It was saved to disk: the path is below." : "It is not known to have been saved to disk.",
    ],
    rows: rows(prediction, format),
    notes: prediction.notes,
    picture: link(prediction.imageUrl),
  };
}

function failed(prediction: Prediction, format: Format): Scene {
  const { cost } = prediction;
  return {
    name: "failed",
    headline: "The clip could not be made",
    said: [
      prediction.error ?? "No reason was given.",
      ...prediction.notes, // of money among others
      cost === undefined
        ? "To try again, change the picture or the prompt and ask for a new clip in the conversation. A new clip costs money."
        : `It may have cost ${format.dollars(cost)}. Ask in the conversation to look at it again before you ask for a new clip.`,
    ],
    rows: rows({ ...prediction, cost: undefined }, format),
    notes: [],
    picture: link(prediction.imageUrl),
  };
}

function dryRun(prediction: Prediction, format: Format): Scene {
  return {
    name: "dry_run",
    headline: "Nothing was made",
    said: ["This was a dry run: the request was checked, nothing was sent, and nothing was paid."],
    rows: [
      ...row("Price", prediction.cost === undefined ? "Not known" : format.dollars(prediction.cost)),
      ...row("Length", prediction.duration && format.seconds(prediction.duration)),
      ...row("Request", prediction.request.join("\n")),
    ],
    notes: prediction.notes,
    picture: link(prediction.imageUrl),
  };
}

function answered({ text, isError }: { text: string | undefined; isError: boolean }): Scene {
  return {
    name: isError ? "refused" : "other",
    headline: isError ? "There is no clip to show" : "There is nothing to play",
    said: text ? [text] : [],
    rows: [],
    notes: [],
  };
}

function cancelled({ asked }: Situation): Scene {
  return {
    name: "cancelled",
    headline: "The call was cancelled",
    said: [
      "If the clip had been submitted by then, it is still being made. Ask in the conversation for your latest clips.",
    ],
    rows: row("Prompt", asked.prompt),
    notes: [],
  };
}

function rows(prediction: Prediction, format: Format, kept: Row[] = []): Row[] {
  return [
    ...row("Prompt", prediction.prompt),
    ...row("Length", prediction.duration && format.seconds(prediction.duration)),
    ...row(prediction.sandbox ? "Price" : "Cost", prediction.cost === undefined ? undefined : format.dollars(prediction.cost)),
    ...row("Saved to", prediction.savedPath, true),
    ...kept,
    ...row("Model", prediction.model),
    ...row("Id", prediction.id, true),
  ];
}

function row(label: string, value: string | number | undefined, copy = false): Row[] {
  return value ? [{ label, value: String(value), copy }] : [];
}
