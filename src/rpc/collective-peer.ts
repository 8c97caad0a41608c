// Another task as a member of collectives: what the others ask of it becomes calls of WorkerService.
import type { CollectivePeer } from "../collective/peer.js";
import { InternalError } from "../errors/index.js";
import { shapeToProto } from "../tensor/proto.js";
import type { Codec } from "../wire/core.js";
import * as wire from "../wire/worker.js";
import { deviceFromProto, deviceToProto } from "./device-attributes.js";
import { requestId } from "./request-id.js";
import { type Calls, unary } from "./unary.js";

export function remoteCollectives(calls: Calls): CollectivePeer {
  const method = <Q, R>(name: string, request: Codec<Q>, response: Codec<R>) =>
    unary(calls, `/tensorflow.WorkerService/${name}`, request.encode, response);
  const completeGroup = method("CompleteGroup", wire.CompleteGroupRequest, wire.CompleteGroupResponse);
  const completeInstance = method("CompleteInstance", wire.CompleteInstanceRequest, wire.CompleteInstanceResponse);
  const getStepSequence = method("GetStepSequence", wire.GetStepSequenceRequest, wire.GetStepSequenceResponse);
  const recvBuf = method("RecvBuf", wire.RecvBufRequest, wire.RecvBufResponse);
  return {
    async completeGroup({ device, ...request }, signal) {
      const answer = await completeGroup({ ...request, deviceAttributes: deviceToProto(device) }, { signal });
      return answer.deviceAttributes.map(deviceFromProto);
    },
    async completeInstance({ dtype, shape, subdivOffsets, ...request }, signal) {
      const message = { ...request, dataType: dtype, shape: shapeToProto(shape), subdivOffset: [...subdivOffsets] };
      return (await completeInstance(message, { signal })).sourceRank;
    },
    async stepSequence(graphKey, signal) {
      const { stepSequence } = await getStepSequence({ graphKey: [graphKey] }, { signal });
      const found = stepSequence.find((sequence) => sequence.graphKey === graphKey);
      if (found === undefined) throw new InternalError(`The group leader knows no step of graph key ${graphKey}`);
      return found.nextStepId;
    },
    async receiveBuffer({ stepId, key, bytes, from, to }, signal) {
      const request = {
        stepId,
        bufRendezvousKey: key,
        numBytes: BigInt(bytes),
        clientLocality: {},
        serverLocality: {},
        srcDevice: from.name,
        srcIncarnation: from.incarnation,
        dstDevice: to,
        requestId: requestId(),
      };
      const { transportOptions } = await recvBuf(request, { signal });
      return wire.RecvBufRespExtra.decode(transportOptions?.value ?? new Uint8Array(0)).tensorContent;
    },
  };
}
