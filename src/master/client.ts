// What a session asks of a master, wherever it is: in this process, or behind gRPC. Values go as protos, which view the
// caller's memory and are read at once.
import type { ConfigProto, GraphDef, RunMetadata, RunOptions, TensorProto } from "../wire/core.js";

export interface StepAnswer {
  /** In the order of the fetches. */
  readonly values: readonly TensorProto[];
  readonly metadata: RunMetadata | undefined;
}

export interface StepQuestion {
  readonly sessionHandle: string;
  readonly feeds: readonly { readonly name: string; readonly tensor: TensorProto }[];
  readonly fetches: readonly string[];
  readonly targets: readonly string[];
  readonly options: RunOptions | undefined;
  readonly partialRunHandle: string;
}

export interface DeviceInfo {
  readonly name: string;
  readonly deviceType: string;
  readonly memoryLimit: bigint;
  readonly incarnation: bigint;
}

export interface MasterClient {
  createSession(graphDef: GraphDef, config: ConfigProto | undefined): Promise<string>;
  /** @returns the graph's new version */
  extendSession(sessionHandle: string, graphDef: GraphDef, version: bigint): Promise<bigint>;
  runStep(question: StepQuestion, signal?: AbortSignal): Promise<StepAnswer>;
  partialRunSetup(
    sessionHandle: string,
    feeds: readonly string[],
    fetches: readonly string[],
    targets: readonly string[],
  ): Promise<string>;
  listDevices(sessionHandle: string): Promise<DeviceInfo[]>;
  closeSession(sessionHandle: string): Promise<void>;
  reset(containers: readonly string[]): Promise<void>;
  close(): void;
}
