/** A prediction, as the server's answers tell of it in fields and in `_meta`. */

import { amount, isRecord, text } from "./values.ts";

const MOST_NOTES = 20;
const SHORTEST_PAUSE = 1; // seconds, whatever an answer says
const FRACTION = "atlascloud-video/fraction"; // both in _meta of the server's answers
const POLL_INTERVAL = "atlascloud-video/pollIntervalMs";
const STATUSES = ["processing", "completed", "failed", "dry_run"] as const;

export type Status = (typeof STATUSES)[number];

export interface Prediction {
  status: Status;
  id?: string | undefined;
  model?: string | undefined;
  prompt?: string | undefined;
  error?: string | undefined;
  savedPath?: string | undefined;
  /** Where the clip is, as it was told; `link` says whether it may be used. */
  videoUrl?: string | undefined;
  imageUrl?: string | undefined;
  providerStatus?: string | undefined;
  /** Seconds of video. */
  duration?: number | undefined;
  /** Seconds since submission, and how many it usually takes. */
  elapsed?: number | undefined;
  expected?: number | undefined;
  /** How much of the work is probably done, 0 to 1. */
  fraction?: number | undefined;
  /** Seconds until another look can tell more; absent when none can. */
  lookAgainIn?: number | undefined;
  /** Whether the built-in sandbox made it, and nothing was paid. */
  sandbox: boolean;
  /** US dollars. */
  cost?: number | undefined;
  expiresAt?: Date | undefined;
  notes: string[];
  /** Whether the clip is there, but not yet on disk, where it is to be. */
  saving: boolean;
  /** The body that would be sent, one `name: value` each; of a dry run. */
  request: string[];
}

/** The prediction in a tool's structured content and `_meta`; nothing where there is none. */
export function readPrediction(content: unknown, meta?: unknown): Prediction | undefined {
  if (!isRecord(content)) return undefined;
  const status = STATUSES.find((known) => known === content["status"]);
  if (!status) return undefined;
  const about = isRecord(meta) ? meta : {};
  const milliseconds = amount(about[POLL_INTERVAL]);
  return {
    status,
    id: text(content["prediction_id"]),
    model: text(content["model"]),
    prompt: text(content["prompt"]),
    error: text(content["error"]),
    savedPath: text(content["saved_path"]),
    videoUrl: text(content["video_url"]),
    imageUrl: text(content["image_url"]),
    providerStatus: text(content["provider_status"]),
    duration: amount(content["duration"]),
    elapsed: amount(content["elapsed_seconds"]),
    expected: amount(content["expected_seconds"]),
    fraction: amount(about[FRACTION]),
    lookAgainIn: milliseconds === undefined ? undefined : Math.max(SHORTEST_PAUSE, milliseconds / 1000),
    sandbox: content["sandbox"] === true,
    cost: amount(content["cost_usd"]),
    expiresAt: moment(content["expires_at"]),
    notes: texts(content["notes"]),
    saving: content["saving"] === true,
    request: request(content["request"]),
  };
}

/** The text of a tool's answer, in one piece. */
export function readText(content: unknown): string | undefined {
  if (!Array.isArray(content)) return undefined;
  return text(content.map((block) => (isRecord(block) && text(block["text"])) || "").join("\n"));
}

/** What was typed as an argument of the call that the player was opened for. */
export function readArgument(given: unknown, name: string): string | undefined {
  return isRecord(given) ? text(given[name]) : undefined;
}

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MOST_NOTES).flatMap((item) => text(item) ?? []);
}

function moment(value: unknown): Date | undefined {
  const date = new Date(typeof value === "string" ? value : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function request(value: unknown): string[] {
  if (!isRecord(value)) return [];
  return Object.entries(value)
    .slice(0, MOST_NOTES)
    .flatMap(([name, held]) => text(`${name}: ${typeof held === "string" ? held : JSON.stringify(held)}`) ?? []);
}
