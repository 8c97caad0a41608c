// MasterService on gRPC: decodes each request, calls the Master, encodes the answer. Tensors are copied between
// message and heap exactly once each way.
import { CancelledError, toOpError } from "../errors/index.js";
import type { Cancellation } from "../kernel/cancellation.js";
import { type Feed, feedTensors } from "../master/feeds.js";
import type { Master } from "../master/master.js";
import type { Allocator } from "../memory/allocator.js";
import type { RawCall, RawHandler } from "../transport/grpc-listener.js";
import { type DeviceAttributes as DeviceAttributesProto, GraphDef, RunMetadata, TensorProto } from "../wire/core.js";
import {
  CloseSessionRequest,
  CloseSessionResponse,
  CreateSessionRequest,
  CreateSessionResponse,
  ExtendSessionRequest,
  ExtendSessionResponse,
  ListDevicesRequest,
  ListDevicesResponse,
  MakeCallableRequest,
  MakeCallableResponse,
  PartialRunSetupRequest,
  PartialRunSetupResponse,
  ReleaseCallableRequest,
  ReleaseCallableResponse,
  ResetRequest,
  ResetResponse,
  RunCallableRequest,
  RunCallableResponse,
  RunStepRequest,
  RunStepResponse,
} from "../wire/master.js";
import { deviceToProto } from "./device-attributes.js";
import { RecentRequests } from "./duplicates.js";
import { cancelledWith, encodeAndRelease, methodTable, named, type ServiceContext } from "./service.js";

export interface MasterServiceContext extends ServiceContext {
  readonly master: Master;
}

const cancelledByClient = (): Error => new CancelledError("RPC was cancelled by the client");

export function masterHandlers(context: MasterServiceContext): Map<string, RawHandler> {
  const { master, describe } = context;
  const recent = new RecentRequests();
  const refuseTwice = (id: bigint, what: string, request: object) =>
    recent.check(id, `${what} (Master)`, () => describe(`${what}Request`, request));

  const runStep = async (bytes: Uint8Array, call: RawCall): Promise<Uint8Array> => {
    const request = RunStepRequest.decode(bytes);
    const cancellation = cancelledWith(call, cancelledByClient);
    try {
      refuseTwice(request.requestId, "RunStep", request);
      return request.partialRunHandle === ""
        ? await fullStep(context, request, cancellation)
        : await partialStep(context, request, cancellation);
    } catch (error) {
      if (!request.storeErrorsInResponseBody) throw error;
      const failure = toOpError(error);
      return RunStepResponse.encode({
        metadata: RunMetadata.create(),
        statusCode: failure.code,
        statusErrorMessage: failure.message,
      });
    }
  };

  const handlers: Record<string, RawHandler> = {
    async CreateSession(bytes, call) {
      const request = CreateSessionRequest.decode(bytes);
      const sessionHandle = await master.createSession(
        request.graphDef ?? GraphDef.create(),
        request.config ?? null,
        request.target,
        cancelledWith(call, cancelledByClient),
      );
      return CreateSessionResponse.encode({ sessionHandle });
    },
    async ExtendSession(bytes) {
      const { sessionHandle, graphDef, currentGraphVersion } = ExtendSessionRequest.decode(bytes);
      const newGraphVersion = master.extendSession(sessionHandle, graphDef ?? GraphDef.create(), currentGraphVersion);
      return ExtendSessionResponse.encode({ newGraphVersion });
    },
    async PartialRunSetup(bytes) {
      const request = PartialRunSetupRequest.decode(bytes);
      refuseTwice(request.requestId, "PartialRunSetup", request);
      const signature = { feeds: request.feed, fetches: request.fetch, targets: request.target };
      const partialRunHandle = await master.partialRunSetup(request.sessionHandle, signature);
      return PartialRunSetupResponse.encode({ partialRunHandle });
    },
    RunStep: runStep,
    async CloseSession(bytes) {
      await master.closeSession(CloseSessionRequest.decode(bytes).sessionHandle);
      return CloseSessionResponse.encode({});
    },
    async ListDevices(bytes) {
      const { local, remote } = await master.listDevices(ListDevicesRequest.decode(bytes).sessionHandle);
      const encode = (list: typeof local): DeviceAttributesProto[] => list.map(deviceToProto);
      return ListDevicesResponse.encode({ localDevice: encode(local), remoteDevice: encode(remote) });
    },
    async Reset(bytes) {
      const { container, deviceFilters } = ResetRequest.decode(bytes);
      await master.reset(container, deviceFilters);
      return ResetResponse.encode({});
    },
    async MakeCallable(bytes) {
      const request = MakeCallableRequest.decode(bytes);
      refuseTwice(request.requestId, "MakeCallable", request);
      const { feed = [], fetch = [], target = [], runOptions } = request.options ?? {};
      const signature = { feeds: feed, fetches: fetch, targets: target };
      const handle = await master.makeCallable(request.sessionHandle, { signature, options: runOptions ?? null });
      return MakeCallableResponse.encode({ handle });
    },
    async RunCallable(bytes, call) {
      const request = RunCallableRequest.decode(bytes);
      refuseTwice(request.requestId, "RunCallable", request);
      master.session(request.sessionHandle).callable(request.handle);
      const feeds = feedTensors(request.feed, context.allocator);
      const { fetches, metadata } = await master.runCallable(
        request.sessionHandle,
        request.handle,
        feeds,
        cancelledWith(call, cancelledByClient),
      );
      return encodeAndRelease(fetches, context.allocator, (fetch) => RunCallableResponse.encode({ fetch, metadata }));
    },
    async ReleaseCallable(bytes) {
      const { sessionHandle, handle } = ReleaseCallableRequest.decode(bytes);
      master.session(sessionHandle).releaseCallable(handle);
      return ReleaseCallableResponse.encode({});
    },
  };
  return methodTable("MasterService", handlers);
}

async function fullStep(
  context: MasterServiceContext,
  request: RunStepRequest,
  cancellation: Cancellation,
): Promise<Uint8Array> {
  const session = context.master.session(request.sessionHandle);
  const feeds = namedFeeds(request, context.allocator);
  const { fetches, metadata } = await session.run(
    feeds,
    request.fetch,
    request.target,
    request.options ?? null,
    cancellation,
  );
  return encodeAndRelease(fetches, context.allocator, (tensors) =>
    RunStepResponse.encode({ tensor: named(request.fetch, tensors), metadata }),
  );
}

async function partialStep(
  context: MasterServiceContext,
  request: RunStepRequest,
  cancellation: Cancellation,
): Promise<Uint8Array> {
  const session = context.master.session(request.sessionHandle);
  const feeds = namedFeeds(request, context.allocator);
  const { tensors, last } = await session.partialRun(request.partialRunHandle, feeds, request.fetch, cancellation);
  return encodeAndRelease(tensors, context.allocator, (protos) =>
    RunStepResponse.encode({
      tensor: named(request.fetch, protos),
      metadata: last ? RunMetadata.create() : undefined,
    }),
  );
}

function namedFeeds(request: RunStepRequest, allocator: Allocator): Feed[] {
  const tensors = feedTensors(
    request.feed.map(({ tensor }) => tensor ?? TensorProto.create()),
    allocator,
  );
  return tensors.map((tensor, i) => ({ name: request.feed[i]!.name, tensor }));
}
