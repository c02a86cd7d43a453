/**
 * Makes the player: one HTML file with its style and script inside, the same bytes on every machine.
 *
 *   node build.mjs           write it into the package
 *   node build.mjs --check   fail when the file in the package is another one
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const target = path.join(here, "../src/atlascloud_video_mcp/server/player/player.html");
const largest = 40_000; // bytes
const browsers = ["chrome111", "safari16.4", "firefox121"];

async function bundled(entry, options) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    target: browsers,
    ...options,
  });
  // The page names no licence but ours, so nothing of others may get into it.
  const foreign = Object.keys(metafile.inputs).filter((name) => !name.startsWith("src/"));
  if (foreign.length) throw new Error(`The player must be made of src/ alone, and has ${foreign.join(", ")} in it.`);
  return outputFiles[0].text.trimEnd();
}

const style = await bundled("src/player.css");
const script = await bundled("src/main.ts", { format: "iife" });
const page = readFileSync(path.join(here, "src/player.html"), "utf8")
  .replace("<!-- STYLE -->", () => `<style>${style}</style>`)
  .replace("<!-- SCRIPT -->", () => `<script>${script}</script>`);
const size = Buffer.byteLength(page);
if (size >= largest) throw new Error(`The player has ${size} bytes, and must have fewer than ${largest}.`);
if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== page) throw new Error("The player in the package is not what ui/ makes: make player.");
} else {
  writeFileSync(target, page);
}
console.log(`The player has ${size} bytes.`);
