/** What the browser tests stand on: the real server as a child process, a real browser, and the host page between. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import axe from "axe-core";
import { type Browser, type Frame, type Page, chromium } from "playwright-core";
import type { McpUiResourceCsp } from "@modelcontextprotocol/ext-apps/app-bridge";
import type { Opened } from "./host/host.ts";

const ui = process.cwd();
const repository = path.join(ui, "..");
export const rocket = path.join(repository, "src/atlascloud_video_mcp/cli/assets/rocket.jpg");
/** A picture that is too small. */
/** 64 pixels each way: too small to be enlarged. */
export const tiny =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAG0lEQVR4nO3BgQAAAADDoPlT3+AEVQEAAAB8AxBAAAFGOA0dAAAAAElFTkSuQmCC";

const python = process.env["PYTHON"] ?? path.join(repository, ".venv/bin/python");
const browser = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A tool's answer that is an error. */
export function error(text: string): { content: { type: "text"; text: string }[]; isError: true } {
  return { content: [{ type: "text", text }], isError: true };
}

/** A place for what servers of the tests remember, each at a path of its own, removed in the end. */
export function scratch(): { path: () => string; remove: () => void } {
  const directory = mkdtempSync(path.join(tmpdir(), "player-"));
  let given = 0;
  return {
    path: () => path.join(directory, String(given++)),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** The server on its pipes; what it says is given to whoever listens. */
export class McpServer {
  private readonly child: ChildProcessWithoutNullStreams;
  private hear: (line: string) => void = () => undefined;

  constructor(args: string[], env: Record<string, string>) {
    this.child = spawn(python, ["-m", "atlascloud_video_mcp", ...args], { env: { ...process.env, ...env } });
    createInterface({ input: this.child.stdout }).on("line", (line) => this.hear(line));
    this.child.stderr.pipe(process.stderr);
  }

  async serve(page: Page): Promise<void> {
    this.hear = (line) => void page.evaluate((text) => window.fromServer(text), line).catch(() => undefined);
    await page.exposeFunction("toServer", (line: string) => void this.child.stdin.write(`${line}\n`));
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("close", resolve));
    this.child.stdin.end();
    await gone;
  }
}

/** The emulator of the API alone, with faults; `baseUrl` is what a server needs to know of it. */
export class Emulator {
  readonly baseUrl: string;
  private readonly child: ChildProcessWithoutNullStreams;

  private constructor(child: ChildProcessWithoutNullStreams, baseUrl: string) {
    this.child = child;
    this.baseUrl = baseUrl;
  }

  /** Start it; the file for the faults is written. */
  static async start(file: string, faults: object[]): Promise<Emulator> {
    writeFileSync(file, JSON.stringify(faults));
    const env = { ...process.env, PYTHONPATH: path.join(repository, "tests") };
    const child = spawn(python, ["-m", "scripted_sandbox", file], { env });
    child.stderr.pipe(process.stderr);
    for await (const line of createInterface({ input: child.stdout })) {
      return new Emulator(child, line.replace("ATLASCLOUD_BASE_URL=", ""));
    }
    throw new Error("The emulator did not start");
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("close", resolve));
    this.child.kill();
    await gone;
  }
}

/** A browser and the two origins of the host, shared by all tests. */
export class Stage {
  private constructor(
    private readonly browser: Browser,
    private readonly web: Server,
  ) {}

  static async set(): Promise<Stage> {
    const web = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://host");
      const file = url.pathname.slice(1);
      const known = { "host.html": "text/html", "proxy.html": "text/html", "host.js": "text/javascript" }[file];
      const csp = url.searchParams.get("csp");
      response.writeHead(known ? 200 : 404, {
        "content-type": known ?? "text/plain",
        ...(csp === null ? {} : { "content-security-policy": policy(JSON.parse(csp) as McpUiResourceCsp) }),
      });
      response.end(known && readFileSync(path.join(ui, file === "host.js" ? ".out" : "test/host", file)));
    });
    await new Promise<void>((resolve) => web.listen(0, resolve));
    return new Stage(await chromium.launch({ executablePath: browser, args: flags }), web);
  }

  /** A host page in a window of its own. */
  async host(server: McpServer): Promise<HostPage> {
    const context = await this.browser.newContext({ viewport: { width: 800, height: 900 } });
    const page = await context.newPage();
    const own = `:${(this.web.address() as AddressInfo).port}/`;
    const host = new HostPage(page, own);
    await server.serve(page);
    await page.goto(`http://127.0.0.1${own}host.html`);
    return host;
  }

  async strike(): Promise<void> {
    await this.browser.close();
    this.web.close();
    this.web.closeAllConnections();
  }
}

export class HostPage {
  /** Every address that was asked for beside the host's own three. */
  readonly loaded: string[] = [];
  /** What went wrong in any frame. */
  readonly complaints: string[] = [];

  constructor(
    readonly page: Page,
    own: string,
  ) {
    page.on("request", (request) => {
      const url = request.url();
      if (!url.includes(own) && !url.startsWith("data:")) this.loaded.push(url);
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  /** Call a tool in the conversation; the player is shown for it. */
  async open(opened: Opened): Promise<Record<string, unknown>> {
    const result = await this.page.evaluate((what) => window.host.open(JSON.parse(what)), JSON.stringify(opened));
    return (result?.structuredContent ?? {}) as Record<string, unknown>;
  }

  /** Tell the player of an answer that no tool gave: structured content with `_meta`, or the text of an error. */
  async tell(told: object | string, meta?: object): Promise<void> {
    const result = typeof told === "string" ? error(told) : { content: [], structuredContent: told, _meta: meta };
    await this.page.evaluate((what) => window.host.tell(JSON.parse(what)), JSON.stringify(result));
  }

  get player(): Frame {
    const frame = this.page.frame({ name: "view" });
    if (!frame) throw new Error("The player is not shown");
    return frame;
  }

  /** Say this to the player as its host, whatever `AppBridge` would make of it; resolves with the reply to a request. */
  async say(message: unknown): Promise<unknown> {
    const above = this.player.parentFrame();
    return above?.evaluate((said) => {
      const { id } = (said ?? {}) as { id?: unknown };
      const reply = new Promise((resolve) => {
        if (typeof id !== "string") resolve(undefined);
        else window.addEventListener("message", ({ data }) => data.id === id && resolve(data));
      });
      document.querySelector("iframe")?.contentWindow?.postMessage(said, "*");
      return reply;
    }, message);
  }

  async scene(name: string, timeout = 60_000): Promise<void> {
    await this.player.waitForSelector(`#player[data-scene="${name}"]`, { timeout });
  }

  async text(selector: string): Promise<string> {
    return this.player.locator(selector).innerText();
  }

  /** What would keep somebody from using the page, by the rules of axe-core: contrast, names, roles, order. */
  async barriers(): Promise<string[]> {
    await this.player.evaluate(axe.source);
    return this.player.evaluate(async () => {
      const { violations, passes } = await (window as unknown as { axe: typeof axe }).axe.run();
      if (!passes.some(({ id }) => id === "color-contrast")) throw new Error("The contrast was not looked at");
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
  }

  /** The tools that the player called, and the links that it asked the host for. */
  async asked(what: string): Promise<unknown[]> {
    const all = await this.page.evaluate(() => window.host.asked);
    return all.filter((one) => one.what === what).map((one) => one.params);
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}

/** The policy that hosts make of what a page asks for. Source: MCP Apps specification, section on security. */
function policy({ resourceDomains = [], connectDomains = [] }: McpUiResourceCsp): string {
  const from = resourceDomains.join(" ");
  return [
    "default-src 'none'",
    `script-src 'self' 'unsafe-inline' ${from}`,
    `style-src 'self' 'unsafe-inline' ${from}`,
    `img-src 'self' data: ${from}`,
    `font-src 'self' ${from}`,
    `media-src 'self' data: ${from}`,
    `connect-src ${connectDomains.join(" ") || "'none'"}`,
    "frame-src 'self'",
    "object-src 'none'",
    "base-uri 'self'",
  ].join("; ");
}
