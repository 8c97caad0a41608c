// `tensorfleet devices`: the devices that a server on this machine would have.
import { Engine } from "../server/engine.js";

export async function devices(args: string[]): Promise<number> {
  if (args.length > 0) {
    process.stderr.write(`tensorfleet devices: takes no arguments, got '${args[0]}'\n`);
    return 2;
  }
  const engine = await Engine.open("/job:localhost/replica:0/task:0", "localhost", null);
  for (const { attributes } of engine.devices) {
    process.stdout.write(`${attributes.name}  ${attributes.deviceType}  ${attributes.memoryLimit} bytes\n`);
  }
  await engine.close();
  return 0;
}
