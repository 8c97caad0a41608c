// Builds assembly/ into the four modules of wasm/ and writes the typed list of their exports for TypeScript.
// Takes the targets of asconfig.json, each of which gives a module for a memory of its own and a twin for shared
// memory; does nothing when no source has changed. `--force` builds anyway, a target's name (`relaxed`) builds that
// one alone, `--text` writes the .wat beside it.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { withSharedMemory } from "./shared-memory.mjs";
import { exportsOf } from "./wasm-exports.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const asc = join(dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")), "bin/asc.js");
const typesFile = join(root, "src/device/cpu/wasm-exports.generated.ts");

/** 4 GiB: a memory32 has no more. */
const MAXIMUM_PAGES = 65536;

const options = process.argv.slice(2);
const force = options.includes("--force");
const text = options.includes("--text");
const config = JSON.parse(readFileSync(join(root, "asconfig.json"), "utf8"));
const named = options.filter((option) => !option.startsWith("--"));
const targets = named.length > 0 ? named : Object.keys(config.targets);
for (const target of targets) if (!(target in config.targets)) throw new Error(`asconfig.json has no target ${target}`);

const sources = readdirSync(join(root, "assembly"), { recursive: true })
  .map((name) => join(root, "assembly", name))
  .filter((path) => path.endsWith(".ts"))
  .sort();

function fingerprint() {
  const hash = createHash("sha256");
  const version = JSON.parse(readFileSync(join(dirname(asc), "../package.json"), "utf8")).version;
  hash.update(version);
  const scripts = ["build-wasm.mjs", "shared-memory.mjs"].map((name) => join(root, "scripts", name));
  for (const path of [...scripts, join(root, "asconfig.json"), ...sources]) {
    hash.update(relative(root, path)).update("\0").update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}

function compile(target) {
  const args = [asc, "--config", "asconfig.json", "--target", target];
  if (text) args.push("--textFile", config.targets[target].outFile.replace(/\.wasm$/, ".wat"));
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: root, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${target}: asc failed\n${stdout}${stderr}`));
      else resolve();
    });
  });
}

/** Says which sources the artefact was made of; kept out of wasm/, which is published. */
const stampOf = (target) => join(root, `.cache/wasm.${target}.hash`);
const sharedOf = (outFile) => outFile.replace(/\.wasm$/, ".shared.wasm");
const isCurrent = (target, hash) =>
  existsSync(join(root, config.targets[target].outFile)) &&
  existsSync(sharedOf(join(root, config.targets[target].outFile))) &&
  existsSync(stampOf(target)) &&
  readFileSync(stampOf(target), "utf8") === hash;

const hash = fingerprint();
const types = exportsOf(join(root, "assembly/index.ts"));
if (!existsSync(typesFile) || readFileSync(typesFile, "utf8") !== types) writeFileSync(typesFile, types);

for (const folder of ["wasm", ".cache"]) mkdirSync(join(root, folder), { recursive: true });
const queue = targets.filter((target) => force || text || !isCurrent(target, hash));
const started = Date.now();
const built = queue.length;
async function work() {
  for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
    await compile(target);
    const outFile = join(root, config.targets[target].outFile);
    writeFileSync(sharedOf(outFile), withSharedMemory(readFileSync(outFile), MAXIMUM_PAGES));
    writeFileSync(stampOf(target), hash);
  }
}
try {
  await Promise.all(Array.from({ length: Math.min(queue.length, availableParallelism()) }, work));
  if (built > 0) console.log(`wasm: ${2 * built} modules built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
