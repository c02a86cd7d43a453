/** The player in a real browser, inside a host built on ext-apps' `app-bridge`, against the real server. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Emulator, type HostPage, McpServer, Stage, error, rocket, scratch, tiny } from "./harness.ts";
import type { Opened } from "./host/host.ts";

const PROMPT = "[Push in] The rocket climbs into the morning sky.";
const MARKUP = `<img src=x onerror="top.ran=1"><script>top.ran=1</script><svg onload="top.ran=1">\u202e`;
const FREE = "Atlas Cloud does not charge for a failed generation.";
const WIDTHS = [320, 480, 768, 1200];

const place = scratch();
let stage: Stage;
let sandbox: McpServer;
let shared: HostPage;
let clip: Record<string, unknown> | undefined;

before(async () => {
  stage = await Stage.set();
  sandbox = new McpServer(["--sandbox", "--speed", "60"], {});
  shared = await stage.host(sandbox);
});

after(async () => {
  await sandbox.close();
  await stage.strike();
  place.remove();
});

/** Run a test in the host that all share, which runs the server in sandbox mode. */
async function hosted(
  body: (host: HostPage) => Promise<void>,
  { width = 800, reducedMotion = "no-preference" as "no-preference" | "reduce" } = {},
): Promise<void> {
  await shared.page.setViewportSize({ width, height: 900 });
  await shared.page.emulateMedia({ reducedMotion });
  shared.complaints.length = shared.loaded.length = 0;
  try {
    await body(shared);
    assert.deepEqual(shared.complaints, []);
  } finally {
    await shared.page.evaluate(() => window.host.close());
  }
}

/** Run a test in a host of its own. */
async function alone(server: McpServer, body: (host: HostPage) => Promise<void>): Promise<void> {
  const host = await stage.host(server);
  try {
    await body(host);
    assert.deepEqual(host.complaints, []);
  } finally {
    await host.close();
    await server.close();
  }
}

/** Run a test against an API that answers looks at a prediction as it is told to. */
async function emulated(faults: object[], body: (host: HostPage, emulator: Emulator) => Promise<void>): Promise<void> {
  const emulator = await Emulator.start(place.path(), faults);
  const env = { ATLASCLOUD_STATE_DIR: place.path(), ATLASCLOUD_API_KEY: "test", ATLASCLOUD_BASE_URL: emulator.baseUrl };
  try {
    await alone(new McpServer([], env), (host) => body(host, emulator));
  } finally {
    await emulator.close();
  }
}

function says(payload: object, times = 100): object {
  return { endpoint: "prediction", action: "status", status: 200, body: JSON.stringify({ code: 200, data: payload }), times };
}

function started(host: HostPage, prompt = PROMPT, context = {}): Promise<Record<string, unknown>> {
  return host.open({ tool: "animate_image", args: { image: rocket, prompt, wait_seconds: 0 }, context });
}

/** Show the one clip that is finished, which the first test to need it has made. */
async function finished(host: HostPage, rest: Partial<Opened> = {}): Promise<Record<string, unknown>> {
  const made = clip ?? (await host.open({ tool: "animate_image", args: { image: rocket, prompt: PROMPT, wait_seconds: 60 } }));
  clip = made;
  const answer = await host.open({ tool: "get_prediction", args: { prediction_id: made["prediction_id"] }, ...rest });
  await host.scene("finished");
  return answer;
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`It did not come about that ${what}`);
}

const video = (host: HostPage) =>
  host.player.evaluate(() => {
    const { currentTime, paused, loop, muted, src } = document.getElementById("clip") as HTMLVideoElement;
    return { currentTime, paused, loop, muted, src };
  });

test("a clip is followed while it is made, and plays when it is there", async () => {
  await alone(
    new McpServer(["--sandbox", "--speed", "12"], {}),
    async (host) => {
      const given = await started(host);
      await host.scene("working");
      await until(async () => /^\d+ sec of about 4 sec$/.test(await host.text("#detail")), "time goes by");
      const ring = host.player.getByRole("progressbar");
      assert.match(await host.text("#percent"), /^\d+%$/);
      assert.equal(`${await ring.getAttribute("aria-valuenow")}%`, await host.text("#percent"));
      assert.match(await host.text("#rows"), new RegExp(`${given["prediction_id"]}`));

      await host.scene("finished");
      await until(async () => (await video(host)).currentTime > 0.2, "the clip plays");
      const before = await video(host);
      await until(async () => (await video(host)).currentTime !== before.currentTime, "it goes on playing");
      assert.deepEqual({ ...before, currentTime: 0, src: "" }, { currentTime: 0, paused: false, loop: true, muted: true, src: "" });
      for (const part of [PROMPT, "6 sec", "$0.30", "nothing was paid"]) {
        assert.ok((await host.text("#words")).includes(part), part);
      }

      const calls = (await host.asked("call")) as { name: string; arguments: object }[];
      assert.ok(calls.length > 0);
      const only = { name: "get_prediction", arguments: { prediction_id: given["prediction_id"], wait_seconds: 0 } };
      assert.deepEqual(new Set(calls.map((call) => JSON.stringify({ name: call.name, arguments: call.arguments }))), new Set([JSON.stringify(only)]));
      assert.deepEqual(new Set(host.loaded), new Set([given["image_url"], before.src]));
    },
  );
});

test("a clip that is to be saved is followed until it is on disk", async () => {
  const directory = place.path();
  await alone(new McpServer(["--sandbox", "--speed", "60"], { ATLASCLOUD_DOWNLOAD_DIR: directory }), async (host) => {
    await started(host);
    await host.scene("finished");
    await until(async () => (await host.text("#rows")).includes(directory), "the path is shown");
    assert.doesNotMatch(await host.text("#notes"), /still being saved/);
  });
});

test("a finished clip is unmuted, opened and downloaded, by the keyboard too", async () => {
  await hosted(async (host) => {
    await finished(host);
    const { src } = await video(host);
    const order: string[] = [];
    await host.player.locator("#clip").focus();
    for (let step = 0; step < 30 && order.at(-1) !== "Copy: Id"; step++) {
      await host.page.keyboard.press("Tab");
      const name = await host.player.evaluate(() => {
        const { id, ariaLabel, textContent } = document.activeElement ?? document.body;
        return id === "clip" ? "" : (ariaLabel ?? textContent ?? "");
      });
      if (name) order.push(name);
      if (name === "Unmute" || name === "Open" || name === "Download") await host.page.keyboard.press("Enter");
    }
    assert.deepEqual(order, ["Unmute", "Open", "Download", "Copy: Id"]);
    assert.equal((await video(host)).muted, false);
    assert.equal(await host.text("#sound"), "Mute");
    assert.deepEqual(await host.asked("open"), [{ url: src }]);
    const [download] = (await host.asked("download")) as { contents: Record<string, string>[] }[];
    assert.deepEqual({ ...download?.contents[0], name: "" }, { type: "resource_link", uri: src, name: "", mimeType: "video/mp4" });
    assert.match(download?.contents[0]?.["name"] ?? "", /^sandbox-\w+\.mp4$/);
    assert.equal(await host.text("#news"), "The clip is ready.");
  });
});

test("a host without links gets the address to copy", async () => {
  await hosted(async (host) => {
    await finished(host, { capabilities: { serverTools: {} } });
    const { src } = await video(host);
    await host.page.evaluate(() => window.host.refuse());
    await host.player.locator("#download").click();
    await until(async () => (await host.text("#outcome")).includes(src), "the address is shown");
    assert.deepEqual([await host.asked("download"), await host.asked("open")], [[], [{ url: src }]]);
  });
});

test("the id is copied, and where that is not allowed, selected", async () => {
  await hosted(async (host) => {
    const { prediction_id: id } = await started(host, "sandbox:stuck");
    await host.scene("working");
    const button = host.player.getByRole("button", { name: "Copy: Id" });
    await button.click();
    await until(async () => (await button.innerText()) !== "Copy", "the button answers");
    const selected = await host.player.evaluate(() => getSelection()?.toString());
    assert.ok((await button.innerText()) === "Copied" || selected === id);
  });
});

test("a failure says why, that nothing was paid, and what to try", async () => {
  await hosted(async (host) => {
    await started(host, "sandbox:fail");
    await host.scene("failed");
    const said = await host.text("#said");
    for (const part of ["Content moderation refused the prompt", "does not charge for a failed", "change the picture or the prompt"]) {
      assert.ok(said.includes(part), part);
    }
    assert.ok((await host.text("#news")).includes("Content moderation refused the prompt"));
  });
});

test("while the service is away it says so, goes on asking, and shows the clip in the end", async () => {
  const running = { id: "p1", status: "processing", created_at: new Date().toISOString() };
  const done = { ...running, status: "completed", completed_at: new Date().toISOString(), outputs: ["https://x.aliyuncs.com/p1.mp4"] };
  // The server looks by itself too: it may be the first to find the service away.
  const away = { endpoint: "prediction", action: "status", status: 503, headers: { "Retry-After": "300" }, times: 2 };
  await emulated([says(running, 1), away, says(done)], async (host) => {
    await host.page.route("https://x.aliyuncs.com/**", (route) => route.abort());
    await host.open({ tool: "get_prediction", args: { prediction_id: "p1", wait_seconds: 0 } });
    await host.scene("unreachable");
    assert.match(await host.text("#detail"), /^Retrying (in \d sec|now)$/);
    assert.match(await host.text("#said"), /prediction p1 failed: the prediction stays valid[^]*still being made/);
    await host.scene("finished");
    host.complaints.length = 0; // the clip on a host that does not exist
  });
});

test("a host that passes no calls on is told of as one that does not answer", async () => {
  await hosted(async (host) => {
    const submitted = await started(host, "sandbox:stuck");
    await host.page.evaluate(() => window.host.refuse());
    await host.scene("unreachable");
    assert.match(await host.text("#said"), /not answered[^]*not lost/);
    assert.match(await host.text("#rows"), new RegExp(`${submitted["prediction_id"]}`));
  });
});

test("a clip that has been deleted is not asked for", async () => {
  const old = { id: "p1", status: "completed", created_at: "2026-01-01T00:00:00Z", outputs: ["https://x.aliyuncs.com/p1.mp4"] };
  await emulated([says(old)], async (host) => {
    await host.open({ tool: "get_prediction", args: { prediction_id: "p1" }, context: { locale: "en-GB", timeZone: "UTC" } });
    await host.scene("expired");
    assert.match(await host.text("#said"), /kept this one until 15 Jan 2026/);
    assert.deepEqual(host.loaded, []);
  });
});

test("a clip that cannot be loaded is said to be so, and can still be opened", async () => {
  const gone = { endpoint: "file", action: "status", status: 404, after: 1, times: 100 };
  await emulated([gone], async (host, emulator) => {
    await host.open({ tool: "animate_image", args: { image: rocket, prompt: "sandbox:fail", wait_seconds: 0 } });
    await host.tell({ status: "completed", video_url: `${emulator.baseUrl.replace("/api/v1", "")}/files/outputs/none.mp4` });
    await host.scene("finished");
    await until(async () => /could not be loaded here/.test(await host.text("#said")), "it says so");
    assert.ok(await host.player.locator("#open").isVisible());
    host.complaints.length = 0; // the browser tells of the 404 too
  });
});

test("an error of the server is shown as it is", async () => {
  await hosted(async (host) => {
    await host.open({ tool: "animate_image", args: { image: tiny } });
    await host.scene("refused");
    assert.match(await host.text("#said"), /64 px/);
    assert.deepEqual(await host.asked("call"), []);
  });
});

test("a dry run shows what would be sent and its price, and asks for nothing", async () => {
  await hosted(async (host) => {
    await host.open({ tool: "animate_image", args: { image: rocket, prompt: PROMPT, dry_run: true } });
    await host.scene("dry_run");
    for (const part of ["Price", "$0.30", "prompt: [Push in]"]) assert.ok((await host.text("#rows")).includes(part), part);
    assert.match(await host.text("#said"), /nothing was paid/);
    assert.deepEqual(await host.asked("call"), []);
  });
});

test("a cancelled call says what may have become of it", async () => {
  await hosted(async (host) => {
    await host.open({ tool: "animate_image", args: { image: rocket, prompt: PROMPT }, cancelled: true });
    await host.scene("cancelled");
    assert.match(await host.text("#said"), /still being made/);
  });
});

test("a cancelled look goes on by itself", async () => {
  await hosted(async (host) => {
    const { prediction_id: id } = await started(host);
    await host.open({ tool: "get_prediction", args: { prediction_id: id }, cancelled: true });
    await host.scene("finished");
  });
});

test("the answer of another tool is shown as text", async () => {
  await hosted(async (host) => {
    const result = { content: [{ type: "text" as const, text: MARKUP }], structuredContent: { models: [] } };
    await host.open({ tool: "get_prediction", args: {}, result });
    await host.scene("other");
    assert.equal(await host.player.locator("#said p").textContent(), MARKUP);
  });
});

test("markup and addresses of other kinds are shown as text, and nothing of them runs or is loaded", async () => {
  const hostile = {
    prediction_id: MARKUP,
    provider_status: MARKUP,
    model: MARKUP,
    prompt: MARKUP,
    error: MARKUP,
    saved_path: MARKUP,
    video_url: "javascript:top.ran=1",
    image_url: "javascript:top.ran=1",
    notes: [MARKUP, "x".repeat(100_000)],
    request: { [MARKUP]: MARKUP },
    elapsed_seconds: 3,
    expected_seconds: 45,
  };
  await hosted(
    async (host) => {
      await host.open({ tool: "get_prediction", args: { prediction_id: MARKUP, image: MARKUP }, result: { content: [] } });
      const elements = await host.player.evaluate(() => document.querySelectorAll("img, script, svg, iframe, a").length);
      for (const status of ["processing", "completed", "failed", "dry_run"]) {
        await host.tell({ ...hostile, status });
        await host.player.waitForSelector("#player:not([data-scene=other])");
        assert.ok(((await host.player.locator("#words").textContent()) ?? "").includes(MARKUP), status);
        assert.equal(await host.player.evaluate(() => document.querySelectorAll("img, script, svg, iframe, a").length), elements);
        await until(() => fits(host), `${status} fits`);
      }
      assert.equal(await host.page.evaluate(() => "ran" in window), false);
      assert.deepEqual(host.loaded, []);
    },
    { width: 320 },
  );
});

test("only the host is heard, and what it says amiss does no harm", async () => {
  const notification = (method: string, params: unknown) => ({ jsonrpc: "2.0", method: `ui/notifications/${method}`, params });
  const forged = notification("tool-result", { content: [], structuredContent: { status: "failed" } });
  const odd = { theme: 5, styles: { variables: { color: "red", "--ground": 5 } }, containerDimensions: "x", safeAreaInsets: 5, timeZone: {} };
  await hosted(async (host) => {
    await finished(host);
    await host.player.evaluate((message) => window.postMessage(message, "*"), forged);
    await host.page.evaluate((message) => window.frames[0]?.frames[0]?.postMessage(message, "*"), forged);
    const nonsense = [null, 5, "text", [], {}, { jsonrpc: "2.0" }, { jsonrpc: "2.0", id: 1, result: 5 }, { ...forged, jsonrpc: "1.0" }];
    for (const message of [...nonsense, notification("none", {}), notification("host-context-changed", odd)]) await host.say(message);
    assert.deepEqual(await host.say({ jsonrpc: "2.0", id: "a", method: "ping" }), { jsonrpc: "2.0", id: "a", result: {} });
    const refusal = { code: -32601, message: "Method not found" };
    assert.deepEqual(await host.say({ jsonrpc: "2.0", id: "b", method: "tools/list" }), { jsonrpc: "2.0", id: "b", error: refusal });
    const painted = await host.player.evaluate(() => {
      const { color, cssText } = document.documentElement.style;
      return [color, cssText.includes("--ground"), document.getElementById("player")?.dataset["scene"]];
    });
    assert.deepEqual(painted, ["", false, "finished"]);
    await host.say(forged);
    await host.scene("failed");
  });
});

test("the prompt is shown while the arguments are still being written", async () => {
  await hosted(async (host) => {
    await host.open({ tool: "animate_image", args: {}, cancelled: true });
    await host.scene("cancelled");
    const params = { arguments: { prompt: "The rocket cl" } };
    await host.say({ jsonrpc: "2.0", method: "ui/notifications/tool-input-partial", params });
    await until(async () => (await host.text("#rows")).includes("The rocket cl"), "the prompt is shown");
  });
});

test("hostile answers of the API itself run nothing either", async () => {
  const payload = { id: MARKUP, status: "completed", model: MARKUP, error: MARKUP, outputs: ["javascript:top.ran=1", MARKUP] };
  await emulated([says(payload)], async (host) => {
    await host.open({ tool: "get_prediction", args: { prediction_id: "p1" } });
    await host.scene("failed");
    assert.equal(await host.page.evaluate(() => "ran" in window), false);
    assert.deepEqual(host.loaded, []);
  });
});

test("it asks nothing while it is hidden or after it was torn down", async () => {
  await alone(new McpServer(["--sandbox", "--speed", "60"], {}), async (host) => {
    await host.page.clock.install();
    await started(host, "sandbox:stuck");
    const asked = async () => (await host.asked("call")).length;
    const minutePasses = async () => {
      await host.page.waitForTimeout(300); // for what was asked before
      const before = await asked();
      await host.page.clock.runFor(60_000);
      await host.page.waitForTimeout(300); // for what is asked now
      return (await asked()) - before;
    };
    assert.ok((await minutePasses()) > 0);
    await host.page.evaluate(() => window.host.hide(true));
    assert.equal(await minutePasses(), 0);
    await host.page.evaluate(() => window.host.hide(false));
    assert.ok((await minutePasses()) > 0);
    await host.page.evaluate(() => window.host.tearDown());
    assert.equal(await minutePasses(), 0);
  });
});

test("it follows the host's theme, colours, numbers and height", async () => {
  await hosted(async (host) => {
    await finished(host, {
      context: { theme: "dark", locale: "de-DE", timeZone: "Europe/Berlin", containerDimensions: { maxHeight: 500 } },
    });
    const colours = () => host.player.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.match(await host.text("#rows"), /0,30\s\$/);
    const dark = await colours();
    await host.page.evaluate(() => window.host.change({ theme: "light" }));
    await until(async () => (await colours()) !== dark, "the theme changes");
    const variables = { "--color-background-primary": "rgb(1, 2, 3)" };
    await host.page.evaluate((given) => window.host.change(JSON.parse(given)), JSON.stringify({ styles: { variables } }));
    await until(async () => (await colours()) === "rgb(1, 2, 3)", "the host's colour is taken");
    assert.ok((await host.player.locator("#clip").boundingBox().then((box) => box?.height ?? 999)) <= 280);
  });
});

test("for whoever asks for reduced motion nothing moves by itself", async () => {
  await hosted(
    async (host) => {
      await finished(host);
      await host.player.waitForFunction(() => (document.getElementById("clip") as HTMLVideoElement).readyState === 4);
      assert.deepEqual([(await video(host)).paused, (await video(host)).currentTime], [true, 0]);
      const animations = await host.player.evaluate(() => document.getAnimations().length);
      assert.equal(animations, 0);
    },
    { reducedMotion: "reduce" },
  );
});

test("every scene fits every width, in light and dark, in colours that can be read", async () => {
  await hosted(async (host) => {
    const made = await finished(host);
    await until(async () => (await video(host)).currentTime > 0, "the clip plays");
    await host.page.evaluate(() => window.host.hold());
    const keptUntil = new Date(Date.now() + 14 * 86_400_000).toISOString();
    const live = { ...made, sandbox: false, notes: [], elapsed_seconds: 47, expires_at: keptUntil };
    const savedPath = "/home/maria/Pictures/clips/rocket-launch-in-the-morning-4c1d7a90.mp4";
    const request = { model: made["model"], image: rocket, prompt: PROMPT };
    const scenes: [string, object | string][] = [
      ["working", { ...live, status: "processing", elapsed_seconds: 41, expected_seconds: 45 }],
      ["unreachable", "Atlas Cloud cannot be reached. Only the look failed: the prediction stays valid; do not submit again."],
      ["finished", { ...live, saved_path: savedPath, duration: 6 }],
      ["failed", { ...live, status: "failed", error: "Content moderation refused the prompt", cost_usd: undefined, notes: [FREE] }],
      ["expired", { ...live, expires_at: "2026-01-15T00:00:00Z" }],
      ["dry_run", { ...live, status: "dry_run", request }],
      ["refused", "The picture is 250 x 400 pixels, and the model wants a short side of more than 300 pixels. Nothing was sent."],
    ];
    for (const [name, told] of scenes) {
      if (name === "refused") await host.open({ tool: "animate_image", args: {}, result: error(told as string) });
      else await host.tell(told, name === "working" ? { "atlascloud-video/fraction": 0.82 } : undefined);
      await host.scene(name);
      for (const theme of ["light", "dark"] as const) {
        await host.page.evaluate((wanted) => window.host.change({ theme: wanted }), theme);
        assert.deepEqual(await host.barriers(), [], `${name}, ${theme}`);
        for (const width of WIDTHS) {
          await host.page.setViewportSize({ width, height: 900 });
          await until(() => fits(host), `${name} fits ${width} px`);
          await host.page.locator("iframe").screenshot({ path: `.out/shots/${name}-${theme}-${width}.png` });
        }
      }
    }
  });
});

/** Whether nothing is wider than the window, and the host gave the page the height it asked for. */
function fits(host: HostPage): Promise<boolean> {
  return host.player.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement;
    const sticksOut = [...document.querySelectorAll("main *")].some((node) => {
      const box = node.getBoundingClientRect();
      return node.id !== "news" && box.width > 0 && (box.right > clientWidth + 1 || box.left < -1);
    });
    return scrollWidth <= clientWidth && Math.abs(scrollHeight - clientHeight) <= 1 && !sticksOut;
  });
}
