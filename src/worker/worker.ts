// One task's WorkerService as a plain class: sessions, registered graphs, steps. Takes its devices and resources from
// the server; the in-process master calls it directly, peers through rpc/. It must not know sockets.

import type { Take } from "../collective/buf-rendezvous.js";
import type { BufferRequest } from "../collective/peer.js";
import type { Device, DeviceAttributes } from "../device/device.js";
import {
  AbortedError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  type OpError,
  toOpError,
  WORKER_POSSIBLY_RESTARTED,
} from "../errors/index.js";
import { exportGraph } from "../graph/export.js";
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { Received } from "../kernel/rendezvous.js";
import type { StepReport, WorkerSessionReport } from "../observe/report.js";
import { renamed } from "../placement/device-name.js";
import { parseKey } from "../rendezvous/key.js";
import { ResourceManager } from "../resources/resource-manager.js";
import { SessionTensors } from "../resources/session-tensors.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Connect, Membership, Peers } from "./peers.js";
import { RegisteredGraph, type SessionKernels } from "./registered-graph.js";
import type { RunningStep, Runtime, StepSession } from "./running-step.js";
import { StepTable } from "./step-table.js";
import { StepTrace } from "./step-trace.js";
import type {
  CreateWorkerSessionRequest,
  RegisterGraphRequest,
  RunGraphRequest,
  RunGraphResponse,
  StepSignal,
  WorkerInterface,
} from "./worker-interface.js";

interface WorkerSession extends StepSession, Membership {
  /** By the names that the session gives them. */
  readonly devices: ReadonlyMap<string, Device>;
  readonly masterTask: string;
  readonly masterIncarnation: bigint;
  readonly resources: ResourceManager;
  readonly isolated: boolean;
  readonly graphs: Map<string, RegisteredGraph>;
  readonly kernels: SessionKernels;
  /** Its steps that weren't cleaned up: some run, some wait for the next portion of a partial run. */
  readonly steps: Set<RunningStep>;
  lastGraph: number;
  lastName: number;
}

/** Bytes of a collective that a peer asks for. */
export interface BufferSource extends Pick<BufferRequest, "stepId" | "key"> {
  /** The member that provides them. */
  readonly device: string;
  readonly incarnation: bigint;
}

/** The session of masters that make none: it is there from the first graph on. */
export const LEGACY_SESSION = "";
const LEGACY: CreateWorkerSessionRequest = {
  sessionHandle: LEGACY_SESSION,
  task: "",
  cluster: null,
  isolateSessionState: false,
  masterTask: "",
  masterIncarnation: 0n,
};

const nothing = async (): Promise<void> => {};

/** Tells a caller that it may mean the process that was here before. */
const restarted = (message: string): OpError =>
  new AbortedError(message, { payloads: new Map([[WORKER_POSSIBLY_RESTARTED, new Uint8Array(0)]]) });

export class Worker implements WorkerInterface {
  readonly #sessions = new Map<string, WorkerSession>();
  readonly #steps: StepTable;
  /** Why no session may begin any more. */
  #closing: Error | null = null;

  constructor(
    readonly task: string,
    readonly devices: readonly Device[],
    /** State common to all sessions that aren't isolated. */
    readonly resources: ResourceManager,
    readonly runtime: Runtime,
    /** The other tasks of the server's cluster, and how those of a session's own are found. */
    readonly peers: Peers,
    readonly connect: Connect,
  ) {
    this.#steps = new StepTable(runtime.now);
  }

  async getStatus(): Promise<readonly DeviceAttributes[]> {
    return this.devices.map((device) => device.attributes);
  }

  async createWorkerSession(request: CreateWorkerSessionRequest): Promise<void> {
    const { sessionHandle, masterTask, masterIncarnation } = request;
    if (sessionHandle === "") throw new InvalidArgumentError("Session must be non-empty.");
    for (const [handle, session] of this.#sessions) {
      // A master that restarted has forgotten its sessions: nobody will ever close them.
      const restarted = session.masterTask === masterTask && session.masterIncarnation !== masterIncarnation;
      if (masterTask !== "" && restarted) this.#drop(handle, session);
    }
    if (this.#sessions.has(sessionHandle)) return;
    this.#open(request);
  }

  async deleteWorkerSession(sessionHandle: string): Promise<void> {
    const session = this.#sessions.get(sessionHandle);
    if (session !== undefined) this.#drop(sessionHandle, session);
  }

  async registerGraph({ sessionHandle, graph, collectiveGraphKey }: RegisterGraphRequest): Promise<string> {
    const session = this.#session(sessionHandle);
    const nextName = (base: string) => `${base}_L${session.lastName++}`;
    const registered = new RegisteredGraph(
      graph,
      collectiveGraphKey !== 0n,
      session.devices,
      session.kernels,
      nextName,
    );
    const handle = (++session.lastGraph).toString(16).padStart(16, "0");
    session.graphs.set(handle, registered);
    return handle;
  }

  async deregisterGraph(sessionHandle: string, graphHandle: string): Promise<void> {
    const { graphs, steps } = this.#session(sessionHandle);
    const graph = graphs.get(graphHandle);
    if (graph === undefined) {
      throw new AbortedError(`Graph handle is not found: ${graphHandle}. Possibly, this worker just restarted.`);
    }
    graphs.delete(graphHandle);
    whenThrough(steps, () => graph.close());
  }

  async runGraph(request: RunGraphRequest, signal: StepSignal): Promise<RunGraphResponse> {
    let session: WorkerSession;
    let graph: RegisteredGraph | undefined;
    try {
      session = this.#session(request.sessionHandle);
      graph = session.graphs.get(request.graphHandle);
      if (graph === undefined) throw new AbortedError(`Graph handle is not found: ${request.graphHandle}`);
      if (signal.reason !== null) throw signal.reason;
    } catch (error) {
      for (const { tensor } of request.sends) tensor.release();
      throw error;
    }
    const step = this.#steps.begin(request.stepId);
    const cancel = (reason: Error) => step.cancellation.cancel(reason);
    signal.add(cancel);
    session.steps.add(step);
    step.siblings = session.steps;
    try {
      sendAll(request.sends, step);
      const { recordTimeline, recordCosts, recordPartitionGraphs } = request;
      const { now, wallClock } = this.runtime;
      const trace = recordTimeline || recordCosts ? new StepTrace(now, wallClock) : null;
      // Only the first portion of a partial run starts the executors; the same step may run any number of times.
      const starts = step.ended === null || !request.isPartial;
      const ended = starts ? step.start(graph, session, this.runtime, trace) : step.ended!;
      // A partial run answers as soon as it has what was asked for; the last part waits for the executors.
      if (!request.isPartial || request.isLastPartialRun) {
        const error = await ended;
        if (error !== null) throw error;
      }
      const recvs = await step.takeAll(request.recvKeys).catch((error) => this.#notFetched(error, step));
      step.saveTensors(request.recvKeys);
      return {
        recvs,
        stepStats: recordTimeline ? trace!.toProto() : null,
        costGraph: recordCosts ? graph.costsWith(trace!) : null,
        partitionGraphs: recordPartitionGraphs ? graph.parts.map((part) => exportGraph(part.graph)) : [],
      };
    } finally {
      signal.remove(cancel);
      // A master that went away will not clean up; one that did may have begun a step of the same id.
      if (signal.reason !== null && this.#steps.holds(step)) void this.cleanupGraph(request.stepId);
    }
  }

  #notFetched(cause: unknown, { stepId, cancellation }: RunningStep): never {
    const error = toOpError(cause);
    if (cancellation.reason !== null) throw error;
    throw new InternalError(`Failed to fetch outputs for step ${stepId}. (Original error message: ${error.message})`);
  }

  /**
   * Waits for a tensor that a peer asks for, perhaps before its step has begun here. One hold passes to the caller.
   * @throws InvalidArgumentError for a malformed key or an unknown device, AbortedError for one that is no more
   */
  recvTensor(
    stepId: bigint,
    key: string,
    signal: CancellationSignal,
  ): Promise<{ readonly tensor: Tensor; readonly dead: boolean }> {
    if (this.#closing !== null) throw this.#closing;
    this.#checkSender(key);
    const step = this.#steps.ask(stepId);
    return new Promise((resolve, reject) => {
      const cancel = (reason: Error) => {
        step.rendezvous.forget(key, received);
        this.#steps.forget(step);
        reject(reason);
      };
      const received: Received = (error, tensor, dead) => {
        signal.remove(cancel);
        if (error !== null) reject(error);
        else resolve({ tensor: tensor!, dead });
      };
      step.rendezvous.receive(key, received);
      signal.add(cancel);
    });
  }

  /**
   * Waits for bytes of a collective that a peer asks for, perhaps before its step has begun here.
   * @param read is given where they lie and for how long they are; it reads them before it returns
   * @throws InvalidArgumentError for an unknown device, FailedPreconditionError for one that is no more
   */
  recvBuf<T>(
    { stepId, key, device, incarnation }: BufferSource,
    signal: CancellationSignal,
    read: (at: number, bytes: number) => T,
  ): Promise<T> {
    if (this.#closing !== null) throw this.#closing;
    const own = this.#memberDevice(device).attributes.incarnation;
    if (own !== incarnation) {
      throw new FailedPreconditionError(
        `RecvBuf expects a different device incarnation: ${incarnation} vs. ${own}. Your worker job that contains the ` +
          `device ("${device}") was probably restarted. Check your worker job for the reason why it was restarted.`,
      );
    }
    const step = this.#steps.ask(stepId);
    const { buffers } = step.collectivesOf(this.runtime.collectives);
    return new Promise((resolve, reject) => {
      const cancel = (reason: Error) => {
        buffers.forget(key, take);
        this.#steps.forget(step);
        reject(reason);
      };
      const take: Take = (error, at, bytes) => {
        signal.remove(cancel);
        if (error === null) resolve(read(at, bytes));
        else reject(error);
      };
      buffers.consume(key, false, take);
      signal.add(cancel);
    });
  }

  /** Only the local part of the name counts, as TensorFlow looks it up. @throws InvalidArgumentError where it has none */
  localDevice(name: string): Device {
    const local = name.slice(Math.max(0, name.indexOf("/device:")));
    const device = this.devices.find(({ attributes }) => local !== "" && attributes.name.endsWith(local));
    if (device === undefined) throw new InvalidArgumentError(`${local} unknown device.`);
    return device;
  }

  /** Other than with tensors, a full name has to be one of this task. */
  #memberDevice(name: string): Device {
    if (!name.startsWith("/job:")) return this.localDevice(name);
    const device = this.devices.find(({ attributes }) => attributes.name === name);
    if (device === undefined) throw new InvalidArgumentError(`${name} unknown device.`);
    return device;
  }

  #checkSender(key: string): void {
    const { sendDevice, incarnation } = parseKey(key);
    const own = this.localDevice(sendDevice).attributes.incarnation;
    if (own === incarnation) return;
    throw restarted(
      `RecvTensor expects a different device incarnation: ${incarnation} vs. ${own}. Your worker job ("${this.task}") ` +
        "was probably restarted. Check your worker job for the reason why it was restarted.",
    );
  }

  /** Without the one that is always there. */
  reportSessions(): WorkerSessionReport[] {
    const sessions = [...this.#sessions].filter(([handle]) => handle !== LEGACY_SESSION);
    return sessions.map(([handle, { masterTask, graphs }]) => ({ handle, masterTask, graphs: graphs.size }));
  }

  reportSteps(): StepReport[] {
    return [...this.#steps.values()].map((step) => step.report(this.runtime.now()));
  }

  get openSteps(): number {
    return this.#steps.size;
  }

  get openSessions(): number {
    return this.#sessions.size;
  }

  async cleanupGraph(stepId: bigint): Promise<void> {
    const step = this.#steps.remove(stepId);
    if (step === undefined) return;
    step.siblings?.delete(step);
    // Who cleans up has stopped waiting.
    if (step.running) step.cancellation.cancel(new AbortedError(`Cleanup ${stepId}`).asDerived());
    await step.ended;
    step.cleanUp();
  }

  async cleanupAll(containers: readonly string[]): Promise<void> {
    this.resources.cleanUp(containers);
  }

  /**
   * Cancels all steps, drops all sessions and state.
   * @param keep sees the state once no step runs any more, before it goes
   */
  async close(reason: Error, keep: (resources: ResourceManager) => Promise<void> = nothing): Promise<void> {
    this.#closing = reason;
    this.runtime.collectives.close(toOpError(reason));
    for (const step of this.#steps.values()) {
      step.cancellation.cancel(reason);
      step.abort(() => reason);
    }
    await Promise.all(this.#steps.ids().map((stepId) => this.cleanupGraph(stepId)));
    for (const [handle, session] of this.#sessions) this.#drop(handle, session);
    this.#steps.close();
    try {
      await keep(this.resources);
    } finally {
      this.resources.clear();
    }
  }

  #open(request: CreateWorkerSessionRequest): WorkerSession {
    if (this.#closing !== null) throw this.#closing;
    const { sessionHandle, masterTask, masterIncarnation, isolateSessionState: isolated } = request;
    const task = request.cluster === null || request.task === "" ? this.task : request.task;
    const session: WorkerSession = {
      task,
      ...(request.cluster === null ? { peers: this.peers, leave() {} } : this.connect(request.cluster, task)),
      devices: new Map(this.devices.map((device) => [renamed(device.name, task), device])),
      masterTask,
      masterIncarnation,
      resources: isolated ? new ResourceManager(this.resources.defaultContainer) : this.resources,
      tensors: this.runtime.keepsTensors ? new SessionTensors() : null,
      isolated,
      graphs: new Map(),
      kernels: new Map(),
      steps: new Set(),
      lastGraph: 0,
      lastName: 0,
    };
    this.#sessions.set(sessionHandle, session);
    return session;
  }

  #session(handle: string): WorkerSession {
    if (this.#closing !== null) throw this.#closing;
    const session = this.#sessions.get(handle);
    if (session !== undefined) return session;
    if (handle === LEGACY_SESSION) return this.#open(LEGACY);
    throw restarted(`Session handle is not found: ${handle}. Possibly this worker ("${this.task}") just restarted.`);
  }

  #drop(handle: string, session: WorkerSession): void {
    this.#sessions.delete(handle);
    const reason = new AbortedError(`Worker session ${handle} was deleted`);
    const steps = [...session.steps];
    for (const step of steps) {
      step.cancellation.cancel(reason);
      void this.cleanupGraph(step.stepId);
    }
    whenThrough(steps, () => {
      for (const graph of session.graphs.values()) graph.close();
      for (const cache of session.kernels.values()) for (const { kernel } of cache.values()) kernel.close();
      if (session.isolated) session.resources.clear();
      session.tensors?.clear();
      session.leave();
    });
  }
}

/** What steps use is taken away when they are through: at once, where none runs. */
function whenThrough(steps: Iterable<RunningStep>, release: () => void): void {
  const ends = Array.from(steps, (step) => step.ended);
  if (ends.length === 0) release();
  else void Promise.allSettled(ends).then(release);
}

/** Takes over the tensors; those behind one that is refused are let go. */
function sendAll(sends: RunGraphRequest["sends"], { rendezvous }: RunningStep): void {
  let sent = 0;
  try {
    for (const { key, tensor } of sends) {
      sent++;
      rendezvous.send(key, tensor, false);
    }
  } catch (error) {
    for (const { tensor } of sends.slice(sent)) tensor.release();
    throw error;
  }
}
