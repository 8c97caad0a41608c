// Which task of which cluster a server is: a ServerDef made of what the caller gave, with TensorFlow's defaults and
// refusals (`tf.distribute.Server`), and the checks that its servers make before they bind. Opens nothing.
// Python's ValueError is an InvalidArgumentError here, its TypeError a TypeError, with Python's text.
import { InternalError, InvalidArgumentError, NotFoundError, UnknownError } from "../errors/index.js";
import { ConfigProto, type Init, ServerDef } from "../wire/core.js";
import { type ClusterLike, ClusterSpec } from "./cluster-spec.js";
import { pythonType } from "./python-text.js";

export interface ServerOptions {
  readonly jobName?: string;
  readonly taskIndex?: number;
  readonly protocol?: string;
  readonly config?: Init<ConfigProto>;
}

/** Where a task listens, as its cluster writes it. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** @throws InvalidArgumentError, TypeError with TensorFlow's texts */
export function resolveServerDef(source: ServerDef | ClusterLike, options: ServerOptions = {}): ServerDef {
  const def = isServerDef(source) ? { ...source } : fromCluster(toSpec(source as ClusterLike), options);
  def.jobName = checkText(options.jobName) ?? def.jobName;
  def.taskIndex = checkIndex(options.taskIndex) ?? def.taskIndex;
  def.protocol = checkText(options.protocol) ?? def.protocol;
  if (options.config !== undefined) def.defaultSessionConfig = merged(def.defaultSessionConfig, options.config);
  return def;
}

/** A cluster alone leaves three things open: those of them that are clear are filled in. */
function fromCluster(spec: ClusterSpec, { jobName, taskIndex }: ServerOptions): ServerDef {
  const def = ServerDef.create();
  def.cluster = spec.asClusterDef();
  def.protocol = "grpc";
  if (jobName === undefined) {
    if (spec.jobs.length !== 1) throw new InvalidArgumentError("Must specify an explicit `job_name`.");
    def.jobName = spec.jobs[0]!;
  }
  if (taskIndex === undefined) {
    const indices = spec.taskIndices(jobName ?? def.jobName);
    if (indices.length !== 1) throw new InvalidArgumentError("Must specify an explicit `task_index`.");
    def.taskIndex = indices[0]!;
  }
  return def;
}

function checkText(text: unknown): string | undefined {
  if (text !== undefined && typeof text !== "string") throw new TypeError("bad argument type for built-in operation");
  return text;
}

function checkIndex(index: unknown): number | undefined {
  if (index === undefined) return undefined;
  if (typeof index !== "number" || !Number.isInteger(index)) {
    throw new TypeError(`'${pythonType(index)}' object cannot be interpreted as an integer`);
  }
  if (index !== (index | 0)) throw new InvalidArgumentError(`Value out of range: ${index}`);
  return index;
}

/** As protobuf merges: what the second has set wins, lists grow. That is what two messages one after the other mean. */
function merged(first: ConfigProto | undefined, second: Init<ConfigProto>): ConfigProto {
  if (typeof second !== "object" || second === null || Array.isArray(second)) {
    throw new TypeError(
      "Parameter to MergeFrom() must be instance of same class: expected " +
        `<class 'tensorflow.core.protobuf.config_pb2.ConfigProto'> got <class '${pythonType(second)}'>.`,
    );
  }
  const a = ConfigProto.encode(first ?? {});
  const b = ConfigProto.encode(second);
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return ConfigProto.decode(both);
}

function toSpec(source: ClusterLike): ClusterSpec {
  try {
    return new ClusterSpec(source);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new TypeError(
      "Could not convert `server_or_cluster_def` to a `tf.train.ServerDef` or `tf.train.ClusterSpec`.",
      { cause },
    );
  }
}

function isServerDef(source: unknown): source is ServerDef {
  const def = source as Partial<ServerDef> | null;
  return typeof def === "object" && def !== null && typeof def.protocol === "string" && "jobName" in def;
}

/** The address of the server's own task. @param text prints a ServerDef in protobuf's text format */
export function ownAddress(def: ServerDef, text: (def: ServerDef) => string): HostPort {
  if (def.protocol !== "grpc") {
    throw new NotFoundError(
      `No server factory registered for the given ServerDef: ${text(def)}\nThe available server factories are: ` +
        "[ GRPC_SERVER ]",
    );
  }
  const job = def.cluster?.job.find(({ name }) => name === def.jobName);
  if (job === undefined) throw new InternalError(`Job "${def.jobName}" was not defined in cluster`);
  const address = job.tasks.get(def.taskIndex);
  if (address === undefined) throw new InternalError(`Task ${def.taskIndex} was not defined in job "${def.jobName}"`);
  if (def.port !== 0) return checkPort({ host: "localhost", port: def.port });
  if (def.replica !== 0) {
    throw new InvalidArgumentError(
      `An explicit server port must be specified when using jobs with multiple replicas: ${text(def)}`,
    );
  }
  const own = parseHostPort(address);
  if (own === null || own.port === null) {
    throw new InvalidArgumentError(`Could not parse port for local server from "${address}".`);
  }
  return checkPort({ host: own.host === "" ? "localhost" : own.host, port: own.port });
}

function checkPort(address: HostPort): HostPort {
  if (address.port < 0) throw new UnknownError("Could not start gRPC server");
  return address;
}

/** Every task's address must at least look like one, the server's own only if it is used. */
export function checkPeerAddresses(def: ServerDef): void {
  const jobs = new Set<string>();
  for (const { name, tasks } of def.cluster?.job ?? []) {
    if (jobs.has(name)) throw new InvalidArgumentError(`Duplicate job ID in cluster specification: ${name}`);
    jobs.add(name);
    for (const [index, address] of tasks) {
      if (def.port === 0 || name !== def.jobName || index !== def.taskIndex) checkAddress(address);
    }
  }
}

/** @throws InvalidArgumentError for what doesn't look like `host:port` */
export function checkAddress(address: string): void {
  const parsed = parseHostPort(address);
  if (parsed !== null && parsed.port === null) throw new InvalidArgumentError(`Failed to parse port.${address}`);
  if (parsed === null || parsed.port! < 0 || parsed.host.includes("/")) {
    throw new InvalidArgumentError(`Could not interpret "${address}" as a host-port pair.`);
  }
}

/** Cut at the last colon: `null` where there is none, a port of `null` where what follows is no 32-bit number. */
export function parseHostPort(address: string): { host: string; port: number | null } | null {
  const colon = address.lastIndexOf(":");
  if (colon < 0) return null;
  const text = address.slice(colon + 1);
  const port = Number(text);
  const isPort = /^\s*[+-]?\d+\s*$/.test(text) && port === (port | 0);
  return { host: address.slice(0, colon), port: isPort ? port + 0 : null };
}

export const taskName = (def: ServerDef): string => deviceNameOfTask(def.jobName, def.taskIndex, def.replica);

/** `/job:worker/replica:0/task:1` */
export const deviceNameOfTask = (job: string, task: number, replica = 0): string =>
  `/job:${job}/replica:${replica}/task:${task}`;
