// Clients on the TypeScript SDK: --v1 its first line, --v2 its second (which then also speaks the newest protocol);
// --progress with an onprogress callback, --reset with resetTimeoutOnProgress too. Orders and answers: see hands.py.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";

const end = process.argv.indexOf("--");
const options = new Set(process.argv.slice(2, end));
const [command, ...args] = process.argv.slice(end + 1);
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("ATLASCLOUD_")));

const second = options.has("--v2");
const { Client } = second
  ? await import("@modelcontextprotocol/client")
  : await import("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = second
  ? await import("@modelcontextprotocol/client/stdio")
  : await import("@modelcontextprotocol/sdk/client/stdio.js");
const name = second ? "client" : "sdk";
const manifest = new URL(`./node_modules/@modelcontextprotocol/${name}/package.json`, import.meta.url);
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const client = new Client(
  { name: "typescript-host", version: "1.0.0" },
  second ? { versionNegotiation: { mode: "auto" } } : {},
);
await client.connect(new StdioClientTransport({ command, args, env }));
await client.listTools();
say({ version: JSON.parse(readFileSync(manifest, "utf8")).version });

async function call({ tool, arguments: given }, signal) {
  let heard = 0;
  const listening = options.has("--progress") ? { onprogress: () => (heard += 1) } : {};
  const patience = options.has("--reset") ? { resetTimeoutOnProgress: true } : {};
  const request = { name: tool, arguments: given };
  const how = { signal, ...listening, ...patience };
  try {
    const result = await (second ? client.callTool(request, how) : client.callTool(request, undefined, how));
    const text = result.content.filter((block) => block.type === "text").map((block) => block.text).join("\n");
    return { text, structured: result.structuredContent, heard };
  } catch (error) {
    return signal.aborted ? {} : { error: `${error.name}: ${error.message}` };
  }
}

let underWay = null;
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.stop) {
    underWay?.abort();
    continue;
  }
  underWay = new AbortController();
  const { signal } = underWay;
  call(order, signal).then((answer) => say({ ...answer, stopped: signal.aborted }));
}
await client.close();
