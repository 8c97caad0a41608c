// The four methods of WorkerService that only collectives need. Without collective kernels no group is ever formed, so
// what asks for one is refused, in TensorFlow's words where it has some; nobody waits for what can't come.
import { FailedPreconditionError, InternalError, UnimplementedError } from "../errors/index.js";
import type { RawHandler } from "../transport/grpc-listener.js";
import {
  CompleteGroupRequest,
  CompleteInstanceRequest,
  GetStepSequenceRequest,
  GetStepSequenceResponse,
  RecvBufRequest,
} from "../wire/worker.js";
import type { Worker } from "../worker/worker.js";

const STEP_ID_MASK = (1n << 57n) - 1n;

export function collectiveHandlers(worker: Worker): Readonly<Record<string, RawHandler>> {
  /** Makes the sequences of two runs of this task differ. */
  const [seed] = crypto.getRandomValues(new BigUint64Array(1));
  return {
    async RecvBuf(bytes) {
      worker.localDevice(RecvBufRequest.decode(bytes).srcDevice);
      throw new UnimplementedError("Collective ops are not supported");
    },
    async CompleteGroup(bytes) {
      if (CompleteGroupRequest.decode(bytes).deviceAttributes === undefined) {
        throw new InternalError(
          "CompleteGroupRequest device_attributes is not set. Make sure you're running the same version of Tensorflow " +
            "on all workers.",
        );
      }
      throw new UnimplementedError("Collective ops are not supported");
    },
    async CompleteInstance(bytes) {
      const { groupKey } = CompleteInstanceRequest.decode(bytes);
      throw new FailedPreconditionError(`group ${groupKey} not found. This normally means the server has restarted`);
    },
    async GetStepSequence(bytes) {
      const { graphKey } = GetStepSequenceRequest.decode(bytes);
      // A sequence begins anywhere and goes on when one of its steps has ended, which none does here.
      const next = (key: bigint) => BigInt.asUintN(64, (key ^ seed!) * 0x9e3779b97f4a7c15n) & STEP_ID_MASK;
      const stepSequence = graphKey.map((key) => ({ graphKey: key, nextStepId: next(key) }));
      return GetStepSequenceResponse.encode({ stepSequence });
    },
  };
}
