// Starts a real TensorFlow server and ours, and runs a Python client that times both in turn. Needs a Python with
// TensorFlow: that of the conformance tests, or the one that TENSORFLEET_CONFORMANCE_PYTHON names.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const python = process.env.TENSORFLEET_CONFORMANCE_PYTHON ?? path(".cache/conformance-venv/bin/python");

/** A server's process, and the target that its first line ends with. */
async function start(command: string, args: string[]): Promise<{ child: ChildProcess; target: string }> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return { child, target: line.slice(line.lastIndexOf("grpc://")) };
}

/** @param script a Python program; it is given both targets, real first, and `args` */
export async function sideBySide(script: string, args: readonly string[] = []): Promise<void> {
  if (!existsSync(python)) {
    console.error(`No ${python}: run \`npm run conformance\` once, or set TENSORFLEET_CONFORMANCE_PYTHON`);
    process.exit(2);
  }
  const servers = await Promise.all([
    start(python, [path("bench/support/server.py")]),
    start(process.execPath, [path("dist/src/cli/main.js"), "serve"]),
  ]);
  const client = spawn(python, [path(script), ...servers.map(({ target }) => target), ...args], {
    stdio: ["ignore", "inherit", "ignore"],
  });
  const [code] = (await once(client, "exit")) as [number];
  for (const { child } of servers) child.kill();
  process.exitCode = code;
}
