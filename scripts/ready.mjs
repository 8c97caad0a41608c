// Makes a checkout runnable, whatever it lacks: dependencies as the lock file has them, kernels, compiled TypeScript.
// Says a line for each thing that it does and nothing when all is there. Needs Node and npm, nothing installed.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build, isBuilt, root } from "./build.mjs";

const lock = join(root, ".cache/ready.lock");

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** npm keeps a copy of what it installed; a package that this platform has no use for is not in it. */
function isInstalled() {
  const installed = packagesOf("node_modules/.package-lock.json");
  if (installed === undefined) return false;
  return Object.entries(packagesOf("package-lock.json") ?? {}).every(
    ([path, { version, optional }]) => path === "" || optional || installed[path]?.version === version,
  );
}

/** A whole installation for a fresh clone; one that is only behind is brought up to the lock file in place. */
function install() {
  const fresh = packagesOf("node_modules/.package-lock.json") === undefined;
  console.error(fresh ? "ready: installing dependencies" : "ready: updating dependencies");
  const command = [fresh ? "ci" : "install", ...(fresh ? [] : ["--no-save"]), "--ignore-scripts", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const options = { cwd: root, stdio: ["ignore", "ignore", 2] };
  const { status, error } = npm?.endsWith(".js")
    ? spawnSync(process.execPath, [npm, ...command], options)
    : spawnSync("npm", command, { ...options, shell: process.platform === "win32" });
  if (status !== 0)
    throw new Error(`ready: npm ${command[0]} failed${error === undefined ? "" : `: ${error.message}`}`);
}

function holder() {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

/** Two commands started at once must not install or compile into each other's files. */
async function locked(work) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (holder() === undefined) rmSync(lock, { force: true });
      else await sleep(100);
    }
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

try {
  if (!isInstalled() || !isBuilt()) {
    await locked(() => {
      if (!isInstalled()) install();
      build();
    });
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
