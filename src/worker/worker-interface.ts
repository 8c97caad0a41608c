// What a master asks of a task, wherever the task runs: the in-process Worker implements it, and so does the remote one
// that speaks gRPC. Graphs and tensors pass as objects; who puts them on a wire encodes them.
import type { DeviceAttributes } from "../device/device.js";
import type { Graph } from "../graph/graph.js";
import type { Tensor } from "../tensor/tensor.js";
import type { ClusterDef, ConfigProto, CostGraphDef, GraphDef, StepStats } from "../wire/core.js";

export interface CreateWorkerSessionRequest {
  readonly sessionHandle: string;
  /** The task as the session names it, which a cluster of its own may do otherwise than the server; `""`: as the server. */
  readonly task: string;
  /** The session's own cluster, `null` for the server's. */
  readonly cluster: ClusterDef | null;
  readonly isolateSessionState: boolean;
  readonly masterTask: string;
  readonly masterIncarnation: bigint;
}

export interface RegisterGraphRequest {
  readonly sessionHandle: string;
  /** Every node placed on a device of the worker; `library` inside. */
  readonly graph: Graph;
  /** What graphs have in common that take part in the same collectives; 0 for one that has none. */
  readonly collectiveGraphKey: bigint;
  readonly config: ConfigProto | null;
}

export interface RunGraphRequest {
  readonly sessionHandle: string;
  readonly graphHandle: string;
  readonly stepId: bigint;
  /** Tensors to put into the step's rendezvous first; one hold each passes to the worker. */
  readonly sends: readonly { readonly key: string; readonly tensor: Tensor }[];
  /** Keys whose tensors the answer brings. */
  readonly recvKeys: readonly string[];
  readonly isPartial: boolean;
  readonly isLastPartialRun: boolean;
  readonly recordTimeline: boolean;
  readonly recordCosts: boolean;
  readonly recordPartitionGraphs: boolean;
}

export interface RunGraphResponse {
  /** In the order of `recvKeys`; one hold each passes to the caller. */
  readonly recvs: readonly Tensor[];
  readonly stepStats: StepStats | null;
  readonly costGraph: CostGraphDef | null;
  readonly partitionGraphs: readonly GraphDef[];
}

export interface WorkerInterface {
  /** `/job:worker/replica:0/task:0` */
  readonly task: string;
  getStatus(signal?: StepSignal): Promise<readonly DeviceAttributes[]>;
  createWorkerSession(request: CreateWorkerSessionRequest, signal?: StepSignal): Promise<void>;
  deleteWorkerSession(sessionHandle: string): Promise<void>;
  registerGraph(request: RegisterGraphRequest, signal?: StepSignal): Promise<string>;
  deregisterGraph(sessionHandle: string, graphHandle: string): Promise<void>;
  /** Cancelled through `signal`: the step ends with the signal's reason. */
  runGraph(request: RunGraphRequest, signal: StepSignal): Promise<RunGraphResponse>;
  cleanupGraph(stepId: bigint): Promise<void>;
  cleanupAll(containers: readonly string[]): Promise<void>;
}

/** A step's cancellation as master and workers share it: cheaper than an AbortSignal, one a step. */
export interface StepSignal {
  readonly reason: Error | null;
  add(callback: (reason: Error) => void): void;
  remove(callback: (reason: Error) => void): void;
}
