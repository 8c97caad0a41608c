// MasterService as a plain class: sessions by handle, and the requests that name one. Takes the local worker and those
// of other tasks; it must not know gRPC, sockets or messages. Handles of unknown sessions get TensorFlow's texts.
import type { StepSequences } from "../collective/step-sequences.js";
import type { DeviceAttributes } from "../device/device.js";
import { AbortedError, InvalidArgumentError } from "../errors/index.js";
import type { Node } from "../graph/graph.js";
import type { OpRegistry } from "../graph/op-def.js";
import type { Cancellation } from "../kernel/cancellation.js";
import type { SessionReport } from "../observe/report.js";
import type { Signature } from "../optimize/signature.js";
import { hexText } from "../platform/hex.js";
import type { Tensor } from "../tensor/tensor.js";
import type { ConfigProto, GraphDef, RunOptions } from "../wire/core.js";
import type { Connect, Membership, Peers } from "../worker/peers.js";
import type { StepSignal, WorkerInterface } from "../worker/worker-interface.js";
import type { Feed } from "./feeds.js";
import { DeviceFilters, devicesAs, devicesOf, ownTaskIn, workersOf } from "./members.js";
import type { PlanHost } from "./plan.js";
import { type Callable, MasterSession } from "./session.js";
import type { StepResult } from "./step-runner.js";

export interface MasterContext {
  /** `/job:worker/replica:0/task:0` */
  readonly task: string;
  readonly local: WorkerInterface;
  /** The other tasks of the server's cluster, and how those of a session's own are found. */
  readonly peers: Peers;
  readonly connect: Connect;
  /** Where steps with collectives get their ids, and all others. */
  readonly sequences: StepSequences;
  readonly newStepId: () => bigint;
  readonly registry: OpRegistry;
  readonly hostname: string;
  /** Whether a device of this type can run the node. */
  readonly hasKernel: (node: Node, type: string) => boolean;
  /** Types of the task's own devices, the one to place on first; types that aren't named stay as they are listed. */
  readonly deviceTypes?: readonly string[];
  /** The registered kernels of an op, a line each, for the text of an error. */
  readonly kernelsOf: (op: string) => string;
  readonly host: PlanHost;
  readonly random: (bytes: Uint8Array) => void;
  readonly now: () => number;
  readonly log: (text: string) => void;
  /** Configuration of the server, for sessions that bring none. */
  readonly defaultConfig: ConfigProto | null;
  /** Sessions that nobody used for this long are closed; with 0 they stay, as TensorFlow's do. */
  readonly idleLimitMs: number;
}

/** Sessions that a task may still hold; older ones are left to it. */
const MOST_UNTOLD = 1000;

export class Master {
  readonly #sessions = new Map<string, MasterSession>();
  /** Closed sessions, by the workers that couldn't be told. */
  #untold: { readonly worker: WorkerInterface; readonly handle: string }[] = [];

  readonly #idleCheck: ReturnType<typeof setInterval> | null;

  constructor(readonly context: MasterContext) {
    const { idleLimitMs } = context;
    this.#idleCheck = idleLimitMs > 0 ? setInterval(() => this.#closeIdle(), Math.max(10, idleLimitMs / 4)) : null;
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  reportSessions(): SessionReport[] {
    const now = this.context.now();
    return [...this.#sessions.values()].map(({ handle, nodeCount: nodes, runningSteps, lastUsed }) => ({
      handle,
      nodes,
      runningSteps,
      idleMs: runningSteps > 0 ? 0 : now - lastUsed,
    }));
  }

  get runningSteps(): number {
    let steps = 0;
    for (const session of this.#sessions.values()) steps += session.runningSteps;
    return steps;
  }

  /** @param target what the client dialled: a `cluster_def` in its configuration must name it */
  async createSession(
    graphDef: GraphDef,
    given: ConfigProto | null,
    target = "",
    signal?: StepSignal,
  ): Promise<string> {
    const config = given ?? this.context.defaultConfig;
    if (config !== null && config.sessionInterOpThreadPool.length > 0) {
      throw new InvalidArgumentError("Distributed session does not support session thread pool options.");
    }
    const cluster = config?.clusterDef ?? null;
    if (cluster === null)
      return this.#open(this.context.task, { ...this.context, leave() {} }, graphDef, config, signal);
    const task = ownTaskIn(cluster, target, this.context.task);
    const membership = this.context.connect(cluster, task);
    try {
      return await this.#open(task, membership, graphDef, config, signal);
    } catch (error) {
      membership.leave();
      throw error;
    }
  }

  async #open(
    task: string,
    { peers, leave }: Membership,
    graphDef: GraphDef,
    config: ConfigProto | null,
    signal: StepSignal | undefined,
  ): Promise<string> {
    const { local, registry, hostname, hasKernel, sequences, newStepId } = this.context;
    const filters = new DeviceFilters(config?.deviceFilters ?? []);
    const remote = workersOf(peers, filters);
    const own = devicesAs(task, await local.getStatus());
    const others = await this.#devicesOf(remote, config, signal);
    this.#tellAgain();
    const devices = [...own, ...others.filter(({ name }) => filters.passes(name))];
    const workers = new Map([[task, local], ...remote.map((worker) => [worker.task, worker] as const)]);
    const client = devices[0]!;
    const incarnations = new Map(devices.map((device) => [device.name, device.incarnation]));
    const handle = this.#newHandle();
    // The graph is checked before any worker hears of the session: most failures end here.
    const session = new MasterSession(
      {
        handle,
        config,
        registry,
        hostname,
        devices,
        client: { name: client.name, incarnation: client.incarnation },
        workers,
        placement: {
          devices: this.#preferred(devices, own.length).map(({ name, deviceType }) => ({ name, type: deviceType })),
          allowSoftPlacement: config?.allowSoftPlacement ?? false,
          hasKernel,
          kernelsOf: this.context.kernelsOf,
        },
        host: this.context.host,
        incarnationOf: (device) => incarnations.get(device) ?? 0n,
        sequences,
        newStepId,
        leave,
      },
      graphDef,
    );
    const request = {
      sessionHandle: handle,
      isolateSessionState: config?.isolateSessionState ?? false,
      cluster: config?.clusterDef ?? null,
      masterTask: this.context.task,
      masterIncarnation: BigInt.asIntN(64, client.incarnation),
    };
    try {
      await Promise.all(
        [...workers].map(([name, worker]) => worker.createWorkerSession({ ...request, task: name }, signal)),
      );
      if (signal !== undefined && signal.reason !== null) throw signal.reason;
    } catch (error) {
      await this.#close(session);
      throw error;
    }
    session.lastUsed = this.context.now();
    this.#sessions.set(handle, session);
    return handle;
  }

  extendSession(handle: string, graphDef: GraphDef, currentVersion: bigint): bigint {
    return this.session(handle).extend(graphDef, currentVersion);
  }

  /** @throws AbortedError for an unknown handle */
  session(handle: string, orRestarted = false): MasterSession {
    const session = this.#sessions.get(handle);
    if (session === undefined) {
      throw new AbortedError(
        `Session ${handle} is not found.${orRestarted ? " Possibly, this master has restarted." : ""}`,
      );
    }
    session.lastUsed = this.context.now();
    return session;
  }

  runStep(
    handle: string,
    feeds: readonly Feed[],
    fetches: readonly string[],
    targets: readonly string[],
    options: RunOptions | null,
    cancellation: Cancellation,
  ): Promise<StepResult> {
    return this.session(handle).run(feeds, fetches, targets, options, cancellation);
  }

  partialRunSetup(handle: string, signature: Signature): Promise<string> {
    return this.session(handle).partialRunSetup(signature);
  }

  makeCallable(handle: string, callable: Callable): Promise<bigint> {
    return this.session(handle).makeCallable(callable);
  }

  /** Surplus feeds are ignored; too few are refused (a real server dies of them). */
  async runCallable(
    handle: string,
    callableHandle: bigint,
    feeds: readonly Tensor[],
    cancellation: Cancellation,
  ): Promise<StepResult> {
    let named: Feed[];
    let callable: Callable;
    const session = this.session(handle);
    try {
      callable = session.callable(callableHandle);
      const names = callable.signature.feeds;
      if (feeds.length < names.length) {
        throw new InvalidArgumentError(`Expected ${names.length} feed tensors, but got ${feeds.length}`);
      }
      named = names.map((name, i) => ({ name, tensor: feeds[i]! }));
      for (const surplus of feeds.slice(names.length)) surplus.release();
    } catch (error) {
      for (const tensor of feeds) tensor.release();
      throw error;
    }
    const { fetches, targets } = callable.signature;
    return session.run(named, fetches, targets, callable.options, cancellation);
  }

  async closeSession(handle: string): Promise<void> {
    const session = this.session(handle, true);
    this.#sessions.delete(handle);
    await this.#close(session);
  }

  /** Devices of the session, or (empty handle) of this task and of all others. */
  async listDevices(
    handle: string,
  ): Promise<{ local: readonly DeviceAttributes[]; remote: readonly DeviceAttributes[] }> {
    if (handle !== "") {
      const session = this.#sessions.get(handle);
      if (session === undefined) {
        throw new InvalidArgumentError(`Session ${handle} is not found. Possibly, this master has restarted.`);
      }
      return { local: session.context.devices, remote: [] };
    }
    const remote = await this.#devicesOf(workersOf(this.context.peers, new DeviceFilters([])), null);
    return { local: await this.context.local.getStatus(), remote };
  }

  /** Ends all sessions of this master and empties the named containers on all tasks. */
  async reset(containers: readonly string[], deviceFilters: readonly string[]): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.all(sessions.map((session) => this.#close(session)));
    const workers = [this.context.local, ...workersOf(this.context.peers, new DeviceFilters(deviceFilters))];
    await Promise.all(workers.map((worker) => worker.cleanupAll(containers)));
  }

  #closeIdle(): void {
    const { now, idleLimitMs, log } = this.context;
    for (const session of [...this.#sessions.values()]) {
      if (session.runningSteps > 0) session.lastUsed = now();
      if (now() - session.lastUsed < idleLimitMs) continue;
      log(`Session ${session.handle} is closed: nobody used it for ${idleLimitMs / 1000} s`);
      void this.closeSession(session.handle);
    }
  }

  async #close(session: MasterSession): Promise<void> {
    const { handle } = session;
    for (const worker of await session.close()) this.#untold.push({ worker, handle });
    this.#untold.splice(0, this.#untold.length - MOST_UNTOLD);
  }

  /** Tasks can be reached again: what they hold for sessions that are closed goes now. */
  #tellAgain(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const entry of untold) {
      entry.worker.deleteWorkerSession(entry.handle).catch(() => this.#untold.push(entry));
    }
  }

  /** Closes all sessions: the server stops. */
  async close(reason: Error): Promise<void> {
    clearInterval(this.#idleCheck ?? undefined);
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.all(sessions.map((session) => session.close(reason)));
  }

  /** The task's own devices, which come first, by how much their type is preferred. */
  #preferred(devices: readonly DeviceAttributes[], own: number): readonly DeviceAttributes[] {
    const types = this.context.deviceTypes ?? [];
    const rank = ({ deviceType }: DeviceAttributes) =>
      types.includes(deviceType) ? types.indexOf(deviceType) : types.length;
    return [...devices.slice(0, own).sort((a, b) => rank(a) - rank(b)), ...devices.slice(own)];
  }

  async #devicesOf(
    workers: readonly WorkerInterface[],
    config: ConfigProto | null,
    signal?: StepSignal,
  ): Promise<readonly DeviceAttributes[]> {
    const timeoutMs = Number(config?.operationTimeoutInMs ?? 0n);
    const found = await devicesOf(workers, { log: this.context.log, signal, timeoutMs });
    return workers.flatMap(({ task }, i) => devicesAs(task, found[i]!));
  }

  #newHandle(): string {
    const bytes = new Uint8Array(8);
    this.context.random(bytes);
    return hexText(bytes);
  }
}
