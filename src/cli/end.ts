// `tensorfleet end TARGET …`: asks tasks to end, as a job's chief does with its parameter servers when it is done.
import { endTask } from "../rpc/task-client.js";
import { addressOf } from "./address.js";
import { refuse } from "./refuse.js";

const TIMEOUT_MS = 10_000;

const USAGE = `usage: tensorfleet end TARGET …

Ends tasks that were started with --end-on-request.
`;

export async function end(args: string[]): Promise<number> {
  if (args[0] === "--help") {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    if (args.length === 0) throw new Error("takes targets: grpc://host:port");
    await Promise.all(args.map(addressOf).map((address) => endTask(address, TIMEOUT_MS)));
    return 0;
  } catch (error) {
    return refuse("end", error);
  }
}
