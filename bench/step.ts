// `npm run bench -- step`: one Python client times steps on a real TensorFlow server and on ours, in turn. Needs a Python
// with TensorFlow: that of the conformance tests, or the one that TENSORFLEET_CONFORMANCE_PYTHON names.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const python = process.env.TENSORFLEET_CONFORMANCE_PYTHON ?? path(".cache/conformance-venv/bin/python");
const script = path("bench/step.py");

/** A server's process, and the target that its first line ends with. */
async function start(command: string, args: string[]): Promise<{ child: ChildProcess; target: string }> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return { child, target: line.slice(line.lastIndexOf("grpc://")) };
}

if (!existsSync(python)) {
  console.error(`No ${python}: run \`npm run conformance\` once, or set TENSORFLEET_CONFORMANCE_PYTHON`);
  process.exit(2);
}
const servers = await Promise.all([
  start(python, [script, "server"]),
  start(process.execPath, [path("dist/src/cli/main.js"), "serve"]),
]);
console.log(`Node ${process.version}; times are medians of five turns, ratios are ours to real, turn by turn`);
const client = spawn(python, [script, ...servers.map(({ target }) => target)], {
  stdio: ["ignore", "inherit", "ignore"],
});
const [code] = (await once(client, "exit")) as [number];
for (const { child } of servers) child.kill();
process.exitCode = code;
