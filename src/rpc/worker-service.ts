// WorkerService on gRPC: decodes what a master or a peer asks, calls the Worker, encodes the answer. Graphs are checked
// as they are imported; tensors are copied between message and heap once each way. Must not know sessions or steps.

import { taskName } from "../cluster/server-def.js";
import { CancelledError, toOpError, UnimplementedError } from "../errors/index.js";
import { FunctionLibrary } from "../graph/function-library.js";
import { Graph } from "../graph/graph.js";
import { importGraph } from "../graph/import.js";
import type { OpRegistry } from "../graph/op-def.js";
import { tensorsFromProtos } from "../tensor/proto.js";
import type { RawCall, RawHandler } from "../transport/grpc-listener.js";
import { CostGraphDef, GraphDef, TensorProto } from "../wire/core.js";
import {
  CleanupAllRequest,
  CleanupAllResponse,
  CleanupGraphRequest,
  CleanupGraphResponse,
  CreateWorkerSessionRequest,
  CreateWorkerSessionResponse,
  DeleteWorkerSessionRequest,
  DeleteWorkerSessionResponse,
  DeregisterGraphRequest,
  DeregisterGraphResponse,
  GetStatusRequest,
  GetStatusResponse,
  LoggingRequest,
  LoggingResponse,
  MarkRecvFinishedRequest,
  MarkRecvFinishedResponse,
  RecvTensorRequest,
  RecvTensorResponse,
  RegisterGraphRequest,
  RegisterGraphResponse,
  RunGraphRequest,
  RunGraphResponse,
} from "../wire/worker.js";
import { LEGACY_SESSION, type Worker } from "../worker/worker.js";
import { collectiveHandlers } from "./collective-service.js";
import { deviceToProto } from "./device-attributes.js";
import { RecentRequests } from "./duplicates.js";
import { cancelledWith, encodeAndRelease, leavingView, methodTable, named, type ServiceContext } from "./service.js";

export interface WorkerServiceContext extends ServiceContext {
  readonly worker: Worker;
  readonly registry: OpRegistry;
  readonly hostname: string;
  /** Bytes of each piece that RecvBuf answers with; 0 as TensorFlow has it, negative for a single piece. */
  readonly recvBufMaxChunk?: number;
}

export function workerHandlers(context: WorkerServiceContext): Map<string, RawHandler> {
  const { worker, describe } = context;
  const recent = new RecentRequests();
  const handlers: Record<string, RawHandler> = {
    async GetStatus(bytes) {
      GetStatusRequest.decode(bytes);
      return GetStatusResponse.encode({ deviceAttributes: (await worker.getStatus()).map(deviceToProto) });
    },
    async CreateWorkerSession(bytes) {
      const { serverDef, ...request } = CreateWorkerSessionRequest.decode(bytes);
      const cluster = serverDef?.cluster ?? null;
      const task = serverDef === undefined ? "" : taskName(serverDef);
      await worker.createWorkerSession({ ...request, task, cluster: cluster?.job.length === 0 ? null : cluster });
      return CreateWorkerSessionResponse.encode({});
    },
    async DeleteWorkerSession(bytes) {
      await worker.deleteWorkerSession(DeleteWorkerSessionRequest.decode(bytes).sessionHandle);
      return DeleteWorkerSessionResponse.encode({});
    },
    async RegisterGraph(bytes) {
      const request = RegisterGraphRequest.decode(bytes);
      const graph = readGraph(request.graphDef ?? GraphDef.create(), context);
      const config = request.configProto ?? null;
      const { collectiveGraphKey } = request;
      const graphHandle = await worker.registerGraph({
        sessionHandle: sessionOf(request),
        graph,
        collectiveGraphKey,
        config,
      });
      return RegisterGraphResponse.encode({ graphHandle });
    },
    async DeregisterGraph(bytes) {
      const request = DeregisterGraphRequest.decode(bytes);
      await worker.deregisterGraph(sessionOf(request), request.graphHandle);
      return DeregisterGraphResponse.encode({});
    },
    async RunGraph(bytes, call) {
      const request = RunGraphRequest.decode(bytes);
      try {
        recent.check(request.requestId, "RunGraph (Worker)", () => describe("RunGraphRequest", request));
        return await runGraph(context, request, call);
      } catch (error) {
        if (!request.storeErrorsInResponseBody) throw error;
        const { code, message } = toOpError(error);
        return RunGraphResponse.encode({ statusCode: code, statusErrorMessage: message });
      }
    },
    async CleanupGraph(bytes) {
      await worker.cleanupGraph(CleanupGraphRequest.decode(bytes).stepId);
      return CleanupGraphResponse.encode({});
    },
    async CleanupAll(bytes) {
      await worker.cleanupAll(CleanupAllRequest.decode(bytes).container);
      return CleanupAllResponse.encode({});
    },
    async RecvTensor(bytes, call) {
      const request = RecvTensorRequest.decode(bytes);
      recent.check(request.requestId, "RecvTensor (GrpcWorker)", () => describe("RecvTensorRequest", request));
      return recvTensor(context, request, call);
    },
    async Logging(bytes) {
      LoggingRequest.decode(bytes);
      return LoggingResponse.encode({});
    },
    async Tracing() {
      throw new UnimplementedError("Tracing");
    },
    async MarkRecvFinished(bytes) {
      // Tells a task that keeps answers for repeated requests to drop one; none is kept here.
      MarkRecvFinishedRequest.decode(bytes);
      return MarkRecvFinishedResponse.encode({});
    },
  };
  return methodTable("WorkerService", { ...handlers, ...collectiveHandlers(context, recent) });
}

/** A master that made no session of its own uses the one that every worker has. */
const sessionOf = (request: { readonly sessionHandle: string; readonly createWorkerSessionCalled: boolean }): string =>
  request.createWorkerSessionCalled ? request.sessionHandle : LEGACY_SESSION;

function readGraph(graphDef: GraphDef, { registry, hostname }: WorkerServiceContext): Graph {
  const graph = new Graph(new FunctionLibrary(registry, hostname));
  graph.library.add(graphDef.library);
  importGraph(graph, graphDef, registry, { hostname, internal: true });
  for (const node of graph.nodes) node.assignedDevice = node.requestedDevice;
  return graph;
}

async function runGraph(context: WorkerServiceContext, request: RunGraphRequest, call: RawCall): Promise<Uint8Array> {
  const { worker, allocator } = context;
  const sent = tensorsFromProtos(
    request.send.map(({ tensor }) => tensor ?? TensorProto.create()),
    allocator,
  );
  const cancellation = cancelledWith(call, () => new CancelledError("RPC was cancelled by the master").asDerived());
  const { recvs, stepStats, costGraph, partitionGraphs } = await worker.runGraph(
    {
      sessionHandle: sessionOf(request),
      graphHandle: request.graphHandle,
      stepId: request.stepId,
      sends: sent.map((tensor, i) => ({ key: request.send[i]!.name, tensor })),
      recvKeys: request.recvKey,
      isPartial: request.isPartial,
      isLastPartialRun: request.isLastPartialRun,
      recordTimeline: request.execOpts?.recordTimeline ?? false,
      recordCosts: request.execOpts?.recordCosts ?? false,
      recordPartitionGraphs: request.execOpts?.recordPartitionGraphs ?? false,
    },
    cancellation,
  );
  const encode = (protos: TensorProto[]) =>
    RunGraphResponse.encode({
      recv: named(request.recvKey, protos),
      ...(stepStats === null ? {} : { stepStats }),
      costGraph: costGraph ?? CostGraphDef.create(),
      partitionGraph: [...partitionGraphs],
    });
  return encodeAndRelease(recvs, allocator, encode, leavingView);
}

async function recvTensor(
  { worker, allocator }: WorkerServiceContext,
  { stepId, rendezvousKey }: RecvTensorRequest,
  call: RawCall,
): Promise<Uint8Array> {
  const cancellation = cancelledWith(call, () => new CancelledError("RPC was cancelled by the receiver"));
  const { tensor, dead } = await worker.recvTensor(stepId, rendezvousKey, cancellation);
  const encode = ([proto]: TensorProto[]) =>
    RecvTensorResponse.encode({
      tensor: proto!,
      isDead: dead,
      sendStartMicros: BigInt(Math.round(worker.runtime.wallClock() * 1000)),
    });
  return encodeAndRelease([tensor], allocator, encode, leavingView);
}
