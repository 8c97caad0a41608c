// The cluster and the task as the environment variable TF_CONFIG has them, in the form that Kubeflow's TFJob sets and
// `tf.distribute` reads: `{"cluster": {"worker": ["host:port"]}, "task": {"type": "worker", "index": 0}}`.
// Takes the variable's text; must not read the environment itself.
import { InvalidArgumentError } from "../errors/index.js";
import { type ClusterLike, ClusterSpec } from "./cluster-spec.js";

export interface TfConfig {
  /** Without the evaluator: it is a task of its own, which nobody talks to. */
  readonly cluster: ClusterSpec;
  readonly jobName: string | null;
  readonly taskIndex: number | null;
  readonly protocol: string | null;
  /** Whether this task is the one that saves and logs for all. */
  readonly isChief: boolean;
}

/** Jobs whose only task leads, whatever else there is; without one of them the first worker leads. */
const LEADERS: readonly string[] = ["chief", "master"];

/** @throws InvalidArgumentError, TypeError */
export function parseTfConfig(text: string): TfConfig {
  const config = object(parseJson(text), "TF_CONFIG");
  const task = object(config.task ?? {}, "TF_CONFIG's task");
  const { type = null, index = null } = task;
  if (type !== null && typeof type !== "string")
    throw new InvalidArgumentError("TF_CONFIG's task.type must be a string");
  const jobs = object(config.cluster ?? {}, "TF_CONFIG's cluster");
  const cluster = new ClusterSpec(
    Object.fromEntries(Object.entries(jobs).filter(([job]) => job !== "evaluator")) as ClusterLike,
  );
  const taskIndex = index === null ? null : toIndex(index);
  const protocol = config.rpc_layer ?? task.rpc_layer ?? null;
  if (protocol !== null && typeof protocol !== "string") {
    throw new InvalidArgumentError("TF_CONFIG's rpc_layer must be a string");
  }
  return { cluster, jobName: type, taskIndex, protocol, isChief: leads(cluster, type, taskIndex ?? 0) };
}

function leads(cluster: ClusterSpec, job: string | null, index: number): boolean {
  if (job === null) return cluster.empty;
  if (LEADERS.includes(job)) return true;
  return job === "worker" && index === 0 && !LEADERS.some((leader) => cluster.jobs.includes(leader));
}

function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidArgumentError(`TF_CONFIG is not JSON: ${(cause as Error).message}`, { cause });
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InvalidArgumentError(`${what} must be an object`);
}

/** A number, or its digits: both are about. */
function toIndex(value: unknown): number {
  const index = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof index === "number" && Number.isInteger(index) && index >= 0) return index;
  throw new InvalidArgumentError("TF_CONFIG's task.index must be a whole number");
}
