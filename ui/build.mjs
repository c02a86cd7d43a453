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
const largest = 150_000; // bytes
const browsers = ["chrome111", "safari16.4", "firefox121"];

/** Text to take out of a module that is bundled, and what comes in its place. A pattern that fits nothing is an error. */
const cuts = [
  // As a namespace of its own, what is not used of zod is left out, its forty languages among it.
  [/ext-apps\/dist\/src\/app\.js$/, /import\{z as (\w+)\}from"zod\/v4"/g, 'import*as $1 from"zod/v4"'],
  // Nobody reads the descriptions of the host's messages here.
  [/ext-apps\/dist\/src\/app\.js$/, /\.describe\((?:"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)\)/g, ""],
  // Nobody asks for the JSON schemas of what the player reads.
  [/zod\/v4\/classic\/schemas\.js$/, /^ *inst\._zod\.processJSONSchema = .*$/gm, ""],
  [/zod\/v4\/classic\/schemas\.js$/, /create(Standard|To)JSONSchemaMethod\(this, [^)]*\)(\(params\))?/g, "undefined"],
];

/** ext-apps uses little of what it imports, but in ways that keep a bundler from leaving out the rest. */
const slim = {
  name: "slim",
  setup({ onResolve, onLoad }) {
    // Only its JSON-RPC is needed: src/protocol.ts says why.
    onResolve({ filter: /^@modelcontextprotocol\/client$/ }, () => ({ path: path.join(here, "src/protocol.ts") }));
    onResolve({ filter: /^zod\/v4$/ }, () => ({
      path: path.join(here, "node_modules/zod/v4/classic/external.js"),
      sideEffects: false,
    }));
    // The SDK's schemas for signing in, which its package does not declare to be free of side effects.
    onResolve({ filter: /^\.\/auth-[\w-]+\.mjs$/ }, ({ resolveDir, path: file }) => ({
      path: path.join(resolveDir, file),
      sideEffects: false,
    }));
    onLoad({ filter: /node_modules\/.*\.m?js$/ }, ({ path: file }) => {
      let contents = readFileSync(file, "utf8");
      for (const [, pattern, instead] of cuts.filter(([where]) => where.test(file.replaceAll("\\", "/")))) {
        if (!contents.match(pattern)) throw new Error(`${pattern} is no longer in ${file}`);
        contents = contents.replace(pattern, instead);
      }
      return { contents, loader: "js" };
    });
  },
};

async function bundled(entry, options) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    legalComments: "none",
    target: browsers,
    ...options,
  });
  if (process.argv.includes("--sizes")) {
    const parts = Object.entries(Object.values(metafile.outputs)[0].inputs);
    for (const [name, { bytesInOutput }] of parts.sort((one, other) => other[1].bytesInOutput - one[1].bytesInOutput)) {
      if (bytesInOutput) console.log(String(bytesInOutput).padStart(8), name);
    }
  }
  return outputFiles[0].text.trimEnd();
}

const style = await bundled("src/player.css");
const script = await bundled("src/main.ts", { format: "iife", plugins: [slim], drop: ["console"] });
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
