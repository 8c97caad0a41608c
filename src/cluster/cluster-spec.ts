// Jobs and the addresses of their tasks (`tf.train.ClusterSpec`): made from a plain object, a Map, a ClusterDef or
// another spec; checked as TensorFlow checks it. Addresses are not parsed here.
// Python's ValueError is an InvalidArgumentError here, its TypeError a TypeError, with Python's text.
import { InvalidArgumentError } from "../errors/index.js";
import type { ClusterDef } from "../wire/core.js";
import { pythonRepr } from "./python-text.js";

/** Addresses in order, or by task index. */
export type JobTasks = readonly string[] | Readonly<Record<number, string>> | ReadonlyMap<number, string>;
export type ClusterLike = ClusterSpec | ClusterDef | Readonly<Record<string, JobTasks>> | ReadonlyMap<string, JobTasks>;

const EXPECTED =
  "`cluster` must be a dictionary mapping one or more job names to lists of network addresses, or a `ClusterDef` " +
  "protocol buffer";

export class ClusterSpec {
  readonly #jobs = new Map<string, Map<number, string>>();

  /** @throws TypeError for what isn't a cluster, InvalidArgumentError for a task index that isn't a number */
  constructor(cluster: ClusterLike) {
    if (typeof cluster !== "object" || cluster === null || Array.isArray(cluster) || ArrayBuffer.isView(cluster)) {
      throw new TypeError(EXPECTED);
    }
    if (cluster instanceof ClusterSpec) {
      for (const [job, tasks] of cluster.#jobs) this.#jobs.set(job, new Map(tasks));
    } else if (isClusterDef(cluster)) {
      for (const { name, tasks } of cluster.job) this.#jobs.set(name, sorted(tasks));
    } else {
      for (const [job, tasks] of cluster instanceof Map ? cluster : Object.entries(cluster)) {
        const read = readTasks(job, tasks);
        if (typeof job !== "string") throw new TypeError(`Job name ${pythonRepr(job)} must be bytes or unicode`);
        this.#jobs.set(job, read);
      }
    }
  }

  /** Job names, in the order in which they were given. */
  get jobs(): string[] {
    return [...this.#jobs.keys()];
  }

  /** What `bool(spec)` denies in Python. */
  get empty(): boolean {
    return this.#jobs.size === 0;
  }

  numTasks(job: string): number {
    return this.#job(job).size;
  }

  taskIndices(job: string): number[] {
    return [...this.#job(job).keys()];
  }

  taskAddress(job: string, index: number): string {
    const address = this.#job(job).get(index);
    if (address === undefined) {
      throw new InvalidArgumentError(`No task with index ${pythonRepr(index)} in job ${pythonRepr(job)}`);
    }
    return address;
  }

  /** Addresses by index, `null` where the job has no such task. */
  jobTasks(job: string): (string | null)[] {
    const tasks = this.#job(job);
    const length = Math.max(-1, ...tasks.keys()) + 1;
    return Array.from({ length }, (_, i) => tasks.get(i) ?? null);
  }

  /** Lists where indices are 0 … n − 1, objects where they are sparse. */
  asDict(): Record<string, string[] | Record<number, string>> {
    const dict: Record<string, string[] | Record<number, string>> = Object.create(null);
    for (const [job, tasks] of this.#jobs) {
      dict[job] = isDense(tasks) ? [...tasks.values()] : Object.fromEntries(tasks);
    }
    return dict;
  }

  /** Jobs sorted by name. */
  asClusterDef(): ClusterDef {
    return { job: this.#sortedJobs().map(([name, tasks]) => ({ name, tasks: new Map(tasks) })) };
  }

  equals(other: unknown): boolean {
    return other instanceof ClusterSpec && this.toString() === other.toString();
  }

  toString(): string {
    const jobs = this.#sortedJobs().map(
      ([job, tasks]) => `${pythonRepr(job)}: ${pythonRepr(isDense(tasks) ? [...tasks.values()] : tasks)}`,
    );
    return `ClusterSpec({${jobs.join(", ")}})`;
  }

  #sortedJobs(): [string, Map<number, string>][] {
    return [...this.#jobs].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #job(name: string): Map<number, string> {
    const tasks = this.#jobs.get(name);
    if (tasks === undefined) throw new InvalidArgumentError(`No such job in cluster: ${pythonRepr(name)}`);
    return tasks;
  }
}

const isClusterDef = (cluster: object): cluster is ClusterDef => {
  const { job } = cluster as Partial<ClusterDef>;
  return (
    Array.isArray(job) &&
    job.every((entry) => typeof entry === "object" && entry !== null && entry.tasks instanceof Map)
  );
};

function readTasks(job: unknown, tasks: unknown): Map<number, string> {
  if (typeof tasks !== "object" || tasks === null || ArrayBuffer.isView(tasks)) {
    throw new TypeError(
      `The tasks for job ${pythonRepr(job)} must be a list or a dictionary from integers to strings.`,
    );
  }
  const read = new Map<number, string>();
  const entries = Array.isArray(tasks) || tasks instanceof Map ? tasks.entries() : Object.entries(tasks);
  for (const [key, address] of entries) {
    const index = taskIndexOf(key);
    if (typeof address !== "string")
      throw new TypeError(`Task address ${pythonRepr(address)} must be bytes or unicode`);
    read.set(index, address);
  }
  return sorted(read);
}

/** `int(key)`: numbers lose their fraction, text may have blanks, a sign and underscores between digits. */
function taskIndexOf(key: unknown): number {
  if (typeof key === "number" && Number.isFinite(key)) return Math.trunc(key) + 0;
  const text = String(key);
  if (!/^\s*[+-]?\d+(_\d+)*\s*$/.test(text)) {
    throw new InvalidArgumentError(`invalid literal for int() with base 10: ${pythonRepr(text)}`);
  }
  return Number(text.replaceAll("_", ""));
}

/** An empty job counts as sparse, as in Python. */
function isDense(tasks: ReadonlyMap<number, string>): boolean {
  let next = 0;
  for (const index of tasks.keys()) if (index !== next++) return false;
  return next > 0;
}

const sorted = (tasks: ReadonlyMap<number, string>): Map<number, string> =>
  new Map([...tasks].sort(([a], [b]) => a - b));
