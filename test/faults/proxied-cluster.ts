// A cluster of real processes (`tensorfleet serve`), where each task reaches each other through a proxy of its own, and so
// does the client: any road can be cut, held or slowed by itself, any task killed, stopped and started anew.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../src/cli/local-cluster.js";
import type { TaskReport } from "../../src/index.js";
import { reportOf } from "../../src/rpc/task-client.js";
import { TcpProxy } from "../support/tcp-proxy.js";

export interface TaskId {
  readonly job: string;
  readonly index: number;
}

export interface ClusterOptions {
  readonly tasks: readonly TaskId[];
  /** Whom clients dial. */
  readonly masters: readonly string[];
  /** Of every task. */
  readonly flags: readonly string[];
  /** Of one task, the first, second, … time that it starts. */
  readonly flagsOf: (name: string, start: number) => readonly string[];
}

interface Task extends TaskId {
  readonly name: string;
  readonly port: number;
  child: ChildProcess;
  starts: number;
  /** What it wrote, all runs of it. */
  output: string;
  /** Ends that nobody asked for. */
  readonly crashes: string[];
  ending: boolean;
}

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const CLIENT = "client";
const REPORT_MS = 5_000;
const MOST_OUTPUT = 20_000;

export class ProxiedCluster implements AsyncDisposable {
  readonly tasks = new Map<string, Task>();
  /** By who dials and who listens: `client>worker/0`. */
  readonly roads = new Map<string, TcpProxy>();

  private constructor(readonly options: ClusterOptions) {}

  static async start(options: ClusterOptions): Promise<ProxiedCluster> {
    const cluster = new ProxiedCluster(options);
    const ports = await freePorts(options.tasks.length);
    const names = options.tasks.map(({ job, index }) => `${job}/${index}`);
    for (const from of [CLIENT, ...names]) {
      for (const [i, to] of names.entries()) {
        if (from !== to && (from !== CLIENT || options.masters.includes(to)))
          cluster.roads.set(`${from}>${to}`, await TcpProxy.start(ports[i]!));
      }
    }
    for (const [i, { job, index }] of options.tasks.entries()) {
      const task = { job, index, name: names[i]!, port: ports[i]!, output: "", crashes: [], ending: false, starts: 0 };
      cluster.tasks.set(task.name, Object.assign(task, { child: undefined as never }));
    }
    await Promise.all(names.map((name) => cluster.startTask(name)));
    return cluster;
  }

  /** What a client dials. */
  target(task: string): string {
    return `grpc://${this.roads.get(`${CLIENT}>${task}`)!.address}`;
  }

  /** Resolves when it serves. */
  async startTask(name: string): Promise<void> {
    const task = this.#task(name);
    const { flags, flagsOf } = this.options;
    const place = ["--cluster", JSON.stringify(this.#jobsSeenBy(name)), "--job", task.job, "--task", `${task.index}`];
    const child = spawn(process.execPath, [main, "serve", ...place, ...flags, ...flagsOf(name, ++task.starts)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    task.child = child;
    task.ending = false;
    // Whoever ends this process ends the tasks.
    const kill = () => void child.kill("SIGKILL");
    process.once("exit", kill);
    const serves = new Promise<void>((resolve, reject) => {
      const hear = (text: string) => {
        task.output = (task.output + text).slice(-MOST_OUTPUT);
        if (text.includes("Started server")) resolve();
      };
      child.stdout.setEncoding("utf8").on("data", hear);
      child.stderr.setEncoding("utf8").on("data", hear);
      child.once("exit", (code, signal) => {
        process.off("exit", kill);
        reject(new Error(`${name} ended before it served: ${task.output}`));
        if (!task.ending) task.crashes.push(`${name} ended by itself (${code ?? signal}): ${task.output}`);
      });
    });
    await serves;
  }

  async endTask(name: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const task = this.#task(name);
    task.ending = true;
    const ended = once(task.child, "exit");
    task.child.kill(signal);
    await ended;
  }

  pauseTask(name: string): void {
    this.#task(name).child.kill("SIGSTOP");
  }

  resumeTask(name: string): void {
    this.#task(name).child.kill("SIGCONT");
  }

  /** What each task says of itself, asked past the proxies. */
  async reports(): Promise<TaskReport[]> {
    const asked = [...this.tasks.values()].map(({ port }) => reportOf(`127.0.0.1:${port}`, { timeoutMs: REPORT_MS }));
    return (await Promise.all(asked)) as TaskReport[];
  }

  /** Ends that nobody asked for, since the last time. */
  takeCrashes(): string[] {
    return [...this.tasks.values()].flatMap(({ crashes }) => crashes.splice(0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, name } of this.tasks.values()) {
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        await this.endTask(name, "SIGKILL");
      }
    }
    for (const road of this.roads.values()) await road[Symbol.asyncDispose]();
  }

  #task(name: string): Task {
    return this.tasks.get(name)!;
  }

  /** Its own address is where it listens; the others' are the proxies between. */
  #jobsSeenBy(name: string): Record<string, string[]> {
    const jobs: Record<string, string[]> = {};
    for (const task of this.tasks.values()) {
      const address = task.name === name ? `127.0.0.1:${task.port}` : this.roads.get(`${name}>${task.name}`)!.address;
      (jobs[task.job] ??= [])[task.index] = address;
    }
    return jobs;
  }
}
