// `npm run conformance [word …]`: this package against real TensorFlow. Makes a virtual environment with the release
// that is the specification, unless TENSORFLEET_CONFORMANCE_PYTHON names an interpreter that has it, and runs run.py
// there. `npm run record [family …]` goes the same way to record_ops.py, `npm run record client`, `record shapes` and
// `record collectives` to scripts of their own, `npm run conformance -- random` to run_random.py. It must not know what is
// compared.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGES = ["tensorflow-cpu==2.21.0", "grpcio"];

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** The interpreter to use; the environment is made once and marked when it is complete. */
function findPython(): string {
  const given = process.env.TENSORFLEET_CONFORMANCE_PYTHON;
  if (given !== undefined && given !== "") return given;
  const venv = join(root, ".cache/conformance-venv");
  const python = process.platform === "win32" ? join(venv, "Scripts/python.exe") : join(venv, "bin/python");
  const mark = join(venv, "complete");
  if (existsSync(mark)) return python;
  process.stderr.write(`conformance: installing ${PACKAGES.join(", ")}\n`);
  mkdirSync(dirname(venv), { recursive: true });
  run("python3", ["-m", "venv", "--clear", venv]);
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PACKAGES]);
  writeFileSync(mark, `${PACKAGES.join("\n")}\n`);
  return python;
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed${error === undefined ? "" : `: ${error}`}`);
}

/** Programs can't be seen in the log of the libraries: those lines go. */
const NOISE = /^(WARNING: All log messages|[IWE]\d{4} |Instructions for updating|\s*$)/;

function main(args: readonly string[]): void {
  const [first, ...rest] = args;
  const own = first === "record" && ["client", "shapes", "collectives"].includes(rest[0] ?? "");
  const scripts: Record<string, string> = { record: "record_ops.py", random: "run_random.py" };
  const script = own ? `record_${rest.shift()}.py` : (scripts[first ?? ""] ?? "run.py");
  const words = script === "run.py" ? args : rest;
  const python = findPython();
  const child = spawn(python, [join(root, "conformance", script), ...words], {
    stdio: ["ignore", "inherit", "pipe"],
    env: { ...process.env, NODE: process.execPath, PYTHONDONTWRITEBYTECODE: "1" },
  });
  let pending = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    const lines = (pending + text).split("\n");
    pending = lines.pop()!;
    for (const line of lines) if (!NOISE.test(line)) process.stderr.write(`${line}\n`);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => child.kill("SIGTERM"));
  child.once("error", (error) => {
    process.stderr.write(`conformance: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.once("close", (code) => {
    process.exitCode = code ?? 1;
  });
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`conformance: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
