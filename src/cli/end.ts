// `tensorfleet end TARGET …`: asks tasks to end, as a job's chief does with its parameter servers when it is done.
import { parseArgs } from "node:util";
import { endTask } from "../rpc/task-client.js";
import { addressOf } from "./address.js";
import { refuse } from "./refuse.js";
import { DIAL_USAGE, dialFlags, tlsOf } from "./tls.js";

const TIMEOUT_MS = 10_000;

const USAGE = `usage: tensorfleet end TARGET … [FLAGS]

Ends tasks that were started with --end-on-request.

${DIAL_USAGE}`;

const options = { ...dialFlags, help: { type: "boolean" } } as const;

export async function end(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args, options, strict: true, allowPositionals: true });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    if (positionals.length === 0) throw new Error("takes targets: grpc://host:port");
    const ask = { timeoutMs: TIMEOUT_MS, tls: tlsOf(values) };
    await Promise.all(positionals.map(addressOf).map((address) => endTask(address, ask)));
    return 0;
  } catch (error) {
    return refuse("end", error);
  }
}
