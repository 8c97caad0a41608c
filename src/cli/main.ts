#!/usr/bin/env node
// The command line: flags in, library calls, text out.
import { devices } from "./devices.js";
import { serve } from "./serve.js";

const commands: Record<string, (args: string[]) => Promise<number>> = { serve, devices };

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  const known = Object.keys(commands).join(", ");
  process.stderr.write(
    name === ""
      ? `usage: tensorfleet COMMAND, one of: ${known}\n`
      : `tensorfleet: no command '${name}', there are: ${known}\n`,
  );
  process.exitCode = 2;
} else {
  process.exitCode = await command(args);
}
