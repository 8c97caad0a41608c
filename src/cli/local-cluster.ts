// A cluster of processes on this machine: each task is a command that gets its place by TF_CONFIG. Takes what to run for
// each job; gives the processes, their lines, and a way to end them all.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

export interface TaskCommand {
  readonly job: string;
  readonly index: number;
  readonly command: string;
  readonly args: readonly string[];
}

export interface LocalClusterOptions {
  readonly tasks: readonly TaskCommand[];
  /** A line that a task wrote. */
  readonly onLine: (task: TaskCommand, line: string, stream: "stdout" | "stderr") => void;
}

export interface TaskEnd {
  readonly task: TaskCommand;
  readonly code: number;
}

const KILL_MS = 5000;

export class LocalCluster {
  readonly #children = new Map<TaskCommand, ChildProcess>();
  readonly #ends = new Map<TaskCommand, Promise<TaskEnd>>();

  private constructor(readonly jobs: Readonly<Record<string, readonly string[]>>) {}

  static async start({ tasks, onLine }: LocalClusterOptions): Promise<LocalCluster> {
    const ports = await freePorts(tasks.length);
    const jobs: Record<string, string[]> = {};
    for (const [i, { job, index }] of tasks.entries()) (jobs[job] ??= [])[index] = `127.0.0.1:${ports[i]}`;
    const cluster = new LocalCluster(jobs);
    for (const task of tasks) cluster.#start(task, onLine);
    return cluster;
  }

  target({ job, index }: TaskCommand): string {
    return `grpc://${this.jobs[job]![index]}`;
  }

  ended(task: TaskCommand): Promise<TaskEnd> {
    return this.#ends.get(task)!;
  }

  /** Asks all to end, and makes them after a while. */
  async stop(): Promise<void> {
    const open = [...this.#children].filter(([, child]) => child.exitCode === null && child.signalCode === null);
    for (const [, child] of open) child.kill("SIGTERM");
    const timer = setTimeout(() => open.forEach(([, child]) => void child.kill("SIGKILL")), KILL_MS);
    await Promise.all([...this.#ends.values()]);
    clearTimeout(timer);
  }

  #start(task: TaskCommand, onLine: LocalClusterOptions["onLine"]): void {
    const config = { cluster: this.jobs, task: { type: task.job, index: task.index } };
    const child = spawn(task.command, task.args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TF_CONFIG: JSON.stringify(config) },
    });
    for (const stream of ["stdout", "stderr"] as const) {
      createInterface({ input: child[stream] }).on("line", (line) => onLine(task, line, stream));
    }
    this.#children.set(task, child);
    const failed = once(child, "error").then(([error]) => {
      onLine(task, (error as Error).message, "stderr");
      return { task, code: 127 };
    });
    // `close` comes after the last line.
    const closed = once(child, "close").then(([code]) => ({ task, code: (code as number | null) ?? 1 }));
    this.#ends.set(task, Promise.race([failed, closed]));
  }
}

/** Ports that were free a moment ago: every task must know those of all others before it listens. */
export async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer());
  await Promise.all(probes.map((probe) => new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve))));
  const ports = probes.map((probe) => (probe.address() as { port: number }).port);
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}
