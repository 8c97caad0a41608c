// A session: runs steps of a graph on a master. `new Session("grpc://host:port")` dials, `new Session(server)` and
// `new Session()` stay in the process. The graph may grow between runs; what is new is sent before the next step.
import { InvalidArgumentError } from "../errors/index.js";
import type { DeviceInfo, MasterClient } from "../master/client.js";
import type { ConfigProto, RunMetadata, RunOptions, TensorProto } from "../wire/core.js";
import { Graph, Operation, Output } from "./graph.js";
import { type Feedable, type TensorValue, toTensorValue, valueFromProto, valueToProto } from "./values.js";

/** What can be fetched: tensors and operations, in arrays and objects as deep as you like. */
export type Fetch = Output | Operation | string | readonly Fetch[] | { readonly [key: string]: Fetch };

/** What comes back for it: a value for a tensor, `undefined` for an operation. */
export type Fetched<F> = F extends Output | string
  ? TensorValue
  : F extends Operation
    ? undefined
    : { -readonly [K in keyof F]: Fetched<F[K]> };

export type Feeds = ReadonlyMap<Output | string, Feedable> | readonly (readonly [Output | string, Feedable])[];

export interface RunSettings {
  readonly options?: RunOptions;
  readonly signal?: AbortSignal;
  /** Gets the step's metadata. */
  readonly onMetadata?: (metadata: RunMetadata) => void;
}

export interface SessionOptions {
  readonly graph?: Graph;
  readonly config?: ConfigProto;
}

/** A server in this process; `Server` is one. */
export interface SessionHost {
  localMaster(): MasterClient;
}

export class Session implements AsyncDisposable {
  readonly graph: Graph;
  readonly #config: ConfigProto | undefined;
  readonly #open: () => Promise<MasterClient>;
  #master: Promise<MasterClient> | null = null;
  #handle: string | null = null;
  #sent = 0;
  #version = 0n;
  /** Creating and extending happen one after the other. */
  #ready: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(target?: string | SessionHost, options: SessionOptions = {}) {
    this.graph = options.graph ?? new Graph();
    this.#config = options.config;
    this.#open = opener(target);
  }

  /** @throws OpError as the master gives it */
  run<const F extends Fetch>(fetches: F, feeds: Feeds = [], settings: RunSettings = {}): Promise<Fetched<F>> {
    return this.#step(fetches, feeds, "", settings) as never;
  }

  /** The same step again and again, feeds by position. */
  makeCallable<const F extends Fetch>(
    fetches: F,
    feedList: readonly (Output | string)[] = [],
  ): (...feeds: Feedable[]) => Promise<Fetched<F>> {
    return (...values) =>
      this.run(
        fetches,
        feedList.map((key, i) => [key, values[i]!] as const),
      );
  }

  /** A step whose feeds and fetches come in portions. */
  async partialRunSetup(
    fetches: readonly (Output | Operation | string)[],
    feeds: readonly (Output | string)[],
  ): Promise<string> {
    const { tensors, targets } = planOf(fetches);
    const master = await this.#prepare();
    return master.partialRunSetup(this.#handle!, feeds.map(nameOf), tensors, targets);
  }

  partialRun<const F extends Fetch>(handle: string, fetches: F, feeds: Feeds = []): Promise<Fetched<F>> {
    return this.#step(fetches, feeds, handle, {}) as never;
  }

  async listDevices(): Promise<DeviceInfo[]> {
    const master = await this.#prepare();
    return master.listDevices(this.#handle!);
  }

  /** Ends all sessions of a master and empties containers of its cluster. */
  static async reset(target: string | SessionHost, containers: readonly string[] = []): Promise<void> {
    const master = await opener(target)();
    try {
      await master.reset(containers);
    } finally {
      master.close();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#ready.catch(() => {});
    const master = this.#master === null ? null : await this.#master;
    try {
      if (this.#handle !== null) await master!.closeSession(this.#handle);
    } finally {
      master?.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #feed(key: Output | string, value: Feedable): NamedProto {
    const dtype = key instanceof Output ? key.dtype : undefined;
    return { name: nameOf(key), tensor: valueToProto(toTensorValue(value, dtype)) };
  }

  async #step(fetches: Fetch, feeds: Feeds, partialRunHandle: string, settings: RunSettings): Promise<unknown> {
    const plan = planOf(fetches);
    const entries = [...feeds].map(([key, value]) => this.#feed(key, value));
    if (plan.tensors.length === 0 && plan.targets.length === 0) return plan.build(() => undefined as never);
    const master = await this.#prepare();
    const { values, metadata } = await master.runStep(
      {
        sessionHandle: this.#handle!,
        feeds: entries,
        fetches: plan.tensors,
        targets: plan.targets,
        options: settings.options,
        partialRunHandle,
      },
      settings.signal,
    );
    if (metadata !== undefined) settings.onMetadata?.(metadata);
    return plan.build((index) => valueFromProto(values[index]!));
  }

  /** Creates the session at the first step, extends it when the graph has grown. */
  async #prepare(): Promise<MasterClient> {
    if (this.#closed) throw new InvalidArgumentError("Attempted to use a closed Session.");
    this.#master ??= this.#open();
    const master = await this.#master;
    const turn = this.#ready.then(() => this.#sync(master));
    this.#ready = turn.catch(() => {});
    await turn;
    return master;
  }

  async #sync(master: MasterClient): Promise<void> {
    const total = this.graph.runtime.nodes.length;
    if (this.#handle === null) {
      this.#handle = await master.createSession(this.graph.exportGraphDef(), this.#config);
    } else if (total > this.#sent) {
      this.#version = await master.extendSession(this.#handle, this.graph.exportGraphDef(this.#sent), this.#version);
    }
    this.#sent = total;
  }
}

interface NamedProto {
  readonly name: string;
  readonly tensor: TensorProto;
}

interface Plan {
  readonly tensors: string[];
  readonly targets: string[];
  /** Puts values where the fetches were. */
  readonly build: (value: (index: number) => TensorValue) => unknown;
}

const nameOf = (key: Output | Operation | string): string => {
  if (typeof key !== "string") return key.name;
  return key.includes(":") ? key : `${key}:0`;
};

/** Each tensor is asked for once, however often it is fetched. */
function planOf(fetches: Fetch): Plan {
  const tensors: string[] = [];
  const targets: string[] = [];
  const visit = (fetch: Fetch): ((value: (index: number) => TensorValue) => unknown) => {
    if (fetch instanceof Operation) {
      if (!targets.includes(fetch.name)) targets.push(fetch.name);
      return () => undefined;
    }
    if (fetch instanceof Output || typeof fetch === "string") {
      const name = nameOf(fetch);
      let index = tensors.indexOf(name);
      if (index < 0) index = tensors.push(name) - 1;
      return (value) => value(index);
    }
    if (Array.isArray(fetch)) {
      const parts = (fetch as readonly Fetch[]).map(visit);
      return (value) => parts.map((part) => part(value));
    }
    const parts = Object.entries(fetch).map(([key, inner]) => [key, visit(inner as Fetch)] as const);
    return (value) => Object.fromEntries(parts.map(([key, part]) => [key, part(value)]));
  };
  const build = visit(fetches);
  return { tensors, targets, build };
}

/** gRPC code is loaded only by who dials, the server only by who has none. */
function opener(target: string | SessionHost | undefined): () => Promise<MasterClient> {
  if (typeof target === "string") return async () => (await import("../rpc/remote-master.js")).remoteMaster(target);
  if (target !== undefined) return async () => target.localMaster();
  return async () => {
    const { openLocalEngine } = await import("../server/engine.js");
    return (await openLocalEngine()).localMaster();
  };
}
