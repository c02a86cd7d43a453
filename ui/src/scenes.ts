/** What the player shows: one scene for each way things can stand, in words and addresses only. */

import type { Facts } from "./facts.ts";
import type { Format } from "./format.ts";
import { link } from "./links.ts";

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
  facts?: Facts | undefined;
  /** When the facts came. */
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
  /** The ring: a share from 0 to 1, or none of which anybody knows. */
  ring?: { share?: number } | undefined;
}

const NOT_LOST = "The clip is not lost: it goes on being made.";
const FREE = "Atlas Cloud does not charge for a failed generation.";

/** The scene at a moment, which is in milliseconds since 1970. */
export function sceneOf(situation: Situation, format: Format, now: number): Scene {
  const { facts, answer, trouble } = situation;
  if (trouble) return unreachable(situation, trouble, format, now);
  if (facts) {
    switch (facts.status) {
      case "processing":
        return working(situation, facts, format, now);
      case "completed":
        return facts.expiresAt && facts.expiresAt.getTime() <= now ? expired(facts, format) : finished(facts, format);
      case "failed":
        return failed(facts, format);
      case "dry_run":
        return dryRun(facts, format);
    }
  }
  if (answer) return answered(answer);
  return situation.cancelled ? cancelled(situation) : waiting(situation, format, now);
}

/** Seconds since the prediction was submitted, as far as that is known. */
export function elapsed({ facts, heard }: Situation, now: number): number | undefined {
  if (facts?.elapsed === undefined || heard === undefined) return undefined;
  return facts.elapsed + Math.max(0, now - heard) / 1000;
}

function waiting({ begun, asked }: Situation, format: Format, now: number): Scene {
  return {
    name: "waiting",
    headline: asked.id ? "Looking at the clip" : "Making the clip",
    detail: `Waiting for the first news: ${format.seconds((now - begun) / 1000)}`,
    said: [],
    rows: [...row("Prompt", asked.prompt), ...row("Id", asked.id, true)],
    notes: [],
    ring: {},
  };
}

function working(situation: Situation, facts: Facts, format: Format, now: number): Scene {
  const age = elapsed(situation, now);
  const { expected } = facts;
  const known = age !== undefined && expected !== undefined && expected > 0;
  return {
    name: "working",
    headline: "Making the clip",
    detail: known
      ? `${format.seconds(age)} of about ${format.seconds(expected)}`
      : age === undefined
        ? "It usually takes between 30 seconds and 5 minutes."
        : `${format.seconds(age)} so far`,
    said: known && age > expected ? ["It takes longer than usual, and is still being made."] : [],
    rows: rows(facts, format),
    notes: facts.notes,
    picture: link(situation.facts?.imageUrl),
    ring: facts.fraction === undefined ? {} : { share: facts.fraction },
  };
}

function unreachable(situation: Situation, trouble: { text?: string | undefined; due: number }, format: Format, now: number): Scene {
  const { facts, asked } = situation;
  const left = Math.max(0, Math.ceil((trouble.due - now) / 1000));
  return {
    name: "unreachable",
    headline: "No news at the moment",
    detail: left > 0 ? `Asking again in ${format.seconds(left)}` : "Asking again now",
    said: [trouble.text ?? "The question was not answered.", ...(facts ? [NOT_LOST] : [])],
    rows: facts ? rows(facts, format) : row("Id", asked.id, true),
    notes: facts?.notes ?? [],
    picture: link(situation.facts?.imageUrl),
    ring: {},
  };
}

function finished(facts: Facts, format: Format): Scene {
  const clip = link(facts.videoUrl);
  const took = facts.elapsed === undefined ? undefined : `Made in ${format.seconds(facts.elapsed)}`;
  return {
    name: "finished",
    headline: "The clip is ready",
    detail: took,
    said: clip ? [] : ["Its address is not one that can be opened from here."],
    rows: [
      ...(clip ? [] : row("Address", facts.videoUrl)),
      ...rows(facts, format, row("Kept until", facts.expiresAt && format.date(facts.expiresAt))),
    ],
    notes: facts.notes,
    picture: link(facts.imageUrl),
    clip,
  };
}

function expired(facts: Facts, format: Format): Scene {
  const until = facts.expiresAt && format.date(facts.expiresAt);
  return {
    name: "expired",
    headline: "The clip has been deleted",
    said: [
      `Atlas Cloud keeps a clip for 14 days, and kept this one until ${until}.`,
      facts.savedPath ? "It was saved to disk: the path is below." : "It is not known to have been saved to disk.",
    ],
    rows: rows(facts, format),
    notes: facts.notes,
    picture: link(facts.imageUrl),
  };
}

function failed(facts: Facts, format: Format): Scene {
  // The server's notes say it too, and what else is to be known of the money.
  const money = facts.cost === undefined ? [`No money was taken. ${FREE}`] : [`It cost ${format.dollars(facts.cost)}.`];
  return {
    name: "failed",
    headline: "The clip could not be made",
    said: [
      facts.error ?? "No reason was given.",
      ...money,
      "To try again, change the picture or the prompt and ask for a new clip in the conversation. It is paid for anew.",
    ],
    rows: rows({ ...facts, cost: undefined }, format),
    notes: facts.notes.filter((note) => note !== FREE),
    picture: link(facts.imageUrl),
  };
}

function dryRun(facts: Facts, format: Format): Scene {
  return {
    name: "dry_run",
    headline: "Nothing was made",
    said: ["This was a dry run: the request was checked, nothing was sent, and nothing was paid."],
    rows: [
      ...row("Price", facts.cost === undefined ? "Not known" : format.dollars(facts.cost)),
      ...row("Length", facts.duration && format.seconds(facts.duration)),
      ...row("Request", facts.request.join("\n")),
    ],
    notes: facts.notes,
    picture: link(facts.imageUrl),
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
      "If the clip had been submitted by then, it goes on being made. Ask in the conversation for your latest clips.",
    ],
    rows: row("Prompt", asked.prompt),
    notes: [],
  };
}

function rows(facts: Facts, format: Format, kept: Row[] = []): Row[] {
  return [
    ...row("Prompt", facts.prompt),
    ...row("Length", facts.duration && format.seconds(facts.duration)),
    ...row("Cost", facts.cost === undefined ? undefined : format.dollars(facts.cost)),
    ...row("Saved to", facts.savedPath, true),
    ...kept,
    ...row("Model", facts.model),
    ...row("Id", facts.id, true),
  ];
}

function row(label: string, value: string | number | undefined, copy = false): Row[] {
  return value ? [{ label, value: String(value), copy }] : [];
}
