// Starts a real TensorFlow server and ours, for a client that times both in turn.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { findPython, path, runPython } from "./python.js";

interface Started {
  readonly child: ChildProcess;
  /** What its first line ends with. */
  readonly target: string;
}

async function start(command: string, args: string[]): Promise<Started> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return { child, target: line.slice(line.lastIndexOf("grpc://")) };
}

/** Real first. */
export const startServers = (): Promise<Started[]> =>
  Promise.all([
    start(findPython(), [path("bench/support/server.py")]),
    start(process.execPath, [path("dist/lib/cli/main.js"), "serve"]),
  ]);

/** @param script a Python program; it is given both targets, real first, and `args` */
export async function sideBySide(script: string, args: readonly string[] = []): Promise<void> {
  const servers = await startServers();
  await runPython(script, [...servers.map(({ target }) => target), ...args]);
  for (const { child } of servers) child.kill();
}
