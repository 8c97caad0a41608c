#!/usr/bin/env node
// The command line: flags in, library calls, text out.
import { readFileSync } from "node:fs";
import { devices } from "./devices.js";
import { serve } from "./serve.js";

const commands: Record<string, (args: string[]) => Promise<number>> = { serve, devices };

const USAGE = `usage: tensorfleet COMMAND [FLAGS]

  serve     run one task of a cluster until a signal ends it (tensorfleet serve --help)
  devices   list the devices that a server on this machine would have

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
  if (command !== undefined) return command(args);
  process.stderr.write(
    name === "" ? USAGE : `tensorfleet: no command '${name}', there are: ${Object.keys(commands).join(", ")}\n`,
  );
  return 2;
}

const [name = "", ...args] = process.argv.slice(2);
process.exitCode = await run(name, args);
