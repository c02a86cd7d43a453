/** A host as MCP Apps describes it: an MCP client, a sandboxed frame, and ext-apps' `AppBridge` between the two. */

import { Client, type JSONRPCMessage, type Transport } from "@modelcontextprotocol/client";
import {
  AppBridge,
  type McpUiHostCapabilities,
  type McpUiHostContext,
  type McpUiResourceCsp,
  type McpUiToolResultNotification,
  PostMessageTransport,
  RESOURCE_MIME_TYPE,
  getToolUiResourceUri,
} from "@modelcontextprotocol/ext-apps/app-bridge";

type Result = McpUiToolResultNotification["params"];

export interface Opened {
  tool: string;
  args: Record<string, unknown>;
  context?: McpUiHostContext;
  capabilities?: McpUiHostCapabilities;
  /** What the player is told instead of the server's answer. */
  result?: Result;
  /** Whether the call ends without an answer. */
  cancelled?: boolean;
}

declare global {
  interface Window {
    /** The other end of the server's pipes, in the process that runs the browser. */
    toServer(line: string): Promise<void>;
    fromServer(line: string): void;
    host: Host;
  }
}

/** MCP over two functions of the page. */
const pipe: Transport = {
  async start() {
    window.fromServer = (line) => pipe.onmessage?.(JSON.parse(line) as JSONRPCMessage);
  },
  async send(message) {
    await window.toServer(JSON.stringify(message));
  },
  async close() {
    pipe.onclose?.();
  },
};

const EVERYTHING: McpUiHostCapabilities = { openLinks: {}, downloadFile: {}, serverTools: {}, logging: {} };

class Host {
  /** What the player asked of the host, in order. */
  asked: { what: string; params: unknown }[] = [];
  private refuses = false;
  private holds = false;
  private client: Client | undefined;
  private bridge: AppBridge | undefined;
  private frame: HTMLIFrameElement | undefined;

  /** Call a tool and show the player for it; resolves with the tool's answer once the player has it. */
  async open({ tool, args, context = {}, capabilities = EVERYTHING, result, cancelled }: Opened): Promise<Result | undefined> {
    this.close();
    this.asked = [];
    this.refuses = this.holds = false;
    const client = await this.connected();
    const { tools } = await client.listTools();
    const uri = getToolUiResourceUri(tools.find(({ name }) => name === tool) ?? {});
    if (!uri) throw new Error(`${tool} has no page`);
    const page = (await client.readResource({ uri })).contents[0];
    if (!page || !("text" in page) || page.mimeType !== RESOURCE_MIME_TYPE) throw new Error("That is no page");
    const ui = page._meta?.["ui"] as { csp?: McpUiResourceCsp; permissions?: object };
    document.body.classList.toggle("dark", context.theme === "dark");
    const bridge = await this.show(client, page.text, ui.csp ?? {}, context, capabilities);
    await bridge.sendToolInput({ arguments: args });
    if (cancelled) return void (await bridge.sendToolCancelled({ reason: "time-out" }));
    const answer = result ?? ((await client.callTool({ name: tool, arguments: args })) as Result);
    await bridge.sendToolResult(answer);
    return answer;
  }

  /** Tell the player of an answer that no tool gave. */
  async tell(result: Result): Promise<void> {
    await this.bridge?.sendToolResult(result);
  }

  change(context: McpUiHostContext): void {
    document.body.classList.toggle("dark", context.theme === "dark");
    this.bridge?.setHostContext(context);
  }

  hide(hidden: boolean): void {
    if (this.frame) this.frame.style.display = hidden ? "none" : "block";
  }

  /** Pass no more calls of the player on, and open no more links. */
  refuse(): void {
    this.refuses = true;
  }

  /** Take the player away without a word, as a host does whose window is closed. */
  close(): void {
    void this.bridge?.close();
    this.frame?.remove();
  }

  /** Let calls of the player wait for ever, so that a scene that was told stays. */
  hold(): void {
    this.holds = true;
  }

  async tearDown(): Promise<unknown> {
    return this.bridge?.teardownResource({});
  }

  private async connected(): Promise<Client> {
    if (!this.client) {
      this.client = new Client({ name: "test-host", version: "1" }, { capabilities: {} });
      await this.client.connect(pipe);
    }
    return this.client;
  }

  private async show(
    client: Client,
    html: string,
    csp: McpUiResourceCsp,
    hostContext: McpUiHostContext,
    capabilities: McpUiHostCapabilities,
  ): Promise<AppBridge> {
    const frame = document.createElement("iframe");
    this.frame = frame;
    frame.allow = "clipboard-write";
    const proxy = new URL(`proxy.html?csp=${encodeURIComponent(JSON.stringify(csp))}`, document.location.href);
    proxy.hostname = "localhost"; // another origin than 127.0.0.1
    frame.src = proxy.href;
    document.body.append(frame);
    const bridge = new AppBridge(client, { name: "test-host", version: "1" }, capabilities, { hostContext });
    this.bridge = bridge;
    bridge.onsandboxready = () => void bridge.sendSandboxResourceReady({ html, csp });
    bridge.onsizechange = ({ height }) => {
      if (height !== undefined) frame.style.height = `${height}px`;
    };
    bridge.onopenlink = async (params) => this.note("open", params);
    bridge.ondownloadfile = async (params) => this.note("download", params);
    const ready = new Promise<void>((resolve) => {
      bridge.oninitialized = () => resolve();
    });
    await bridge.connect(new PostMessageTransport(frame.contentWindow ?? undefined, frame.contentWindow as Window));
    // As the bridge does it by itself, but written down on the way.
    bridge.oncalltool = async (params) => {
      this.note("call", params);
      if (this.refuses) throw new Error("Not allowed");
      if (this.holds) await new Promise(() => undefined);
      return (await client.callTool(params)) as Result;
    };
    await ready;
    return bridge;
  }

  private note(what: string, params: unknown): { isError: boolean } {
    this.asked.push({ what, params });
    return { isError: this.refuses };
  }
}

window.host = new Host();
