// Tensors of another task by RecvTensor: asked for by key, copied once from the answer into the heap.
import { toOpError } from "../errors/index.js";
import type { Allocator } from "../memory/allocator.js";
import { variantCodec } from "../ops/variant-codec.js";
import { tensorFromProto } from "../tensor/proto.js";
import type { Tensor } from "../tensor/tensor.js";
import type { GrpcChannel } from "../transport/grpc-channel.js";
import { TensorProto } from "../wire/core.js";
import { RecvTensorRequest, RecvTensorResponse } from "../wire/worker.js";
import type { Arrived, PeerTransfer } from "../worker/peers.js";
import { requestId } from "./request-id.js";
import { fromServiceError } from "./status.js";

const PATH = "/tensorflow.WorkerService/RecvTensor";
const FAIL_FAST = {};

export interface RecvTensorOptions {
  readonly allocator: Allocator;
  readonly now: () => number;
  readonly wallClock: () => number;
}

/** Tells of the tensor in a RecvTensorResponse, or that there is none to be read. */
export function deliver(
  response: Uint8Array,
  allocator: Allocator,
  beganMs: (sentMicros: bigint) => number,
  arrived: Arrived,
): void {
  let message: RecvTensorResponse;
  let tensor: Tensor;
  try {
    message = RecvTensorResponse.decode(response);
    tensor = tensorFromProto(message.tensor ?? TensorProto.create(), allocator, variantCodec);
  } catch (broken) {
    arrived(toOpError(broken), null, false, 0);
    return;
  }
  arrived(null, tensor, message.isDead, beganMs(message.sendStartMicros));
}

export function grpcTransfer(channel: GrpcChannel, { allocator, now, wallClock }: RecvTensorOptions): PeerTransfer {
  return {
    receive(stepId, rendezvousKey, signal, arrived) {
      if (signal.reason !== null) {
        arrived(signal.reason, null, false, 0);
        return;
      }
      let open = true;
      const request = RecvTensorRequest.encode({ stepId, rendezvousKey, requestId: requestId() });
      const stop = channel.call(PATH, request, FAIL_FAST, (error, answer) => {
        if (!open) return;
        open = false;
        signal.remove(cancel);
        if (error !== null) {
          arrived(fromServiceError(error), null, false, 0);
          return;
        }
        // The peer's clock tells, which need not be right.
        const beganMs = (sentMicros: bigint) => now() - (wallClock() - Number(sentMicros) / 1000);
        deliver(answer!, allocator, beganMs, arrived);
      });
      const cancel = (reason: Error) => {
        if (!open) return;
        open = false;
        stop();
        arrived(reason, null, false, 0);
      };
      signal.add(cancel);
    },
  };
}
