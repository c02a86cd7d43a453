/**
 * The host: JSON-RPC 2.0 over `postMessage`, with the window above and no other.
 *
 * The types of the messages are the official package's, and nothing else of it is in the page. What the host sends is
 * typed by them, too, but nobody vouches for it: whoever uses a value reads it with `values.ts`.
 *
 * Source: the MCP Apps specification of 2026-01-26; JSON-RPC 2.0.
 */

import type {
  AppNotification,
  AppRequest,
  McpUiDownloadFileResult,
  McpUiInitializeResult,
  McpUiOpenLinkResult,
  McpUiToolResultNotification,
} from "@modelcontextprotocol/ext-apps";
import { isRecord } from "./values.ts";

export type ToolResult = McpUiToolResultNotification["params"];

/** What the page asks the host for, and what comes back. */
interface Results {
  "ui/initialize": McpUiInitializeResult;
  "ui/open-link": McpUiOpenLinkResult;
  "ui/download-file": McpUiDownloadFileResult;
  "tools/call": ToolResult;
}

type Message = AppRequest | AppNotification;
type Method = Message["method"];
type Params<Name extends Method> = Extract<Message, { method: Name }>["params"];

/** What to do when the host says something. A request of the host is answered with an empty result after it. */
export type Handlers = { [Name in Method]?: (params: NonNullable<Params<Name>>) => void };

interface Received {
  id?: unknown;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: unknown;
}

const REPLY_TIMEOUT = 60_000; // milliseconds: the server tries for up to 20 seconds to reach the API
const METHOD_NOT_FOUND = -32601;
const INTERNAL_ERROR = -32603;

export class Host {
  private readonly handlers: ReadonlyMap<unknown, (params: never) => void>;
  private readonly pending = new Map<unknown, (reply: Received) => void>();
  private requests = 0;

  constructor(handlers: Handlers) {
    this.handlers = new Map(Object.entries({ ping: () => undefined, ...handlers }));
    window.addEventListener("message", ({ source, data }: MessageEvent<unknown>) => {
      if (source === window.parent && isRecord(data) && data["jsonrpc"] === "2.0") this.receive(data);
    });
  }

  /** Rejects when the host answers with an error, with nothing that can be read, or not in time. */
  async request<Name extends keyof Results>(method: Name, params: Params<Name>): Promise<Results[Name]> {
    const id = ++this.requests;
    const reply = await new Promise<Received>((resolve) => {
      this.pending.set(id, resolve);
      setTimeout(resolve, REPLY_TIMEOUT, {});
      this.post({ id, method, params });
    });
    this.pending.delete(id);
    if (!isRecord(reply.result)) throw new Error(`No result of ${method}`);
    return reply.result as Results[Name];
  }

  notify<Name extends AppNotification["method"]>(method: Name, params: Params<Name>): void {
    this.post({ method, params });
  }

  private receive({ id, method, ...rest }: Received): void {
    if (method === undefined) this.pending.get(id)?.(rest);
    else if (id === undefined) this.handle(method, rest.params);
    else this.post({ id, ...this.handle(method, rest.params) });
  }

  /** The reply to a request; a notification has none. */
  private handle(method: unknown, params: unknown): object {
    const handler = this.handlers.get(method);
    if (!handler) return { error: { code: METHOD_NOT_FOUND, message: "Method not found" } };
    try {
      handler((isRecord(params) ? params : {}) as never);
      return { result: {} };
    } catch (error) {
      return { error: { code: INTERNAL_ERROR, message: String(error) } };
    }
  }

  private post(message: object): void {
    // The origin of the window above is not known, and may be opaque; nothing that is sent is a secret.
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }
}
