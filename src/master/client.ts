// What a session asks of a master, wherever it is: in this process, or behind gRPC. Values go as protos, which view the
// caller's memory and are read at once. Whatever waits ends with the signal's reason.
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { ConfigProto, GraphDef, RunMetadata, RunOptions, TensorProto } from "../wire/core.js";

export interface StepAnswer {
  /** In the order of the fetches. */
  readonly values: readonly TensorProto[];
  readonly metadata: RunMetadata | undefined;
}

/** What a step is fed, and what it is run for. */
export interface StepNames {
  readonly feeds: readonly string[];
  readonly fetches: readonly string[];
  readonly targets: readonly string[];
}

export interface StepQuestion extends Omit<StepNames, "feeds"> {
  readonly feeds: readonly { readonly name: string; readonly tensor: TensorProto }[];
  readonly options: RunOptions | undefined;
  /** "" for a step that is fed and fetched at once. */
  readonly partialRunHandle: string;
}

export interface DeviceInfo {
  readonly name: string;
  readonly deviceType: string;
  readonly memoryLimit: bigint;
  readonly incarnation: bigint;
}

export interface MasterClient {
  createSession(graphDef: GraphDef, config: ConfigProto | undefined, signal: CancellationSignal): Promise<string>;
  /** @returns the graph's new version */
  extendSession(handle: string, graphDef: GraphDef, version: bigint, signal: CancellationSignal): Promise<bigint>;
  runStep(handle: string, question: StepQuestion, signal: CancellationSignal): Promise<StepAnswer>;
  partialRunSetup(handle: string, names: StepNames, signal: CancellationSignal): Promise<string>;
  makeCallable(
    handle: string,
    names: StepNames,
    options: RunOptions | undefined,
    signal: CancellationSignal,
  ): Promise<bigint>;
  /** @param feeds in the order of the callable's */
  runCallable(
    handle: string,
    callable: bigint,
    feeds: readonly TensorProto[],
    signal: CancellationSignal,
  ): Promise<StepAnswer>;
  releaseCallable(handle: string, callable: bigint): Promise<void>;
  listDevices(handle: string, signal: CancellationSignal): Promise<DeviceInfo[]>;
  closeSession(handle: string): Promise<void>;
  reset(containers: readonly string[], signal: CancellationSignal): Promise<void>;
  close(): void | Promise<void>;
}
