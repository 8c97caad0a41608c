// `tensorfleet serve`: one task of a cluster in this process, until a signal ends it. Which task it is comes from flags,
// from a file with a ServerDef, or from the environment variable TF_CONFIG.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ClusterLike } from "../cluster/cluster-spec.js";
import { parseTfConfig } from "../cluster/tf-config.js";
import { Server, type ServerOptions } from "../server/server.js";
import { ServerDef } from "../wire/core.js";
import { parseConfig, parseJson } from "./config.js";
import { refuse } from "./refuse.js";
import { serverFlags, tlsOptions } from "./tls.js";

const options = {
  cluster: { type: "string" },
  job: { type: "string" },
  task: { type: "string" },
  "server-def": { type: "string" },
  config: { type: "string" },
  bind: { type: "string" },
  "memory-limit": { type: "string" },
  "idle-limit": { type: "string" },
  checkpoint: { type: "string" },
  "file-root": { type: "string", multiple: true },
  "no-data-connection": { type: "boolean" },
  "keepalive-time": { type: "string" },
  "keepalive-timeout": { type: "string" },
  ...serverFlags,
  "end-on-request": { type: "boolean" },
  "end-when-idle": { type: "string" },
  "log-level": { type: "string" },
  help: { type: "boolean" },
} as const;

const USAGE = `usage: tensorfleet serve [FLAGS]

Which task this is; without any of these, the only task of a cluster of its own:
  --cluster JSON|FILE     the jobs and their tasks, as {"ps": ["host:port"], "worker": ["host:port"]}
  --job NAME --task N     the task of it that runs here
  --server-def FILE       a ServerDef instead, as text or bytes; the environment's TF_CONFIG is read when there is neither

  --config JSON           the session defaults: a ConfigProto
  --bind ADDRESS          where to listen, when that is not the task's own address
  --memory-limit BYTES    for tensors; K, M and G are understood
  --idle-limit SECONDS    closes sessions that nobody used for so long; without it they stay, as TensorFlow's do
  --file-root FOLDER      graphs may read and write files (checkpoints) in it only; may be given several times
  --keepalive-time SECONDS    a task or client that says nothing for so long (5) is asked whether it lives,
  --keepalive-timeout SECONDS and counts as gone when it doesn't answer in this time (30)
  --no-data-connection    tensors between tasks go by RecvTensor alone
  --tls-cert FILE --tls-key FILE  speak TLS, with clients and other tasks: this task's certificate and its key, in PEM
  --tls-ca FILE           who signs the certificates of the others; clients must show one then. TensorFlow's can't
  --tls-any-client        lets in clients without one, though there is a CA
  --tls-server-name NAME  the name in the other tasks' certificates, when that is not the host of their addresses
  --checkpoint PREFIX     write the task's variables there when it stops, begin with them when it starts
  --end-on-request        'tensorfleet end' may end this task: so a chief ends the servers of its job
  --end-when-idle SECONDS ends by itself when no session was open for so long
  --log-level LEVEL       silent or info
`;

type Flags = Omit<ReturnType<typeof parseArgs<{ options: typeof options }>>["values"], "help">;
type Writable<T> = { -readonly [K in keyof T]: T[K] };

const LEVELS = ["silent", "info"];

export async function serve(args: string[]): Promise<number> {
  let server: Server;
  try {
    const { help, ...flags } = parseArgs({ args, options, strict: true }).values;
    if (help) {
      process.stdout.write(USAGE);
      return 0;
    }
    server = await start(flags);
  } catch (error) {
    return refuse("serve", error);
  }
  // What goes wrong is told below.
  const stop = () => void server.stop({ graceMs: 1000 }).catch(() => {});
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  // After that: who reads this line may send a signal at once.
  process.stdout.write(`Started server with target: ${server.target}\n`);
  await server.join();
  try {
    await server.stop();
    return 0;
  } catch (error) {
    process.stderr.write(`tensorfleet serve: ${(error as Error).message}\n`);
    return 1;
  }
}

async function start(flags: Flags): Promise<Server> {
  const settings: Writable<ServerOptions> = {};
  if (flags.bind !== undefined) settings.bind = flags.bind;
  if (flags["memory-limit"] !== undefined) settings.memoryLimit = bytes(flags["memory-limit"]);
  if (flags["idle-limit"] !== undefined) settings.idleLimitMs = 1000 * seconds("idle-limit", flags["idle-limit"]);
  if (flags.checkpoint !== undefined) settings.checkpointOnStop = flags.checkpoint;
  if (flags["file-root"] !== undefined) settings.fileRoots = flags["file-root"];
  if (flags["no-data-connection"]) settings.dataConnection = false;
  const keepAlive: Writable<NonNullable<ServerOptions["keepAlive"]>> = {};
  const { "keepalive-time": time, "keepalive-timeout": timeout } = flags;
  if (time !== undefined) keepAlive.timeMs = 1000 * seconds("keepalive-time", time);
  if (timeout !== undefined) keepAlive.timeoutMs = 1000 * seconds("keepalive-timeout", timeout);
  settings.keepAlive = keepAlive;
  const tls = tlsOptions(flags);
  if (tls !== undefined) {
    const { cert, key } = tls;
    if (cert === undefined || key === undefined) throw new Error("a server needs --tls-cert and --tls-key for TLS");
    settings.tls = { ...tls, cert, key };
  }
  if (flags["end-on-request"]) settings.endOnRequest = true;
  const idle = flags["end-when-idle"];
  if (idle !== undefined) settings.endWhenIdleMs = 1000 * integer("end-when-idle", idle);
  const level = flags["log-level"] ?? "info";
  if (!LEVELS.includes(level)) throw new Error(`--log-level is one of ${LEVELS.join(", ")}, not '${level}'`);
  if (level === "silent") settings.log = () => {};
  if (flags.config !== undefined) settings.config = await parseConfig(flags.config);
  let source: ClusterLike | ServerDef = { local: ["localhost:0"] };
  if (flags["server-def"] !== undefined) source = await readServerDef(flags["server-def"]);
  else if (flags.cluster !== undefined) source = readCluster(flags.cluster);
  else if (process.env.TF_CONFIG !== undefined) {
    const { cluster, jobName, taskIndex, protocol } = parseTfConfig(process.env.TF_CONFIG);
    if (!cluster.empty) source = cluster;
    if (jobName !== null) settings.jobName = jobName;
    if (taskIndex !== null) settings.taskIndex = taskIndex;
    if (protocol !== null) settings.protocol = protocol;
  }
  if (flags.job !== undefined) settings.jobName = flags.job;
  if (flags.task !== undefined) settings.taskIndex = integer("task", flags.task);
  return Server.create(source, settings);
}

/** JSON, or the name of a file of it. */
function readCluster(text: string): ClusterLike {
  const json = text.trimStart().startsWith("{") ? text : readFileSync(text, "utf8");
  return parseJson("--cluster", json) as ClusterLike;
}

/** A ServerDef as protobuf's text, or as its bytes. */
async function readServerDef(file: string): Promise<ServerDef> {
  const content = readFileSync(file);
  // A binary one begins with the tag of its cluster, job name or task index: control characters that text hasn't.
  if (content.length > 0 && content[0]! < 32 && content[0] !== 10 && content[0] !== 13 && content[0] !== 9) {
    return ServerDef.decode(content);
  }
  try {
    const { parseText } = await import("../wire/text-parser.js");
    return parseText<ServerDef>("ServerDef", content.toString("utf8"));
  } catch (error) {
    // Tag 10 is also a line feed: what isn't text may be bytes.
    if (content[0] === 10) return ServerDef.decode(content);
    throw error;
  }
}

function integer(flag: string, text: string): number {
  if (!/^-?\d+$/.test(text)) throw new Error(`--${flag} takes a whole number, not '${text}'`);
  return Number(text);
}

function seconds(flag: string, text: string): number {
  // Timers can't wait longer than 24 days.
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0 || Number(text) > 2_000_000)
    throw new Error(`--${flag} takes a number of seconds up to 2000000, not '${text}'`);
  return Number(text);
}

const UNITS: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function bytes(text: string): number {
  const match = /^(\d+)\s*([kmg]?)i?b?$/i.exec(text);
  if (match === null) throw new Error(`--memory-limit takes bytes, or a number with K, M or G, not '${text}'`);
  return Number(match[1]) * UNITS[match[2]!.toLowerCase()]!;
}
