// Jobs and the addresses of their tasks (`tf.train.ClusterSpec`): made from a plain object, a ClusterDef or another
// spec; checked as TensorFlow checks it. Addresses are not parsed here.
import { InvalidArgumentError } from "../errors/index.js";
import type { ClusterDef } from "../wire/core.js";

/** Addresses in order, or by task index. */
export type JobTasks = readonly string[] | Readonly<Record<number, string>>;
export type ClusterLike = ClusterSpec | ClusterDef | Readonly<Record<string, JobTasks>>;

const EXPECTED =
  "`cluster` must be a dictionary mapping one or more job names to lists of network addresses, or a `ClusterDef` " +
  "protocol buffer";

export class ClusterSpec {
  readonly #jobs = new Map<string, Map<number, string>>();

  /** @throws TypeError for what isn't a cluster, InvalidArgumentError for a task index that isn't a number */
  constructor(cluster: ClusterLike) {
    if (typeof cluster !== "object" || cluster === null || Array.isArray(cluster)) throw new TypeError(EXPECTED);
    if (cluster instanceof ClusterSpec) {
      for (const [job, tasks] of cluster.#jobs) this.#jobs.set(job, new Map(tasks));
    } else if (isClusterDef(cluster)) {
      for (const { name, tasks } of cluster.job) this.#jobs.set(name, sorted(tasks));
    } else {
      for (const [job, tasks] of Object.entries(cluster)) this.#jobs.set(job, readTasks(job, tasks));
    }
  }

  /** Job names, sorted. */
  get jobs(): string[] {
    return [...this.#jobs.keys()];
  }

  get empty(): boolean {
    return this.#jobs.size === 0;
  }

  numTasks(job: string): number {
    return this.#job(job).size;
  }

  taskIndices(job: string): number[] {
    return [...this.#job(job).keys()].sort((a, b) => a - b);
  }

  taskAddress(job: string, index: number): string {
    const address = this.#job(job).get(index);
    if (address === undefined) throw new InvalidArgumentError(`No task with index ${index} in job '${job}'`);
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
      const indices = this.taskIndices(job);
      const dense = indices.length > 0 && indices.every((index, i) => index === i);
      dict[job] = dense
        ? indices.map((i) => tasks.get(i)!)
        : Object.fromEntries(indices.map((i) => [i, tasks.get(i)!]));
    }
    return dict;
  }

  /** Jobs sorted by name. */
  asClusterDef(): ClusterDef {
    const jobs = [...this.#jobs].sort(([a], [b]) => (a < b ? -1 : 1));
    return { job: jobs.map(([name, tasks]) => ({ name, tasks: sorted(tasks) })) };
  }

  equals(other: unknown): boolean {
    return other instanceof ClusterSpec && this.toString() === other.toString();
  }

  toString(): string {
    const jobs = Object.entries(this.asDict())
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([job, tasks]) => `'${job}': ${pythonText(tasks)}`);
    return `ClusterSpec({${jobs.join(", ")}})`;
  }

  #job(name: string): Map<number, string> {
    const tasks = this.#jobs.get(name);
    if (tasks === undefined) throw new InvalidArgumentError(`No such job in cluster: '${name}'`);
    return tasks;
  }
}

const isClusterDef = (cluster: object): cluster is ClusterDef => {
  const { job } = cluster as Partial<ClusterDef>;
  return Array.isArray(job) && job.every((entry) => typeof entry === "object" && entry.tasks instanceof Map);
};

function readTasks(job: string, tasks: unknown): Map<number, string> {
  if (typeof tasks !== "object" || tasks === null) {
    throw new TypeError(`The tasks for job '${job}' must be a list or a dictionary from integers to strings.`);
  }
  const entries = Array.isArray(tasks)
    ? tasks.map((address, i) => [String(i), address] as const)
    : Object.entries(tasks);
  const read = new Map<number, string>();
  for (const [key, address] of entries) {
    const index = Number(key);
    if (!Number.isInteger(index)) throw new InvalidArgumentError(`invalid literal for int() with base 10: '${key}'`);
    if (typeof address !== "string") throw new TypeError(`Task address ${String(address)} must be bytes or unicode`);
    read.set(index, address);
  }
  return sorted(read);
}

const sorted = (tasks: ReadonlyMap<number, string>): Map<number, string> =>
  new Map([...tasks].sort(([a], [b]) => a - b));

function pythonText(tasks: string[] | Record<number, string>): string {
  if (Array.isArray(tasks)) return `[${tasks.map((address) => `'${address}'`).join(", ")}]`;
  return `{${Object.entries(tasks)
    .map(([index, address]) => `${index}: '${address}'`)
    .join(", ")}}`;
}
