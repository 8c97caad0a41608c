#!/usr/bin/env node
// The command line: flags in, library calls, text out.
import { readFileSync } from "node:fs";

type Command = (args: string[]) => Promise<number>;

/** Loaded when they are asked for: a command starts no slower for what others need. */
const commands: Record<string, () => Promise<Command>> = {
  serve: async () => (await import("./serve.js")).serve,
  cluster: async () => (await import("./cluster.js")).cluster,
  devices: async () => (await import("./devices.js")).devices,
  inspect: async () => (await import("./inspect.js")).inspect,
  end: async () => (await import("./end.js")).end,
  trace: async () => (await import("./trace.js")).trace,
};

const USAGE = `usage: tensorfleet COMMAND [FLAGS]

  serve     run one task of a cluster until a signal ends it (tensorfleet serve --help)
  cluster   run a cluster on this machine, for development (tensorfleet cluster --help)
  devices   list the devices that a server on this machine would have
  inspect   show a cluster's tasks, sessions, steps in flight and who waits for which tensor
  end       end tasks that were started with --end-on-request
  trace     turn a traced step's RunMetadata into Chrome trace JSON

  --help, --version
`;

async function run(name: string, args: string[]): Promise<number> {
  if (name === "--help" || name === "-h") {
    process.stdout.write(USAGE);
    return 0;
  }
  if (name === "--version") {
    const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return (await command())(args);
  process.stderr.write(
    name === "" ? USAGE : `tensorfleet: no command '${name}', there are: ${Object.keys(commands).join(", ")}\n`,
  );
  return 2;
}

const [name = "", ...args] = process.argv.slice(2);
process.exitCode = await run(name, args);
