// One step on one task: its rendezvous, its own resources, its executors. Lives from the first word of it (a RunGraph,
// or a peer that asks for one of its tensors) until CleanupGraph.
import type { StepCollectives } from "../collective/step-collectives.js";
import type { TaskCollectives } from "../collective/task-collectives.js";
import { AbortedError, InternalError } from "../errors/index.js";
import { Step, type StepServices } from "../executor/step.js";
import type { FileSystem } from "../io/file-system.js";
import { Cancellation } from "../kernel/cancellation.js";
import type { ResourceStore } from "../kernel/resource.js";
import type { StepReport } from "../observe/report.js";
import { parseKey } from "../rendezvous/key.js";
import type { LocalRendezvous } from "../rendezvous/local.js";
import { KeptTensors, type SessionTensors } from "../resources/session-tensors.js";
import { StepContainer } from "../resources/step-container.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Peers } from "./peers.js";
import type { RegisteredGraph } from "./registered-graph.js";
import { PeerRendezvous } from "./step-rendezvous.js";
import type { StepTrace } from "./step-trace.js";

export interface Runtime {
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly yieldThen: (resume: () => void) => void;
  readonly log: (text: string) => void;
  /** What ops that read or write files may use; `null` where there are none. */
  readonly files: FileSystem | null;
  readonly collectives: TaskCollectives;
  /** Whether sessions keep tensors under handles: in TensorFlow those in process do, those of servers don't. */
  readonly keepsTensors: boolean;
}

/** What a step meets of its session. */
export interface StepSession {
  /** This task, as the session names it. */
  readonly task: string;
  readonly peers: Peers;
  readonly resources: ResourceStore;
  readonly tensors: SessionTensors | null;
}

export class RunningStep {
  readonly cancellation = new Cancellation();
  readonly resources = new StepContainer();
  /** Resolves when the executors are through, with the first error. */
  ended: Promise<Error | null> | null = null;
  /** The steps of its session, which it leaves when it is cleaned up. */
  siblings: Set<RunningStep> | null = null;

  readonly #since: number;
  /** Once a node of it or a peer asks. */
  #collectives: StepCollectives | null = null;
  /** Where its session keeps any. */
  #kept: KeptTensors | null = null;
  #executors = 0;

  constructor(
    readonly stepId: bigint,
    readonly rendezvous: LocalRendezvous,
  ) {
    this.#since = rendezvous.now();
    this.cancellation.add((reason) => this.rendezvous.abort(() => reason));
  }

  /** Whether an executor isn't through. */
  get running(): boolean {
    return this.#executors > 0;
  }

  /** Whether nobody waits for anything of it here, and nothing for anybody. */
  get empty(): boolean {
    return this.rendezvous.empty && (this.#collectives?.buffers.empty ?? true);
  }

  collectivesOf(task: TaskCollectives): StepCollectives {
    this.#collectives ??= task.forStep(this.stepId, this.cancellation);
    return this.#collectives;
  }

  /** Fails all who wait for anything of it, and all who come. */
  abort(error: () => Error): void {
    this.rendezvous.abort(error);
    this.#collectives?.buffers.abort(error());
  }

  /** Starts one executor a device. */
  start(
    graph: RegisteredGraph,
    { task, peers, resources, tensors }: StepSession,
    runtime: Runtime,
    trace: StepTrace | null,
  ): Promise<Error | null> {
    let resolve!: (error: Error | null) => void;
    const run = new Promise<Error | null>((r) => {
      resolve = r;
    });
    const before = this.ended;
    this.ended =
      before === null ? run : Promise.all([before, run]).then((errors) => errors.find((e) => e !== null) ?? null);
    let open = graph.parts.length;
    this.#executors += open;
    let first: Error | null = null;
    const { stepId, rendezvous: local, cancellation } = this;
    const rendezvous = peers.size === 0 ? local : new PeerRendezvous(stepId, local, task, peers, cancellation, trace);
    const collectives = graph.hasCollectives ? this.collectivesOf(runtime.collectives) : null;
    if (open === 0) resolve(null);
    for (const part of graph.parts) {
      const services: StepServices = {
        stepId,
        rendezvous,
        collectives,
        resources,
        stepResources: this.resources,
        tensors: this.#keptFor(tensors),
        cancellation,
        functions: part.functions,
        files: runtime.files,
        log: runtime.log,
        yieldThen: runtime.yieldThen,
        now: runtime.now,
        trace: trace === null ? null : trace.nodeTrace,
      };
      const step = new Step(part.executable, services, [], (error) => {
        if (error !== null && first === null) {
          // Who fails cancels the others, which may be through before it.
          first = this.cancellation.reason ?? error;
          this.cancellation.cancel(error);
        }
        this.#executors--;
        if (--open === 0) resolve(first);
      });
      this.cancellation.add((reason) => step.fail(reason));
      // An executor before it may have failed at once, and ended this one.
      if (cancellation.reason === null) step.start();
    }
    return run;
  }

  #keptFor(session: SessionTensors | null): KeptTensors | null {
    if (session !== null) this.#kept ??= new KeptTensors(session);
    return this.#kept;
  }

  report(now: number): StepReport {
    const waits = this.rendezvous.waiters().map(({ key, sinceMs }) => {
      const { tensorName: tensor, sendDevice: from, recvDevice: to, frameIter } = parseKey(key);
      return { tensor, from, to, frameIter, ageMs: now - sinceMs };
    });
    return { stepId: String(this.stepId), ageMs: now - this.#since, running: this.ended !== null, waits };
  }

  /**
   * Waits for tensors of the step; one hold each passes to the caller.
   * @throws InvalidArgumentError for a malformed key
   */
  takeAll(keys: readonly string[]): Promise<readonly Tensor[]> {
    return new Promise((resolve, reject) => {
      // What is there has a key that was good; after a whole run all is there.
      for (const key of keys) if (!this.rendezvous.holds(key)) parseKey(key);
      const tensors = new Array<Tensor | null>(keys.length).fill(null);
      let missing = keys.length;
      let failure: Error | null = null;
      if (missing === 0) resolve([]);
      keys.forEach((key, i) => {
        this.rendezvous.receive(key, (error, tensor, dead) => {
          if (error === null && !dead) {
            tensors[i] = tensor;
          } else {
            tensor?.release();
            failure ??= error ?? new InternalError(`The tensor returned for ${key} was not valid.`);
          }
          if (--missing > 0) return;
          if (failure === null) {
            resolve(tensors as Tensor[]);
          } else {
            for (const taken of tensors) taken?.release();
            reject(failure);
          }
        });
      });
    });
  }

  /** Ends what still waits, lets go of what was never fetched. */
  cleanUp(): void {
    // Every step passes here, and making an error costs more than a small step.
    this.rendezvous.abort(() => new AbortedError(`Cleanup ${this.stepId}`).asDerived());
    this.#collectives?.close();
    this.resources.dispose();
    this.#kept?.dispose();
  }

  /** Leaves tensors whose handle was fetched to the session. */
  saveTensors(fetched: readonly string[]): void {
    this.#kept?.save(fetched.map((key) => parseKey(key).tensorName.split(":")[0]!));
  }
}
