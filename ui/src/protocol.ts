/**
 * JSON-RPC over one window: all of the SDK's `Protocol` that `App` of ext-apps uses.
 *
 * The build puts it in the place of `@modelcontextprotocol/client`, which brings two protocol eras and their schemas,
 * and would make the page four times as large. `make test-ui` proves it against a host built on `app-bridge`, which
 * uses the SDK's own.
 *
 * Source: JSON-RPC 2.0; the MCP Apps specification of 2026-01-26.
 */

interface Schema {
  parse(value: unknown): unknown;
}

interface Schemas {
  params?: Schema;
}

interface Options {
  timeout?: number;
}

interface Transport {
  start(): Promise<void>;
  send(message: object): Promise<void>;
  close(): Promise<void>;
  onmessage?: ((message: Message) => void) | undefined;
  onclose?: (() => void) | undefined;
}

interface Message {
  id?: number | string;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string };
}

type Handler = (params: unknown) => unknown;

interface Waiting {
  settle: (message: Message) => void;
  fail: (reason: Error) => void;
}

const LONGEST_WAIT = 60_000; // milliseconds
const METHOD_NOT_FOUND = -32601;
const INTERNAL_ERROR = -32603;

export class Protocol {
  transport?: Transport | undefined;
  private nextId = 0;
  private readonly waiting = new Map<number | string, Waiting>();
  private readonly answering = new Map<string, Handler>();
  private readonly hearing = new Map<string, Handler>();

  async connect(transport: Transport): Promise<void> {
    this.transport = transport;
    transport.onmessage = (message) => this.receive(message);
    transport.onclose = () => this.ended();
    await transport.start();
  }

  async close(): Promise<void> {
    await this.transport?.close();
  }

  /** Ask the other side; rejects with its error, after the time-out, or when the connection ends. */
  request(request: { method: string; params?: unknown }, schema?: Schema | Options, options?: Options): Promise<unknown> {
    const reader = schema && "parse" in schema ? schema : undefined;
    const { timeout = LONGEST_WAIT } = (reader ? options : (schema as Options)) ?? {};
    const id = this.nextId++;
    return new Promise<unknown>((resolve, reject) => {
      const clock = setTimeout(() => fail(new Error(`No answer to ${request.method}`)), timeout);
      const over = () => {
        clearTimeout(clock);
        this.waiting.delete(id);
      };
      const fail = (reason: Error) => {
        over();
        reject(reason);
      };
      const settle = (message: Message) => {
        if (message.error) return fail(new Error(message.error.message));
        over();
        try {
          resolve(reader ? reader.parse(message.result) : message.result);
        } catch (error) {
          reject(error);
        }
      };
      this.waiting.set(id, { settle, fail });
      this.send({ id, ...request }).catch(fail);
    });
  }

  async notification(notification: { method: string; params?: unknown }): Promise<void> {
    await this.send(notification);
  }

  setRequestHandler(method: string, ...rest: [Handler] | [Schemas, Handler]): void {
    // Methods of MCP itself are handed the whole request, those of an extension its checked parameters.
    this.answering.set(method, rest.length === 1 ? (params) => rest[0]({ method, params }) : checked(...rest));
  }

  setNotificationHandler(method: string, ...rest: [Handler] | [Schemas, Handler]): void {
    this.hearing.set(method, rest.length === 1 ? (params) => rest[0]({ method, params }) : checked(...rest));
  }

  removeRequestHandler(method: string): void {
    this.answering.delete(method);
  }

  removeNotificationHandler(method: string): void {
    this.hearing.delete(method);
  }

  private receive(message: Message): void {
    if (message.method === undefined) {
      this.waiting.get(message.id ?? "")?.settle(message);
    } else if (message.id === undefined) {
      void attempt(this.hearing.get(message.method), message.params).catch(() => undefined);
    } else {
      void this.answer(message.id, message.method, message.params);
    }
  }

  private async answer(id: number | string, method: string, params: unknown): Promise<void> {
    const handler = this.answering.get(method);
    if (!handler) return this.send({ id, error: { code: METHOD_NOT_FOUND, message: "Method not found" } });
    try {
      await this.send({ id, result: await attempt(handler, params) });
    } catch (error) {
      await this.send({ id, error: { code: INTERNAL_ERROR, message: String(error) } });
    }
  }

  private async send(message: object): Promise<void> {
    if (!this.transport) throw new Error("Not connected");
    await this.transport.send({ jsonrpc: "2.0", ...message });
  }

  private ended(): void {
    this.transport = undefined;
    for (const { fail } of [...this.waiting.values()]) fail(new Error("Connection closed"));
  }
}

function checked(schemas: Schemas, handler: Handler): Handler {
  return (params) => handler(schemas.params ? schemas.params.parse(params ?? {}) : params);
}

async function attempt(handler: Handler | undefined, params: unknown): Promise<unknown> {
  return handler?.(params);
}
