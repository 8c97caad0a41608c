// `tf.compat.v1.Session`: runs steps of a graph on a master. `new Session("grpc://host:port")` dials,
// `new Session(server)` and `new Session()` stay in the process. The graph may grow between runs; what is new is sent
// before the next step.
import { InvalidArgumentError, OpError, opErrorFromCode } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import type { DeviceInfo, MasterClient, StepAnswer } from "../master/client.js";
import type { TlsOptions } from "../transport/tls.js";
import { type ConfigProto, type RunMetadata, RunOptions } from "../wire/core.js";
import { Callable } from "./callable.js";
import { cancellable, waitFor } from "./cancel.js";
import {
  type FeedKey,
  type Feeds,
  type Fetch,
  type Fetched,
  feedPairs,
  feedValue,
  nameOf,
  planFetches,
} from "./fetches.js";
import { Graph } from "./graph.js";
import { valueFromProto, valueToProto } from "./values.js";

export interface CallSettings {
  /** Ends the call with CancelledError, or DeadlineExceededError for one of `AbortSignal.timeout`. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunSettings extends CallSettings {
  /** `timeoutInMs`, `traceLevel`, `outputPartitionGraphs`, … as RunOptions has them. */
  readonly options?: Partial<RunOptions>;
  /** Gets the step's metadata. */
  readonly onMetadata?: (metadata: RunMetadata) => void;
}

export interface SessionOptions {
  /** A new one when left out. */
  readonly graph?: Graph;
  readonly config?: ConfigProto;
  /** For a target whose server speaks TLS; `{}` trusts whom the runtime trusts. */
  readonly tls?: TlsOptions | undefined;
}

/** A server in this process; `Server` is one. */
export interface SessionHost {
  localMaster(): MasterClient;
}

interface Connection {
  readonly master: MasterClient;
  readonly handle: string;
}

export class Session implements AsyncDisposable {
  readonly graph: Graph;
  readonly #config: ConfigProto | undefined;
  readonly #open: () => Promise<MasterClient>;
  readonly #ended = new Cancellation();
  #master: Promise<MasterClient> | null = null;
  #handle: string | null = null;
  #sent = 0;
  #version = 0n;
  /** Creating and extending happen one after the other. */
  #ready: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | null = null;

  /** @param target `grpc://host:port`, or a server of this process; a session has one of its own when it is left out */
  constructor(target?: string | SessionHost | SessionOptions, options?: SessionOptions) {
    const isTarget = typeof target !== "object" || "localMaster" in target;
    const { graph = new Graph(), config, tls } = options ?? (isTarget ? {} : target);
    this.graph = graph;
    this.#config = config;
    this.#open = opener(isTarget ? target : undefined, tls);
  }

  /**
   * One step. Values come back in the shape of `fetches`; feeds are converted to the dtypes that the graph expects.
   * @throws OpError as the master gives it, with the node that failed in `node`
   */
  run<const F extends Fetch>(fetches: F, feeds: Feeds = [], settings: RunSettings = {}): Promise<Fetched<F>> {
    return this.#step(fetches, feeds, "", settings) as never;
  }

  /** A step that the master keeps ready (MakeCallable), its feeds given by position. Close it when it is done. */
  makeCallable<const F extends Fetch>(
    fetches: F,
    feedList: readonly FeedKey[] = [],
    settings: RunSettings = {},
  ): Promise<Callable<F>> {
    const plan = planFetches(fetches);
    const names = { feeds: feedList.map(nameOf), fetches: plan.tensors, targets: plan.targets };
    return this.#call(settings, async ({ master, handle }, cancellation) => {
      const callable = await master.makeCallable(handle, names, runOptions(settings), cancellation);
      return new Callable<F>(this.graph, feedList, plan, {
        run: (feeds, signal) =>
          this.#call({ ...settings, signal }, async (_, open) =>
            answered(await master.runCallable(handle, callable, feeds, open), settings),
          ),
        release: async () => {
          if (this.#closed === null) await master.releaseCallable(handle, callable);
        },
      });
    });
  }

  /** Announces a step whose feeds and fetches come in portions (PartialRunSetup). @returns its handle */
  partialRunSetup(fetches: Fetch, feeds: readonly FeedKey[] = [], settings: CallSettings = {}): Promise<string> {
    const { tensors, targets } = planFetches(fetches);
    const names = { feeds: feeds.map(nameOf), fetches: tensors, targets };
    return this.#call(settings, ({ master, handle }, cancellation) =>
      master.partialRunSetup(handle, names, cancellation),
    );
  }

  /** The next portion of it. */
  partialRun<const F extends Fetch>(
    handle: string,
    fetches: F,
    feeds: Feeds = [],
    settings: CallSettings = {},
  ): Promise<Fetched<F>> {
    return this.#step(fetches, feeds, handle, settings) as never;
  }

  /** The devices of all tasks that the session may use. */
  listDevices(settings: CallSettings = {}): Promise<DeviceInfo[]> {
    return this.#call(settings, ({ master, handle }, cancellation) => master.listDevices(handle, cancellation));
  }

  /** Ends all sessions of a master and empties containers of its cluster: the default one when none is named. */
  static async reset(
    target: string | SessionHost,
    containers: readonly string[] = [],
    { signal, tls }: CallSettings & Pick<SessionOptions, "tls"> = {},
  ): Promise<void> {
    const master = await opener(target, tls)();
    try {
      await cancellable(signal, 0, (cancellation) => master.reset(containers, cancellation));
    } finally {
      await master.close();
    }
  }

  /** Ends running steps, and the session at its master. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#ended.cancel(closedError());
    if (this.#master === null) return;
    const master = await this.#master.catch(() => null);
    await this.#ready;
    try {
      if (this.#handle !== null) await master?.closeSession(this.#handle);
    } finally {
      await master?.close();
    }
  }

  async #step(fetches: Fetch, feeds: Feeds, partialRunHandle: string, settings: RunSettings): Promise<unknown> {
    const { tensors, targets, build } = planFetches(fetches);
    const fed = new Map(feedPairs(feeds).map(([key, value]) => [nameOf(key), feedValue(this.graph, key, value)]));
    // What is fed is known: the master is asked for the rest.
    const asked = fed.size === 0 ? tensors : tensors.filter((name) => !fed.has(name));
    const question = {
      feeds: Array.from(fed, ([name, value]) => ({ name, tensor: valueToProto(value) })),
      fetches: asked,
      targets,
      options: runOptions(settings),
      partialRunHandle,
    };
    const isIdle = asked.length === 0 && targets.length === 0 && (partialRunHandle === "" || fed.size === 0);
    if (isIdle) return build(tensors.map((name) => fed.get(name)!));
    const protos = await this.#call(settings, async ({ master, handle }, cancellation) =>
      answered(await master.runStep(handle, question, cancellation), settings),
    );
    const values = protos.map(valueFromProto);
    if (asked === tensors) return build(values);
    let next = 0;
    return build(tensors.map((name) => fed.get(name) ?? values[next++]!));
  }

  /** Anything that is asked of the master: with a session there, under the caller's signal and deadline. */
  async #call<T>(
    settings: RunSettings,
    work: (connection: Connection, cancellation: Cancellation) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = Number(settings.options?.timeoutInMs || this.#config?.operationTimeoutInMs || 0n);
    try {
      return await cancellable(settings.signal, timeoutMs, async (cancellation) =>
        work(await this.#prepare(cancellation), cancellation),
      );
    } catch (error) {
      throw withNode(error, this.graph);
    }
  }

  /** Creates the session at the first call, extends it when the graph has grown. */
  async #prepare(cancellation: Cancellation): Promise<Connection> {
    if (this.#closed !== null) throw closedError();
    this.#master ??= this.#open();
    const master = await this.#master;
    // One after the other; what is begun goes on when the caller stops waiting, since others wait too.
    const turn = this.#ready.then(() => this.#sync(master));
    this.#ready = turn.catch(() => {});
    return { master, handle: await waitFor(turn, cancellation) };
  }

  async #sync(master: MasterClient): Promise<string> {
    const total = this.graph.runtime.nodes.length;
    this.graph.markSent();
    if (this.#handle === null) {
      if (this.#closed !== null) throw closedError();
      this.#handle = await master.createSession(this.graph.exportGraphDef(), this.#config, this.#ended);
    } else if (total > this.#sent) {
      const added = this.graph.exportGraphDef(this.#sent);
      this.#version = await master.extendSession(this.#handle, added, this.#version, this.#ended);
    }
    this.#sent = total;
    return this.#handle;
  }
}

const closedError = (): Error => new InvalidArgumentError("Attempted to use a closed Session.");

const runOptions = ({ options }: RunSettings): RunOptions | undefined =>
  options === undefined ? undefined : { ...RunOptions.create(), ...options };

function answered({ values, metadata }: StepAnswer, { onMetadata }: RunSettings): StepAnswer["values"] {
  if (metadata !== undefined) onMetadata?.(metadata);
  return values;
}

const NODE = /\{\{(?:function_)?node ([^}]+)\}\}/;

/** TensorFlow's texts name the node that failed. */
function withNode(error: unknown, graph: Graph): unknown {
  if (!(error instanceof OpError) || error.node !== undefined) return error;
  const node = NODE.exec(error.message)?.[1];
  if (node === undefined) return error;
  const op = graph.runtime.find(node)?.op.name;
  return opErrorFromCode(error.code, error.message, {
    ...error.options,
    cause: error.cause ?? error,
    node,
    ...(op === undefined ? {} : { op }),
  });
}

/** gRPC code is loaded only by who dials, the server only by who has none. */
function opener(target: string | SessionHost | undefined, tls: TlsOptions | undefined): () => Promise<MasterClient> {
  if (typeof target === "string") {
    return async () => (await import("../rpc/remote-master.js")).remoteMaster(target, { tls });
  }
  if (target !== undefined) return async () => target.localMaster();
  return async () => {
    const { openLocalEngine } = await import("../server/engine.js");
    const engine = await openLocalEngine();
    return { ...engine.localMaster(), close: () => engine.close() };
  };
}
