// `npm run check`: everything about the code that isn't a test. Runs each check, prints what a failing one says, and
// ends with "N passed, N failed". A word (`npm run check -- rooms`) runs the checks of that name alone.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";
import { pack, tarball } from "./pack.mjs";

const PACKED_LIMIT = 2 * 1024 * 1024;

/** A tool of node_modules, or a script of ours. */
function run(command, ...args) {
  const isScript = command.endsWith(".mjs");
  const file = isScript ? process.execPath : join(root, "node_modules/.bin", command);
  return start(file, isScript ? [command, ...args] : args);
}

function start(file, args) {
  return new Promise((resolve) => {
    const options = { cwd: root, maxBuffer: 1 << 26, timeout: 180_000, shell: process.platform === "win32" };
    execFile(file, args, options, (error, stdout, stderr) => {
      const late = error?.killed ? "\nended at its deadline" : "";
      resolve({ ok: error === null, output: `${stdout}${stderr}${late}` });
    });
  });
}

/** Sources for the order of rooms, types included; compiled files for what runs, and for what swc can't read (`using`). */
const cruised = ["src", "dist/src"];

function packed() {
  const size = pack();
  return { ok: size <= PACKED_LIMIT, output: `packed size ${size} bytes; at most ${PACKED_LIMIT}` };
}

/** What is committed must be what its generator makes. Whatever it makes stays, to be looked at and committed. */
async function generated() {
  const folder = "src/wire/generated";
  const made = [
    await generatedBy("scripts/gen-wire.mjs", () => readdirSync(join(root, folder)).map((name) => join(folder, name))),
    await generatedBy("scripts/gen-client-ops.mjs", () => ["src/client/ops.generated.ts"]),
  ];
  return { ok: made.every(({ ok }) => ok), output: made.map(({ output }) => output).join("") };
}

async function generatedBy(script, files) {
  const contents = () => files().map((name) => [name, readFileSync(join(root, name), "utf8")]);
  const before = new Map(contents());
  const made = await run(script);
  const changed = contents().filter(([name, text]) => before.get(name) !== text);
  return made.ok && changed.length > 0
    ? { ok: false, output: `not what ${script} makes: ${changed.map(([name]) => name).join(", ")}\n` }
    : made;
}

/** The package's own declarations, as a program for Node alone reads them: without a browser's types. */
function declarations() {
  const strict = ["--noEmit", "--ignoreConfig", "--strict", "--module", "nodenext", "--types", "node"];
  return run("tsc", ...strict, "--lib", "es2023,esnext.disposable", "dist/src/index.d.ts");
}

/** In order: the first makes what the others look at. */
const checks = {
  build: () => run("scripts/ready.mjs"),
  generated,
  biome: () => run("biome", "check", ".", "--max-diagnostics=50"),
  rooms: () => run("depcruise", ...cruised, "--output-type", "err-long"),
  knip: () => run("knip"),
  types: declarations,
  size: () => run("scripts/size.mjs"),
  pack: packed,
  publint: () => run("publint", tarball, "--strict"),
  attw: () => run("attw", tarball, "--profile", "esm-only"),
};

const words = process.argv.slice(2);
const unknown = words.filter((word) => !(word in checks));
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(", ")}; there are ${Object.keys(checks).join(", ")}`);
  process.exit(2);
}
let passed = 0;
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  if (words.length > 0 && !words.includes(name)) continue;
  const { ok, output } = await check();
  if (ok) passed++;
  else failed++;
  console.log(ok ? `ok   ${name}` : `FAIL ${name}\n${output.trimEnd()}\n`);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
