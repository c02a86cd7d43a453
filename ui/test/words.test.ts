/** What the player makes of data, without a browser. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Format } from "../src/format.ts";
import { link } from "../src/links.ts";
import { readPrediction, readText } from "../src/prediction.ts";
import { type Situation, sceneOf } from "../src/scenes.ts";
import { Watch } from "../src/watch.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const ENGLISH = new Format("en-US", "UTC");

test("progress, pauses and whether the clip is being saved are what the server says", () => {
  const running = { status: "processing", prediction_id: "p1", elapsed_seconds: 76, expected_seconds: 184 };
  const meta = { "atlascloud-video/fraction": 0.4, "atlascloud-video/pollIntervalMs": 2500 };
  const prediction = readPrediction(running, meta);
  assert.deepEqual([prediction?.fraction, prediction?.lookAgainIn, prediction?.saving], [0.4, 2.5, false]);
  assert.deepEqual(sceneOf({ begun: NOW, asked: {}, prediction, heard: NOW }, ENGLISH, NOW).ring, { fraction: 0.4 });
  assert.equal(readPrediction({ status: "completed", saving: true })?.saving, true);
  const untold = readPrediction(running, { "atlascloud-video/fraction": "40 %", "atlascloud-video/pollIntervalMs": -1 });
  assert.deepEqual([untold?.fraction, untold?.lookAgainIn], [undefined, undefined]);
  assert.equal(readPrediction(running, { "atlascloud-video/pollIntervalMs": 0 })?.lookAgainIn, 1);
});

test("only https, and http to this machine, is an address", () => {
  for (const good of ["https://a.aliyuncs.com/b.mp4?c=d", "http://127.0.0.1:8787/f", "http://localhost/f", "http://[::1]:1/f"]) {
    assert.equal(link(good), good);
  }
  for (const bad of [
    undefined,
    "",
    "clip.mp4",
    "//host/clip.mp4",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " \u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "blob:https://host/1",
    "file:///etc/passwd",
    "http://host/clip.mp4",
    "http://127.0.0.1.host/clip.mp4",
    "http://localhost.host/clip.mp4",
    "https://user@host/clip.mp4",
    "https://user:pass@host/clip.mp4",
    "https://",
  ]) {
    assert.equal(link(bad), undefined, bad);
  }
});

test("data of other types than agreed is as good as absent", () => {
  for (const nothing of [undefined, null, 5, "text", [], {}, { status: "odd" }, { status: ["completed"] }]) {
    assert.equal(readPrediction(nothing), undefined);
  }
  const prediction = readPrediction({
    status: "completed",
    prediction_id: 5,
    prompt: { a: 1 },
    video_url: ["https://host/a.mp4"],
    cost_usd: "0.28",
    elapsed_seconds: -1,
    expected_seconds: Number.NaN,
    expires_at: "soon",
    notes: "one",
    request: "none",
  });
  const { status, notes, saving, sandbox, request, ...rest } = prediction ?? {};
  assert.deepEqual({ status, notes, saving, sandbox, request }, { status: "completed", notes: [], saving: false, sandbox: false, request: [] });
  assert.deepEqual(Object.values(rest).filter((value) => value !== undefined), []);
  assert.equal(readText("text"), undefined);
  assert.equal(readText([{ type: "text", text: "one" }, { type: "image" }, null, { text: 5 }])?.trim(), "one");
});

test("what is very long is cut", () => {
  assert.equal(readPrediction({ status: "failed", error: "x".repeat(1e6) })?.error?.length, 4001);
  assert.equal(readPrediction({ status: "failed", notes: Array(1e3).fill("x") })?.notes.length, 20);
});

test("numbers and dates are written as the host's user writes them", () => {
  const german = new Format("de-DE", "Europe/Berlin");
  assert.equal(german.dollars(0.28), "0,28\u00a0$");
  assert.equal(german.percent(0.999), "99\u00a0%");
  assert.equal(german.date(new Date(NOW)), "25.11.2026, 13:00");
  assert.equal(ENGLISH.dollars(0.0625), "$0.0625");
  assert.equal(ENGLISH.seconds(61.2), "61 sec");
});

test("a locale or time zone that does not exist counts as none", () => {
  assert.equal(new Format("<b>", "Mars/Base").percent(0.5), new Format().percent(0.5));
});

test("no picture is shown but that of an answer", () => {
  const asked = { image: "https://elsewhere.example/tracks.png", prompt: "p" };
  const before = sceneOf({ begun: NOW, asked }, ENGLISH, NOW);
  const prediction = readPrediction({ status: "processing", prediction_id: "p1", image_url: "https://a.aliyuncs.com/b.png" });
  const after = sceneOf({ begun: NOW, asked, prediction }, ENGLISH, NOW);
  assert.deepEqual([before.picture, after.picture], [undefined, "https://a.aliyuncs.com/b.png"]);
});

test("each way things can stand has its scene", () => {
  const scene = (changes: Partial<Situation>) => sceneOf({ begun: NOW - 5000, asked: {}, ...changes }, ENGLISH, NOW);
  const told = (content: object) => ({ prediction: readPrediction(content), heard: NOW - 2000 });
  assert.equal(scene({}).name, "waiting");
  assert.equal(scene({}).detail, "Waiting for the first update: 5 sec");
  assert.equal(scene({ cancelled: true }).name, "cancelled");
  assert.equal(scene({ answer: { text: "No.", isError: true } }).name, "refused");
  assert.equal(scene({ answer: { text: "Models", isError: false } }).name, "other");
  assert.equal(scene({ trouble: { text: "No.", due: NOW + 4500 } }).detail, "Retrying in 5 sec");

  const working = scene(told({ status: "processing", elapsed_seconds: 20, expected_seconds: 45 }));
  assert.deepEqual([working.name, working.detail], ["working", "22 sec of about 45 sec"]);
  assert.deepEqual(scene(told({ status: "processing" })).ring, {});
  assert.match(scene(told({ status: "processing", elapsed_seconds: 99, expected_seconds: 45 })).said[0] ?? "", /longer/);

  const clip = { status: "completed", video_url: "https://host/a.mp4", expires_at: "2026-12-01T00:00:00Z" };
  assert.equal(scene(told(clip)).clip, "https://host/a.mp4");
  assert.equal(scene(told({ ...clip, expires_at: "2026-11-25T12:00:00Z" })).name, "expired");
  const costs = [false, true].map((sandbox) => scene(told({ ...clip, cost_usd: 0.28, sandbox })).rows[0]);
  assert.deepEqual(costs.map((cost) => cost?.label), ["Cost", "Price"]);
  assert.equal(scene({ ...told({ ...clip, saving: true }), trouble: { text: "No.", due: NOW } }).name, "finished");
  const unsafe = scene(told({ ...clip, video_url: "javascript:alert(1)" }));
  assert.deepEqual([unsafe.name, unsafe.clip], ["finished", undefined]);
  assert.ok(unsafe.rows.some(({ value }) => value === "javascript:alert(1)"));

  const failed = scene(told({ status: "failed", error: "No.", notes: ["It is free.", "Two."] }));
  assert.deepEqual([failed.said.slice(0, -1), failed.notes], [["No.", "It is free.", "Two."], []]);
  assert.match(failed.said.at(-1) ?? "", /change the picture or the prompt/);
  // Done, by the API's word, but without a clip: it may have been charged, and another look may find the clip.
  assert.match(scene(told({ status: "failed", cost_usd: 0.28 })).said[1] ?? "", /may have cost \$0\.28.*look at it again/);

  const dry = scene(told({ status: "dry_run", cost_usd: 0.28, request: { model: "m", duration: 6 } }));
  assert.equal(dry.name, "dry_run");
  assert.deepEqual(dry.rows, [
    { label: "Price", value: "$0.28", copy: false },
    { label: "Request", value: "model: m\nduration: 6", copy: false },
  ]);
});

test("a watch asks one question at a time, and none while nobody looks", async () => {
  const asked: string[] = [];
  const answers: ((answer: string) => void)[] = [];
  const heard: (string | Error)[] = [];
  const watch = new Watch<string>(
    (id) => {
      asked.push(id);
      return new Promise((resolve) => answers.push(resolve));
    },
    (answer) => {
      heard.push(answer);
      return answer === "more" ? 0 : undefined;
    },
  );
  const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

  watch.look(false);
  watch.follow("one", 0);
  await turn();
  assert.deepEqual(asked, []);
  watch.look(true);
  await turn();
  watch.look(true);
  await turn();
  assert.deepEqual(asked, ["one"]);
  watch.follow("two", 0);
  await turn();
  answers[0]?.("of one");
  await turn();
  assert.deepEqual([asked, heard], [["one", "two"], []]);
  answers[1]?.("more");
  await turn();
  assert.deepEqual([asked, heard], [["one", "two", "two"], ["more"]]);
  answers[2]?.("enough");
  await turn();
  assert.deepEqual([asked.length, heard], [3, ["more", "enough"]]);
});
