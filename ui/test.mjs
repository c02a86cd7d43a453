/**
 * Runs the tests of the player: node test.mjs [words of a test's name]
 *
 * The browser tests need Chromium at $CHROMIUM, or /usr/bin/chromium, and the server installed for $PYTHON, or in .venv.
 * Screenshots of every scene are left in .out/shots.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, ".out");
const tests = readdirSync(path.join(here, "test")).filter((name) => name.endsWith(".test.ts"));
const options = { absWorkingDir: here, bundle: true, logLevel: "warning" };

rmSync(out, { recursive: true, force: true });
mkdirSync(path.join(out, "shots"), { recursive: true });
await build({ ...options, entryPoints: ["test/host/host.ts"], outfile: ".out/host.js", format: "iife" });
await build({
  ...options,
  entryPoints: tests.map((name) => `test/${name}`),
  outdir: ".out",
  outExtension: { ".js": ".mjs" },
  format: "esm",
  platform: "node",
  external: ["axe-core", "playwright-core"],
});
const wanted = process.argv.slice(2).flatMap((word) => ["--test-name-pattern", word]);
const files = tests.map((name) => path.join(out, name.replace(/ts$/, "mjs")));
const { status } = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...wanted, ...files], {
  cwd: here,
  stdio: "inherit",
});
process.exit(status ?? 1);
