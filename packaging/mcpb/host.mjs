// What a host would start: the code that Claude Desktop is built on makes the command of a manifest and a user's answers.
// node host.mjs TOOLS EXTENSION ANSWERS - the installed tool, the unpacked bundle, the answers as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [tools, extension, answers] = process.argv.slice(2);
const entry = `${tools}/node_modules/@anthropic-ai/mcpb/dist/index.js`;
const { getMcpConfigForManifest } = await import(pathToFileURL(entry));
const manifest = JSON.parse(readFileSync(`${extension}/manifest.json`, "utf8"));
const config = await getMcpConfigForManifest({
  manifest,
  extensionPath: extension,
  systemDirs: {},
  userConfig: JSON.parse(answers),
  pathSeparator: "/",
});
console.log(JSON.stringify(config));
