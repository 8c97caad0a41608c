// Tensors of another task by RecvTensor: asked for by key, copied once from the answer into the heap.
import { toOpError } from "../errors/index.js";
import type { Allocator } from "../memory/allocator.js";
import { variantCodec } from "../ops/variant-codec.js";
import { tensorFromProto } from "../tensor/proto.js";
import type { GrpcChannel } from "../transport/grpc-channel.js";
import { TensorProto } from "../wire/core.js";
import { RecvTensorRequest, RecvTensorResponse } from "../wire/worker.js";
import type { PeerTransfer } from "../worker/peers.js";
import { requestId } from "./request-id.js";
import { fromServiceError } from "./status.js";

const PATH = "/tensorflow.WorkerService/RecvTensor";
const FAIL_FAST = {};

export function grpcTransfer(channel: GrpcChannel, allocator: Allocator): PeerTransfer {
  return {
    receive(stepId, rendezvousKey, signal, received) {
      if (signal.reason !== null) {
        received(signal.reason, null, false);
        return;
      }
      let open = true;
      const request = RecvTensorRequest.encode({ stepId, rendezvousKey, requestId: requestId() });
      const stop = channel.call(PATH, request, FAIL_FAST, (error, answer) => {
        if (!open) return;
        open = false;
        signal.remove(cancel);
        if (error !== null) {
          received(fromServiceError(error), null, false);
          return;
        }
        let tensor: ReturnType<typeof tensorFromProto>;
        let dead: boolean;
        try {
          const message = RecvTensorResponse.decode(answer!);
          dead = message.isDead;
          tensor = tensorFromProto(message.tensor ?? TensorProto.create(), allocator, variantCodec);
        } catch (broken) {
          received(toOpError(broken), null, false);
          return;
        }
        received(null, tensor, dead);
      });
      const cancel = (reason: Error) => {
        if (!open) return;
        open = false;
        stop();
        received(reason, null, false);
      };
      signal.add(cancel);
    },
  };
}
