// `tensorfleet serve`: one task of a cluster in this process, until a signal ends it.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ClusterLike } from "../cluster/cluster-spec.js";
import { Server } from "../server/server.js";

const options = {
  cluster: { type: "string" },
  job: { type: "string" },
  task: { type: "string" },
  bind: { type: "string" },
  "memory-limit": { type: "string" },
} as const;

export async function serve(args: string[]): Promise<number> {
  let server: Server;
  try {
    const { values } = parseArgs({ args, options, strict: true });
    const cluster = values.cluster === undefined ? { local: ["localhost:0"] } : readCluster(values.cluster);
    server = await Server.create(cluster, {
      ...(values.job === undefined ? {} : { jobName: values.job }),
      ...(values.task === undefined ? {} : { taskIndex: integer("task", values.task) }),
      ...(values.bind === undefined ? {} : { bind: values.bind }),
      ...(values["memory-limit"] === undefined ? {} : { memoryLimit: bytes(values["memory-limit"]) }),
    });
  } catch (error) {
    process.stderr.write(`tensorfleet serve: ${(error as Error).message.split("\n")[0]}\n`);
    return 2;
  }
  const stop = () => void server.stop({ graceMs: 1000 });
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdout.write(`Started server with target: ${server.target}\n`);
  await server.join();
  return 0;
}

/** JSON, or the name of a file of it. */
function readCluster(text: string): ClusterLike {
  const json = text.trimStart().startsWith("{") ? text : readFileSync(text, "utf8");
  return JSON.parse(json) as ClusterLike;
}

function integer(flag: string, text: string): number {
  if (!/^-?\d+$/.test(text)) throw new Error(`--${flag} takes a whole number, not '${text}'`);
  return Number(text);
}

const UNITS: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function bytes(text: string): number {
  const match = /^(\d+)\s*([kmg]?)i?b?$/i.exec(text);
  if (match === null) throw new Error(`--memory-limit takes bytes, or a number with K, M or G, not '${text}'`);
  return Number(match[1]) * UNITS[match[2]!.toLowerCase()]!;
}
