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

export interface RecvTensorOptions {
  readonly allocator: Allocator;
  readonly now: () => number;
  readonly wallClock: () => number;
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
        let tensor: ReturnType<typeof tensorFromProto>;
        let dead: boolean;
        let beganMs: number;
        try {
          const message = RecvTensorResponse.decode(answer!);
          dead = message.isDead;
          // The peer's clock tells, which need not be right.
          beganMs = now() - (wallClock() - Number(message.sendStartMicros) / 1000);
          tensor = tensorFromProto(message.tensor ?? TensorProto.create(), allocator, variantCodec);
        } catch (broken) {
          arrived(toOpError(broken), null, false, 0);
          return;
        }
        arrived(null, tensor, dead, beganMs);
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
