// A master in this process as a session's master: no socket, no message. Values are copied into and out of its heap.
import { CancelledError } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import type { Allocator } from "../memory/allocator.js";
import { tensorsFromProtos, tensorView } from "../tensor/proto.js";
import type { TensorProto } from "../wire/core.js";
import type { MasterClient } from "./client.js";
import type { Master } from "./master.js";

export function localMaster(master: Master, allocator: Allocator): MasterClient {
  return {
    createSession: (graphDef, config) => master.createSession(graphDef, config ?? null),
    async extendSession(sessionHandle, graphDef, version) {
      return master.extendSession(sessionHandle, graphDef, version);
    },
    async runStep({ sessionHandle, feeds, fetches, targets, options, partialRunHandle }, signal) {
      const session = master.session(sessionHandle);
      const cancellation = new Cancellation();
      const abort = () => cancellation.cancel(new CancelledError("The step was cancelled by its caller"));
      signal?.throwIfAborted();
      const fed = tensorsFromProtos(
        feeds.map(({ tensor }) => tensor),
        allocator,
      );
      const tensors = fed.map((tensor, i) => ({ name: feeds[i]!.name, tensor }));
      signal?.addEventListener("abort", abort, { once: true });
      try {
        const partial = partialRunHandle !== "";
        const result = partial
          ? {
              fetches: (await session.partialRun(partialRunHandle, tensors, fetches, cancellation)).tensors,
              metadata: undefined,
            }
          : await session.run(tensors, fetches, targets, options ?? null, cancellation);
        const values = result.fetches.map((tensor) => {
          const view = tensorView(tensor, allocator.heap);
          const copy = copyContent(view);
          tensor.release();
          return copy;
        });
        return { values, metadata: result.metadata };
      } finally {
        signal?.removeEventListener("abort", abort);
      }
    },
    partialRunSetup: (sessionHandle, feeds, fetches, targets) =>
      master.partialRunSetup(sessionHandle, { feeds, fetches, targets }),
    async listDevices(sessionHandle) {
      const { local, remote } = await master.listDevices(sessionHandle);
      return [...local, ...remote];
    },
    closeSession: (sessionHandle) => master.closeSession(sessionHandle),
    reset: (containers) => master.reset(containers, []),
    close() {},
  };
}

/** The heap may change as soon as the tensor is let go. */
const copyContent = (proto: TensorProto): TensorProto => ({
  ...proto,
  tensorContent: proto.tensorContent?.slice() ?? null,
});
