// A cluster of this package's servers on free ports, all in this process. Its tasks meet over real sockets.
import { freePorts } from "../../src/cli/local-cluster.js";
import { Server, type ServerOptions } from "../../src/index.js";

export class TestCluster implements AsyncDisposable {
  /** What the tasks logged. */
  readonly lines: string[] = [];
  readonly #servers = new Map<string, Server>();

  private constructor(readonly jobs: Readonly<Record<string, readonly string[]>>) {}

  /** @param missing tasks (`ps/0`) that aren't started yet */
  static async start(
    sizes: Readonly<Record<string, number>>,
    missing: readonly string[] = [],
    options: ServerOptions = {},
  ): Promise<TestCluster> {
    const ports = await freePorts(Object.values(sizes).reduce((a, b) => a + b, 0));
    const jobs = Object.fromEntries(
      Object.entries(sizes).map(([job, size]) => [job, ports.splice(0, size).map((port) => `127.0.0.1:${port}`)]),
    );
    const cluster = new TestCluster(jobs);
    for (const [job, tasks] of Object.entries(jobs)) {
      for (const task of tasks.keys()) {
        if (!missing.includes(`${job}/${task}`)) await cluster.startTask(job, task, options);
      }
    }
    return cluster;
  }

  async startTask(job: string, task: number, options: ServerOptions = {}): Promise<Server> {
    const log = (line: string) => void this.lines.push(line);
    const server = await Server.create(this.jobs, { log, ...options, jobName: job, taskIndex: task });
    this.#servers.set(`${job}/${task}`, server);
    return server;
  }

  /** A task that reaches some jobs by other addresses than theirs. */
  async startTaskSeeing(
    job: string,
    task: number,
    others: Readonly<Record<string, readonly string[]>>,
    options: ServerOptions = {},
  ) {
    const log = (line: string) => void this.lines.push(line);
    const own = { log, ...options, jobName: job, taskIndex: task };
    const server = await Server.create({ ...this.jobs, ...others }, own);
    this.#servers.set(`${job}/${task}`, server);
    return { server, target: this.target(job, task) };
  }

  server(job: string, task: number): Server {
    return this.#servers.get(`${job}/${task}`)!;
  }

  target(job: string, task: number): string {
    return `grpc://${this.jobs[job]![task]}`;
  }

  async stopTask(job: string, task: number): Promise<void> {
    await this.server(job, task).stop();
    this.#servers.delete(`${job}/${task}`);
  }

  /** Steps, sessions and blocks of memory that the tasks still hold. */
  held(): { steps: number; sessions: number; blocks: number } {
    const held = { steps: 0, sessions: 0, blocks: 0 };
    for (const { parts } of this.#servers.values()) {
      held.steps += parts.engine.worker.openSteps;
      held.sessions += parts.engine.worker.openSessions;
      for (const { allocator } of parts.engine.devices) held.blocks += allocator.stats().blocksInUse;
    }
    return held;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
  }
}
