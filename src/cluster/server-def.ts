// Which task of which cluster a server is: a ServerDef made of what the caller gave, with TensorFlow's defaults and
// refusals (`tf.distribute.Server`).
import { InternalError, InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { type ConfigProto, ServerDef } from "../wire/core.js";
import { type ClusterLike, ClusterSpec } from "./cluster-spec.js";

export interface ServerOptions {
  readonly jobName?: string;
  readonly taskIndex?: number;
  readonly protocol?: string;
  readonly config?: ConfigProto;
}

/** Where a task listens, as its cluster writes it. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** @throws InvalidArgumentError, InternalError, TypeError with TensorFlow's texts */
export function resolveServerDef(source: ServerDef | ClusterLike, options: ServerOptions): ServerDef {
  const given = isServerDef(source) ? source : null;
  const spec = given === null ? toSpec(source as ClusterLike) : new ClusterSpec(given.cluster ?? {});
  const cluster = spec.asClusterDef();
  let jobName = options.jobName ?? given?.jobName ?? "";
  if (jobName === "") {
    if (cluster.job.length !== 1) throw new InvalidArgumentError("Must specify an explicit `job_name`.");
    jobName = cluster.job[0]!.name;
  }
  if (options.jobName === undefined && options.taskIndex === undefined && given !== null) {
    return finish(given, cluster, jobName, given.taskIndex, options);
  }
  let { taskIndex } = options;
  if (taskIndex === undefined) {
    const indices = spec.jobs.includes(jobName) ? spec.taskIndices(jobName) : [0];
    if (indices.length !== 1) throw new InvalidArgumentError("Must specify an explicit `task_index`.");
    taskIndex = given?.taskIndex || indices[0]!;
  }
  return finish(given, cluster, jobName, taskIndex, options);
}

function finish(
  given: ServerDef | null,
  cluster: NonNullable<ServerDef["cluster"]>,
  jobName: string,
  taskIndex: number,
  options: ServerOptions,
): ServerDef {
  return {
    ...(given ?? ServerDef.create()),
    cluster,
    jobName,
    taskIndex,
    protocol: options.protocol ?? (given === null ? "grpc" : given.protocol),
    defaultSessionConfig: options.config ?? given?.defaultSessionConfig,
  };
}

function toSpec(source: ClusterLike): ClusterSpec {
  try {
    return new ClusterSpec(source);
  } catch (error) {
    if (!(error instanceof TypeError) || !error.message.startsWith("`cluster` must be")) throw error;
    throw new TypeError(
      "Could not convert `server_or_cluster_def` to a `tf.train.ServerDef` or `tf.train.ClusterSpec`.",
    );
  }
}

const isServerDef = (source: unknown): source is ServerDef =>
  typeof source === "object" && source !== null && "cluster" in source && "protocol" in source;

/** The address of the server's own task. @param text prints a ServerDef in protobuf's text format */
export function ownAddress(def: ServerDef, text: (def: ServerDef) => string): HostPort {
  if (def.protocol !== "grpc") {
    throw new NotFoundError(
      `No server factory registered for the given ServerDef: ${text(def)}\n\nThe available server factories are: ` +
        "[ GRPC_SERVER ]",
    );
  }
  if (def.replica !== 0 && def.port === 0) {
    throw new InvalidArgumentError(
      `An explicit server port must be specified when using jobs with multiple replicas: ${text(def)}`,
    );
  }
  const job = def.cluster?.job.find(({ name }) => name === def.jobName);
  if (job === undefined) throw new InternalError(`Job "${def.jobName}" was not defined in cluster`);
  const address = job.tasks.get(def.taskIndex);
  if (address === undefined) throw new InternalError(`Task ${def.taskIndex} was not defined in job "${def.jobName}"`);
  if (def.port !== 0) return { host: "localhost", port: def.port };
  const own = parseHostPort(address);
  if (own === null) throw new InvalidArgumentError(`Could not parse port for local server from "${address}".`);
  return own;
}

/** Every other task's address must at least look like one. */
export function checkPeerAddresses(def: ServerDef): void {
  for (const { name, tasks } of def.cluster?.job ?? []) {
    for (const [index, address] of tasks) {
      if (name === def.jobName && index === def.taskIndex) continue;
      if (parseHostPort(address) === null) {
        throw new InvalidArgumentError(`Could not interpret "${address}" as a host-port pair.`);
      }
    }
  }
}

/** `null` where there is no numeric port. */
export function parseHostPort(address: string): HostPort | null {
  const match = /^(.*):(-?\d+)$/.exec(address);
  return match === null ? null : { host: match[1]!, port: Number(match[2]) };
}

export const taskName = (def: ServerDef): string => `/job:${def.jobName}/replica:${def.replica}/task:${def.taskIndex}`;
