// Runs a bench that is written in Python, since its client is TensorFlow's. Takes the Python of the conformance tests, or
// the one that TENSORFLEET_CONFORMANCE_PYTHON names; ours are started by the Node that runs the bench.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

/** The interpreter; ends the process when there is none. */
export function findPython(): string {
  const python = process.env.TENSORFLEET_CONFORMANCE_PYTHON ?? path(".cache/conformance-venv/bin/python");
  if (existsSync(python)) return python;
  console.error(`No ${python}: run \`npm run conformance\` once, or set TENSORFLEET_CONFORMANCE_PYTHON`);
  process.exit(2);
}

/** Runs `script` to its end and passes its exit code on. */
export async function runPython(script: string, args: readonly string[]): Promise<void> {
  const child = spawn(findPython(), [path(script), ...args], {
    stdio: ["ignore", "inherit", "ignore"],
    env: { ...process.env, NODE: process.execPath },
  });
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}
