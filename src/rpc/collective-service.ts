// The four methods of WorkerService that only collectives need: decodes what a member asks, calls the task's collectives,
// encodes the answer. Bytes are copied once, from the heap into the message.
import type { InstanceRequest } from "../collective/peer.js";
import { CancelledError, InternalError } from "../errors/index.js";
import { shapeFromProto } from "../tensor/proto.js";
import type { RawHandler } from "../transport/grpc-listener.js";
import {
  CompleteGroupRequest,
  CompleteGroupResponse,
  CompleteInstanceRequest,
  CompleteInstanceResponse,
  GetStepSequenceRequest,
  GetStepSequenceResponse,
  RecvBufRequest,
  RecvBufRespExtra,
  RecvBufResponse,
} from "../wire/worker.js";
import { deviceFromProto, deviceToProto } from "./device-attributes.js";
import type { RecentRequests } from "./duplicates.js";
import { cancelledWith } from "./service.js";
import type { WorkerServiceContext } from "./worker-service.js";

/** TensorFlow's: bytes of an answer come in pieces of a page. */
const DEFAULT_MAX_CHUNK = 4096;
const EXTRA = "type.googleapis.com/tensorflow.RecvBufRespExtra";

const gone = () => new CancelledError("RPC was cancelled by the receiver");

export function collectiveHandlers(
  { worker, allocator: { heap }, describe, recvBufMaxChunk = 0 }: WorkerServiceContext,
  recent: RecentRequests,
): Readonly<Record<string, RawHandler>> {
  const { resolver, sequences } = worker.runtime.collectives;
  const pieces = (at: number, bytes: number): Uint8Array[] => {
    const longest =
      recvBufMaxChunk === 0 ? DEFAULT_MAX_CHUNK : recvBufMaxChunk < 0 ? Math.max(1, bytes) : recvBufMaxChunk;
    const count = Math.ceil(bytes / longest);
    return Array.from({ length: count }, (_, i) =>
      heap.u8.subarray(at + i * longest, at + Math.min(bytes, (i + 1) * longest)),
    );
  };
  return {
    async RecvBuf(bytes, call) {
      const request = RecvBufRequest.decode(bytes);
      recent.check(request.requestId, "RecvBuf (GrpcWorker)", () => describe("RecvBufRequest", request));
      const { stepId, bufRendezvousKey: key, srcDevice: device, srcIncarnation: incarnation } = request;
      return worker.recvBuf({ stepId, key, device, incarnation }, cancelledWith(call, gone), (at, length) =>
        RecvBufResponse.encode({
          transportOptions: {
            typeUrl: EXTRA,
            value: RecvBufRespExtra.encode({ tensorContent: pieces(at, length) }),
          },
          sendStartMicros: BigInt(Date.now()) * 1000n,
        }),
      );
    },
    async CompleteGroup(bytes, call) {
      const { deviceAttributes, ...request } = CompleteGroupRequest.decode(bytes);
      if (deviceAttributes === undefined) {
        throw new InternalError(
          "CompleteGroupRequest device_attributes is not set. Make sure you're running the same version of Tensorflow " +
            "on all workers.",
        );
      }
      const device = deviceFromProto(deviceAttributes);
      const group = await resolver.completeGroupFor({ ...request, device }, cancelledWith(call, gone));
      return CompleteGroupResponse.encode({
        groupKey: group.key,
        groupSize: group.members.length,
        deviceType: group.deviceType,
        numTasks: group.devicesPerTask.length,
        deviceAttributes: group.members.map((member) => deviceToProto(member.device)),
      });
    },
    async CompleteInstance(bytes, call) {
      const { dataType: dtype, shape, subdivOffset, ...request } = CompleteInstanceRequest.decode(bytes);
      const instance: InstanceRequest = {
        ...request,
        dtype,
        shape: shapeFromProto(shape),
        subdivOffsets: subdivOffset,
      };
      const { sourceRank } = await resolver.completeInstanceFor(instance, cancelledWith(call, gone));
      return CompleteInstanceResponse.encode({ instanceKey: request.instanceKey, sourceRank });
    },
    async GetStepSequence(bytes) {
      const { graphKey } = GetStepSequenceRequest.decode(bytes);
      const stepSequence = graphKey.map((key) => ({ graphKey: key, nextStepId: sequences.answer(key) }));
      return GetStepSequenceResponse.encode({ stepSequence });
    },
  };
}
