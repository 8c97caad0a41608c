// One session of a master: its graph and the versions of it, the plans made of it, the steps that run.
import type { StepSequences } from "../collective/step-sequences.js";
import type { DeviceAttributes } from "../device/device.js";
import { AbortedError, CancelledError, InvalidArgumentError } from "../errors/index.js";
import { FunctionLibrary } from "../graph/function-library.js";
import { Graph, type Node } from "../graph/graph.js";
import { checkComplete, importGraph } from "../graph/import.js";
import type { OpRegistry } from "../graph/op-def.js";
import { Cancellation } from "../kernel/cancellation.js";
import { lowerGraph } from "../optimize/lower.js";
import type { ClientDevice, Signature } from "../optimize/signature.js";
import { deviceWithin } from "../placement/device-name.js";
import { type PlacementOptions, place } from "../placement/place.js";
import type { Tensor } from "../tensor/tensor.js";
import type { ConfigProto, GraphDef, RunOptions } from "../wire/core.js";
import type { WorkerInterface } from "../worker/worker-interface.js";
import type { Feed } from "./feeds.js";
import { PartialRun } from "./partial-run.js";
import { makePlan, type Plan, type PlanHost } from "./plan.js";
import { type HeldPlan, PlanCache } from "./plan-cache.js";
import { runStep, type StepResult } from "./step-runner.js";

export interface SessionContext {
  readonly handle: string;
  readonly config: ConfigProto | null;
  readonly registry: OpRegistry;
  readonly hostname: string;
  /** This master's own first. */
  readonly devices: readonly DeviceAttributes[];
  readonly client: ClientDevice;
  readonly workers: ReadonlyMap<string, WorkerInterface>;
  readonly placement: PlacementOptions;
  readonly host: PlanHost;
  readonly incarnationOf: (device: string) => bigint;
  readonly sequences: StepSequences;
  readonly newStepId: () => bigint;
  /** Called when the session needs its cluster no more. */
  readonly leave: () => void;
}

export interface Callable {
  readonly signature: Signature;
  readonly options: RunOptions | null;
}

export const CLOSED = "Step was cancelled by an explicit call to `Session::Close()`.";

export class MasterSession {
  readonly #graph: Graph;
  /** A graph that has such a node can't be extended, as in TensorFlow. */
  readonly #incomplete: Node | undefined;
  readonly #plans = new PlanCache(
    (signature) => this.#makePlan(signature),
    (plan) => this.#dropPlan(plan),
  );
  /** Steps, and when each is over. */
  readonly #running = new Map<Cancellation, Promise<unknown>>();
  readonly #partialRuns = new Map<string, { readonly run: PartialRun; readonly held: HeldPlan }>();
  readonly #callables = new Map<bigint, Callable>();
  #version = 0n;
  #nextCallable = 0n;
  #nextPartial = 0;
  #nextName = 0;
  #closed = false;
  lastUsed = 0;

  constructor(
    readonly context: SessionContext,
    graphDef: GraphDef,
  ) {
    this.#graph = new Graph(new FunctionLibrary(context.registry, context.hostname));
    this.#add(graphDef, true);
    this.#incomplete = this.#graph.nodes.find((node) => !node.isComplete);
  }

  get handle(): string {
    return this.context.handle;
  }

  get nodeCount(): number {
    return this.#graph.nodes.length;
  }

  get runningSteps(): number {
    return this.#running.size;
  }

  /** @returns the new version */
  extend(graphDef: GraphDef, currentVersion: bigint): bigint {
    if (currentVersion !== this.#version) {
      throw new AbortedError(`Current version is ${this.#version} but caller expected ${currentVersion}.`);
    }
    for (const { name } of graphDef.node) {
      if (this.#graph.find(name) !== undefined) {
        throw new InvalidArgumentError(
          `GraphDef argument to Extend includes node '${name}', which was created by a previous call to Create or ` +
            "Extend in this session.",
        );
      }
    }
    if (this.#incomplete !== undefined) checkComplete(this.#incomplete);
    this.#add(graphDef, false);
    return ++this.#version;
  }

  #add(graphDef: GraphDef, incomplete: boolean): void {
    const { registry, hostname, placement } = this.context;
    const { library, nodes } = this.#graph;
    const first = nodes.length;
    const functions = library.add(graphDef.library);
    try {
      importGraph(this.#graph, graphDef, registry, { hostname, incomplete });
      lowerGraph(this.#graph, first, deviceWithin);
      place(this.#graph, first, placement);
    } catch (error) {
      this.#graph.truncate(first);
      library.remove(functions);
      throw error;
    }
  }

  run(
    feeds: readonly Feed[],
    fetches: readonly string[],
    targets: readonly string[],
    options: RunOptions | null,
    cancellation: Cancellation,
  ): Promise<StepResult> {
    return this.#track(cancellation, async () => {
      const names = feeds.map((feed) => feed.name);
      const collectiveGraphKey = options?.experimental?.collectiveGraphKey ?? 0n;
      const held = this.#plans.take({ feeds: names, fetches: distinct(fetches), targets, collectiveGraphKey });
      try {
        let plan: Plan;
        let stepId: bigint;
        try {
          plan = await held.plan;
          stepId = hasOwnIds(plan) ? this.context.newStepId() : await this.#nextStepId(plan, cancellation);
          if (cancellation.reason !== null) throw cancellation.reason;
        } catch (error) {
          for (const { tensor } of feeds) tensor.release();
          throw error;
        }
        const result = await runStep(
          plan,
          { sessionHandle: this.handle, stepId, feeds: feeds.map((feed) => feed.tensor), options },
          cancellation,
        );
        if (!hasOwnIds(plan)) this.context.sequences.retire(plan.collectiveGraphKey, stepId);
        return plan.signature.fetches.length === fetches.length ? result : repeated(result, plan, fetches);
      } finally {
        this.#plans.release(held);
      }
    });
  }

  partialRunSetup(signature: Signature): Promise<string> {
    const cancellation = new Cancellation();
    return this.#track(cancellation, async () => {
      const handle = String(this.#nextPartial++);
      const held = this.#plans.take(signature);
      try {
        const plan = await held.plan;
        const stepId = hasOwnIds(plan) ? this.context.newStepId() : await this.#nextStepId(plan, cancellation);
        if (cancellation.reason !== null) throw cancellation.reason;
        const run = new PartialRun(plan, this.handle, stepId);
        this.#partialRuns.set(handle, { run, held });
      } catch (error) {
        this.#plans.release(held);
        throw error;
      }
      return handle;
    });
  }

  async partialRun(
    handle: string,
    feeds: readonly Feed[],
    fetches: readonly string[],
    cancellation: Cancellation,
  ): Promise<{ tensors: readonly Tensor[]; last: boolean }> {
    const partial = this.#partialRuns.get(handle);
    let last: boolean;
    try {
      if (partial === undefined) {
        throw new InvalidArgumentError("Must run PartialRunSetup before performing partial runs");
      }
      last = partial.run.check(feeds, fetches);
    } catch (error) {
      for (const { tensor } of feeds) tensor.release();
      throw error;
    }
    const { run, held } = partial;
    if (last) this.#partialRuns.delete(handle);
    const forward = (reason: Error) => run.cancellation.cancel(reason);
    return this.#track(cancellation, async () => {
      cancellation.add(forward);
      try {
        return { tensors: await run.run(feeds, fetches, last), last };
      } catch (error) {
        if (this.#partialRuns.delete(handle)) this.#plans.release(held);
        throw error;
      } finally {
        if (last) this.#plans.release(held);
        cancellation.remove(forward);
      }
    });
  }

  async makeCallable(callable: Callable): Promise<bigint> {
    const held = this.#plans.take({
      ...callable.signature,
      collectiveGraphKey: callable.options?.experimental?.collectiveGraphKey ?? 0n,
    });
    await held.plan.finally(() => this.#plans.release(held));
    const handle = this.#nextCallable++;
    this.#callables.set(handle, callable);
    return handle;
  }

  callable(handle: bigint): Callable {
    const callable = this.#callables.get(handle);
    if (callable !== undefined) return callable;
    const wasThere = handle >= 0n && handle < this.#nextCallable;
    throw new InvalidArgumentError(
      wasThere
        ? `Attempted to run callable after handle was released: ${handle}`
        : `No such callable handle: ${handle}`,
    );
  }

  releaseCallable(handle: bigint): void {
    this.#callables.delete(handle);
  }

  /**
   * Ends running steps, with TensorFlow's text unless another reason is given; drops what the workers hold for the session.
   * @returns the workers that couldn't be told
   */
  async close(reason: Error = new CancelledError(CLOSED)): Promise<readonly WorkerInterface[]> {
    if (this.#closed) return [];
    this.#closed = true;
    const ends = [...this.#running.values()];
    for (const cancellation of this.#running.keys()) cancellation.cancel(reason);
    for (const { run } of this.#partialRuns.values()) {
      run.cancellation.cancel(reason);
      run.cleanUp();
    }
    this.#partialRuns.clear();
    await Promise.allSettled(ends);
    const workers = [...this.context.workers.values()];
    const told = await Promise.allSettled(workers.map((worker) => worker.deleteWorkerSession(this.handle)));
    const untold = workers.filter((_, i) => told[i]!.status === "rejected");
    // Who wasn't told is told later, over the same connections.
    if (untold.length === 0) this.context.leave();
    return untold;
  }

  async #track<T>(cancellation: Cancellation, work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new CancelledError(CLOSED);
    const end = work();
    this.#running.set(cancellation, end);
    try {
      return await end;
    } finally {
      this.#running.delete(cancellation);
    }
  }

  #nextStepId({ collectiveGraphKey }: Plan, cancellation: Cancellation): Promise<bigint> {
    return this.context.sequences.next(collectiveGraphKey, cancellation);
  }

  #makePlan(signature: Signature): Promise<Plan> {
    const { handle, config, client, workers, incarnationOf, host } = this.context;
    const graph = this.#graph;
    const nextName = (base: string) => `${base}_S${this.#nextName++}`;
    return makePlan(
      { sessionHandle: handle, graph, config, client, workers, incarnationOf, host, nextName },
      signature,
    );
  }

  #dropPlan({ parts }: Plan): void {
    for (const { worker, graphHandle } of parts) void worker.deregisterGraph(this.handle, graphHandle).catch(() => {});
  }
}

/** Whether its steps share their ids with nobody. */
const hasOwnIds = ({ collectiveGraphKey }: Plan): boolean => collectiveGraphKey === 0n;

const distinct = (names: readonly string[]): readonly string[] => (names.length > 1 ? [...new Set(names)] : names);

/** The values of a step for fetches that name some tensor more than once. */
function repeated(result: StepResult, plan: Plan, fetches: readonly string[]): StepResult {
  const places = new Map(plan.signature.fetches.map((name, i) => [name, i]));
  const named = fetches.map((name) => result.fetches[places.get(name)!]!);
  for (const tensor of named) tensor.retain();
  for (const tensor of result.fetches) tensor.release();
  return { fetches: named, metadata: result.metadata };
}
