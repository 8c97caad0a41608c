// Runs the packed package where its users run it: installs the tarball into a project of its own and runs each program
// of test/runtimes/ there on Node 20, 22 and 24, Deno and Bun. The runtimes come from npm packages that carry their
// binaries. A program passes by ending with exit code 0 in time. Words choose runtimes: `node scripts/runtimes.mjs deno`.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./build.mjs";
import { pack, tarball } from "./pack.mjs";

const DEADLINE_MS = 60_000;
const { platform, arch } = process;
const extension = platform === "win32" ? ".exe" : "";
const nodeBuild = `node-${platform === "win32" ? "win" : platform}-${arch}`;
const denoBuild = `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
const bunBuild = `@oven/bun-${platform === "win32" ? "windows" : platform}-${arch === "arm64" ? "aarch64" : arch}`;

const node = (version) => ({
  package: `npm:${nodeBuild}@${version}`,
  binary: platform === "win32" ? "bin/node.exe" : "bin/node",
  args: [],
});
const runtimes = {
  node20: node("20.20.2"),
  node22: node("22.23.3"),
  node24: node("24.21.0"),
  deno: {
    package: `npm:${denoBuild}@2.9.6`,
    binary: `deno${extension}`,
    args: ["run", "-A", "--node-modules-dir=manual"],
  },
  bun: { package: `npm:${bunBuild}@1.4.5`, binary: `bin/bun${extension}`, args: ["run"] },
};

function install(folder, dependencies) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  const args = ["install", "--ignore-scripts", "--no-package-lock", "--loglevel=error", "--no-audit", "--no-fund"];
  const { status, stderr } = spawnSync("npm", args, {
    cwd: folder,
    encoding: "utf8",
    timeout: 240_000,
    shell: platform === "win32",
  });
  if (status !== 0) throw new Error(`npm install failed in ${folder}\n${stderr}`);
}

/** Ends with the exit code, or with null when the deadline killed it and all that it started. */
function run(binary, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(binary, args, { cwd, detached: platform !== "win32", stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      process.kill(platform === "win32" ? child.pid : -child.pid, "SIGKILL");
    }, DEADLINE_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve({ code: 1, output: error.message });
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code: late ? null : code, output });
    });
  });
}

/** For tasks on this machine that trust each other, and for one that they don't. */
async function certificates() {
  const { Authority } = await import("../dist/test/support/certificates.js");
  const [ours, other] = ["ours", "other"].map((name) => new Authority(name));
  return { tls: { ...ours.issue(), ca: ours.cert }, stranger: { ...other.issue(), ca: other.cert } };
}

const words = process.argv.slice(2);
const chosen = Object.entries(runtimes).filter(([name]) => words.length === 0 || words.includes(name));
const programs = readdirSync(join(root, "test/runtimes")).filter((name) => name.endsWith(".mjs"));
const installed = join(root, ".cache/runtimes");
const project = mkdtempSync(join(tmpdir(), "tensorfleet-runtimes-"));
let passed = 0;
let failed = 0;
try {
  pack();
  install(installed, Object.fromEntries(chosen.map(([name, { package: spec }]) => [name, spec])));
  install(project, { tensorfleet: `file:${join(root, tarball)}` });
  writeFileSync(join(project, "certificates.json"), JSON.stringify(await certificates()));
  for (const program of programs) copyFileSync(join(root, "test/runtimes", program), join(project, program));
  for (const [name, { binary, args }] of chosen) {
    for (const program of programs) {
      const { code, output } = await run(join(installed, "node_modules", name, binary), [...args, program], project);
      if (code === 0) passed++;
      else failed++;
      const why = code === null ? `not finished within ${DEADLINE_MS} ms` : `exit code ${code}`;
      console.log(code === 0 ? `ok   ${name} ${program}` : `FAIL ${name} ${program}: ${why}\n${output.trimEnd()}`);
    }
  }
} catch (error) {
  failed++;
  console.log(`FAIL ${error.message}`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
if (passed + failed === 0) failed++;
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
