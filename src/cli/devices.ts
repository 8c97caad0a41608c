// `tensorfleet devices`: the devices that a server on this machine would have, by default or with a configuration.
import { parseArgs } from "node:util";
import { Engine } from "../server/engine.js";
import { parseConfig } from "./config.js";
import { refuse } from "./refuse.js";

const options = { config: { type: "string" }, help: { type: "boolean" } } as const;

const USAGE = `usage: tensorfleet devices [FLAGS]

  --config JSON   the configuration of the server: a ConfigProto, as {"deviceCount": {"CPU": 2}}
`;

export async function devices(args: string[]): Promise<number> {
  let engine: Engine;
  try {
    const flags = parseArgs({ args, options, strict: true }).values;
    if (flags.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const config = flags.config === undefined ? null : await parseConfig(flags.config);
    engine = await Engine.open("/job:localhost/replica:0/task:0", "localhost", config);
  } catch (error) {
    return refuse("devices", error);
  }
  for (const { attributes } of engine.devices) {
    process.stdout.write(`${attributes.name}  ${attributes.deviceType}  ${attributes.memoryLimit} bytes\n`);
  }
  await engine.close();
  return 0;
}
