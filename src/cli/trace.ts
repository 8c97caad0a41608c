// `tensorfleet trace FILE`: a RunMetadata, as its bytes, becomes the JSON that Chrome's trace viewer and Perfetto open.
import { readFileSync } from "node:fs";
import { chromeTrace } from "../observe/chrome-trace.js";
import { RunMetadata } from "../wire/core.js";
import { refuse } from "./refuse.js";

const USAGE = `usage: tensorfleet trace FILE

FILE has the bytes of a RunMetadata, as a step with RunOptions(trace_level=FULL_TRACE) gives it; '-' is standard input.
Writes Chrome trace JSON: open it in chrome://tracing or Perfetto.
`;

export async function trace(args: string[]): Promise<number> {
  if (args[0] === "--help") {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    const [file, ...rest] = args;
    if (file === undefined || rest.length > 0) throw new Error("takes one file");
    const { stepStats } = RunMetadata.decode(readFileSync(file === "-" ? 0 : file));
    if (stepStats === undefined) throw new Error("the step was not traced: run it with trace_level FULL_TRACE");
    process.stdout.write(`${chromeTrace(stepStats)}\n`);
    return 0;
  } catch (error) {
    return refuse("trace", error);
  }
}
