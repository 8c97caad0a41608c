// A worker of another task as a master's worker: graphs and tensors become messages here and only here. Calls wait for the
// connection, fail fast or have a deadline as TensorFlow's do (PROTOCOL.md, Transport facts).
import { InternalError, opErrorFromCode } from "../errors/index.js";
import { exportGraph } from "../graph/export.js";
import type { Allocator } from "../memory/allocator.js";
import { parseDeviceSpec } from "../placement/device-name.js";
import { tensorsFromProtos } from "../tensor/proto.js";
import type { CallSettings } from "../transport/grpc-channel.js";
import { type Codec, ConfigProto, TensorProto } from "../wire/core.js";
import * as wire from "../wire/worker.js";
import type { RunGraphResponse, StepSignal, WorkerInterface } from "../worker/worker-interface.js";
import { deviceFromProto } from "./device-attributes.js";
import { requestId } from "./request-id.js";
import { encodeAndRelease, leavingView, named } from "./service.js";
import { type Calls, unary } from "./unary.js";

const DELETE_SESSION_MS = 10_000;
const CLEANUP_MS = 5_000;
/** Each of the two roads to a task may go down under one. */
const CLEANUP_TRIES = 3;

/** @param allocator where tensors that come with an answer go */
export function remoteWorker(task: string, calls: Calls, allocator: Allocator): WorkerInterface {
  const pathOf = (name: string) => `/tensorflow.WorkerService/${name}`;
  const method = <Q, R>(name: string, request: Codec<Q>, response: Codec<R>) =>
    unary(calls, pathOf(name), request.encode, response);
  const getStatus = method("GetStatus", wire.GetStatusRequest, wire.GetStatusResponse);
  const createWorkerSession = method(
    "CreateWorkerSession",
    wire.CreateWorkerSessionRequest,
    wire.CreateWorkerSessionResponse,
  );
  const deleteWorkerSession = method(
    "DeleteWorkerSession",
    wire.DeleteWorkerSessionRequest,
    wire.DeleteWorkerSessionResponse,
  );
  const registerGraph = method("RegisterGraph", wire.RegisterGraphRequest, wire.RegisterGraphResponse);
  const deregisterGraph = method("DeregisterGraph", wire.DeregisterGraphRequest, wire.DeregisterGraphResponse);
  const runGraph = unary(calls, pathOf("RunGraph"), (bytes: Uint8Array) => bytes, wire.RunGraphResponse);
  const cleanupGraph = method("CleanupGraph", wire.CleanupGraphRequest, wire.CleanupGraphResponse);
  const cleanupAll = method("CleanupAll", wire.CleanupAllRequest, wire.CleanupAllResponse);
  const logging = method("Logging", wire.LoggingRequest, wire.LoggingResponse);
  /** What a real task knows of a traced step beside its own answer: which tensors it got from others. Fails for nobody. */
  const logged = (request: Partial<wire.LoggingRequest>, signal?: StepSignal) =>
    logging({ ...wire.LoggingRequest.create(), ...request }, { signal }).catch(() => wire.LoggingResponse.create());
  const createWorkerSessionCalled = true;
  return {
    task,
    async getStatus(signal) {
      const { deviceAttributes } = await getStatus({}, { waitForReady: true, signal });
      return deviceAttributes.map(deviceFromProto);
    },
    async createWorkerSession({ cluster, task: sessionTask, ...request }, signal) {
      const { job, task: taskIndex } = parseDeviceSpec(sessionTask)!;
      const serverDef = { jobName: job!, taskIndex: taskIndex!, protocol: "grpc", cluster: cluster ?? undefined };
      await createWorkerSession({ ...request, serverDef }, { signal });
    },
    async deleteWorkerSession(sessionHandle) {
      await deleteWorkerSession({ sessionHandle }, { timeoutMs: DELETE_SESSION_MS });
    },
    async registerGraph({ sessionHandle, graph, collectiveGraphKey, config }, signal) {
      const request = {
        sessionHandle,
        createWorkerSessionCalled,
        graphDef: exportGraph(graph, { stripDefaults: true }),
        graphOptions: config?.graphOptions ?? {},
        debugOptions: {},
        configProto: config ?? ConfigProto.create(),
        collectiveGraphKey,
      };
      return (await registerGraph(request, { signal })).graphHandle;
    },
    async deregisterGraph(sessionHandle, graphHandle) {
      await deregisterGraph({ sessionHandle, createWorkerSessionCalled, graphHandle });
    },
    async runGraph(request, signal) {
      const names = request.sends.map(({ key }) => key);
      const message = encodeAndRelease(
        request.sends.map(({ tensor }) => tensor),
        allocator,
        (protos) =>
          wire.RunGraphRequest.encode({
            sessionHandle: request.sessionHandle,
            createWorkerSessionCalled,
            graphHandle: request.graphHandle,
            stepId: request.stepId,
            execOpts: {
              recordTimeline: request.recordTimeline,
              recordCosts: request.recordCosts,
              recordPartitionGraphs: request.recordPartitionGraphs,
            },
            send: named(names, protos),
            recvKey: request.recvKeys,
            isPartial: request.isPartial,
            isLastPartialRun: request.isLastPartialRun,
            storeErrorsInResponseBody: true,
            requestId: requestId(),
          }),
        leavingView,
      );
      if (request.recordTimeline) await logged({ enableRpcLogging: true }, signal);
      try {
        const answer = await runGraph(message, { signal });
        if (answer.statusCode !== 0) throw opErrorFromCode(answer.statusCode, answer.statusErrorMessage);
        if (request.recordTimeline) {
          const { step } = await logged({ fetchStepId: [request.stepId] }, signal);
          answer.stepStats?.devStats.unshift(...step.flatMap(({ stepStats }) => stepStats?.devStats ?? []));
        }
        return fromAnswer(answer, request.recvKeys, allocator);
      } finally {
        if (request.recordTimeline) void logged({ disableRpcLogging: true });
      }
    },
    async cleanupGraph(stepId) {
      // A connection that is lost need not be the task, which would hold the step until its session ends.
      let settings: CallSettings = {};
      for (let tries = 1; ; tries++) {
        try {
          await cleanupGraph({ stepId }, settings);
          return;
        } catch (error) {
          if (tries === CLEANUP_TRIES) throw error;
          settings = { waitForReady: true, timeoutMs: CLEANUP_MS };
        }
      }
    },
    async cleanupAll(container) {
      await cleanupAll({ container });
    },
  };
}

function fromAnswer(answer: wire.RunGraphResponse, keys: readonly string[], allocator: Allocator): RunGraphResponse {
  const byKey = new Map(answer.recv.map(({ name, tensor }) => [name, tensor]));
  const protos = keys.map((key) => {
    if (!byKey.has(key)) throw new InternalError(`The worker gave no tensor for ${key}`);
    return byKey.get(key) ?? TensorProto.create();
  });
  return {
    recvs: tensorsFromProtos(protos, allocator),
    stepStats: answer.stepStats ?? null,
    costGraph: answer.costGraph ?? null,
    partitionGraphs: answer.partitionGraph,
  };
}
