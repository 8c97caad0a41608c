// Makes what the sources don't hold: wasm/ from assembly/, dist/ from the TypeScript, in it dist/lib/ as the package
// ships it. Each step runs when a file that it reads has changed or a file that it writes is gone. `npm run build` runs
// this; ready.mjs uses it before `npm start` and `npm test`. Plain Node: nothing but the compilers has to be installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Every file below `folder`, as paths from the root. */
function filesIn(folder, extension) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(extension))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
}

const compiled = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")).include;
const typeScript = () => compiled.flatMap((folder) => filesIn(folder, ".ts")).filter((file) => !file.endsWith(".d.ts"));
const wasmTargets = () => Object.values(JSON.parse(readFileSync(join(root, "asconfig.json"), "utf8")).targets);

const manifest = () => JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const commands = () => Object.values(manifest().bin);

/** The files that package.json names: the library and the command line. */
export const shipped = () => [manifest().exports["."].default, ...commands()];

const kernelBuilder = ["scripts/build-wasm.mjs", "scripts/wasm-exports.mjs"];

/** In order: the first writes the TypeScript list of kernel exports that the second compiles, and the third bundles that. */
const steps = [
  {
    name: "kernels",
    title: "WebAssembly kernels",
    command: ["scripts/build-wasm.mjs"],
    reads: () => ["package-lock.json", "asconfig.json", ...kernelBuilder, ...filesIn("assembly", ".ts")],
    writes: () => wasmTargets().map((target) => target.outFile),
  },
  {
    name: "types",
    title: "TypeScript",
    command: ["node_modules/typescript/bin/tsc", "-p", "."],
    reads: () => ["package-lock.json", "tsconfig.json", ...typeScript()],
    writes: () => typeScript().map((file) => `dist/${file.replace(/\.ts$/, ".js")}`),
    after: finish,
  },
  {
    name: "bundles",
    title: "package",
    command: ["scripts/bundle.mjs"],
    reads: () => ["package.json", "package-lock.json", "scripts/bundle.mjs", ...filesIn("dist/src", ".js")],
    writes: shipped,
    after: executable,
  },
];

/** A test whose source is gone must not go on running. */
function finish() {
  const emitted = new Set(typeScript().map((file) => file.replace(/\.ts$/, "")));
  for (const file of compiled.flatMap((folder) => filesIn(`dist/${folder}`, ""))) {
    const source = file.replace(/^dist\//, "").replace(/\.(js|d\.ts|js\.map)$/, "");
    if (/\.(js|d\.ts|js\.map)$/.test(file) && !emitted.has(source)) rmSync(join(root, file), { force: true });
  }
}

/** Commands can be executed in a checkout, as they are once installed. */
function executable() {
  for (const file of commands()) chmodSync(join(root, file), 0o755);
}

/** Names, sizes and times of the inputs: enough to see a change, and quick. */
function fingerprint(files) {
  const hash = createHash("sha1");
  for (const file of files.sort()) {
    const stat = statSync(join(root, file), { throwIfNoEntry: false });
    if (stat !== undefined) hash.update(`${file} ${stat.size} ${stat.mtimeMs}\n`);
  }
  return hash.digest("hex");
}

const stampOf = (step) => join(root, ".cache", `build.${step.name}`);

function isCurrent(step) {
  const stamp = stampOf(step);
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== fingerprint(step.reads())) return false;
  return step.writes().every((file) => existsSync(join(root, file)));
}

function run(step) {
  const before = fingerprint(step.reads());
  console.error(`build: ${step.title}`);
  const { status, error } = spawnSync(process.execPath, step.command, { cwd: root, stdio: ["ignore", 2, 2] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`build: ${step.name} failed`);
  step.after?.();
  writeFileSync(stampOf(step), before);
}

/** Takes the steps that are due; gives whether there were any. */
export function build({ force = false } = {}) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  let ran = false;
  for (const step of steps) {
    if (!force && isCurrent(step)) continue;
    run(step);
    ran = true;
  }
  return ran;
}

export const isBuilt = () => steps.every(isCurrent);

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    build({ force: process.argv.includes("--force") });
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
