// A master in this process as a session's master: no socket, no message. Values are copied into and out of its heap.
import { Cancellation, type CancellationSignal } from "../kernel/cancellation.js";
import type { Allocator } from "../memory/allocator.js";
import { tensorView } from "../tensor/proto.js";
import type { Tensor } from "../tensor/tensor.js";
import type { TensorProto } from "../wire/core.js";
import type { MasterClient } from "./client.js";
import { feedTensors } from "./feeds.js";
import type { Master } from "./master.js";

export function localMaster(master: Master, allocator: Allocator): MasterClient {
  /** Copies, since the heap may change as soon as a tensor is let go. */
  const take = (tensors: readonly Tensor[]): TensorProto[] => {
    try {
      return tensors.map((tensor) => {
        const view = tensorView(tensor, allocator.heap);
        return { ...view, tensorContent: view.tensorContent?.slice() ?? null };
      });
    } finally {
      for (const tensor of tensors) tensor.release();
    }
  };

  return {
    createSession: (graphDef, config, signal) => master.createSession(graphDef, config ?? null, "", signal),
    async extendSession(handle, graphDef, version) {
      return master.extendSession(handle, graphDef, version);
    },
    runStep: (handle, { feeds, fetches, targets, options, partialRunHandle }, signal) =>
      following(signal, async (cancellation) => {
        const session = master.session(handle);
        const fed = feedTensors(
          feeds.map(({ tensor }) => tensor),
          allocator,
        ).map((tensor, i) => ({ name: feeds[i]!.name, tensor }));
        if (partialRunHandle !== "") {
          const { tensors } = await session.partialRun(partialRunHandle, fed, fetches, cancellation);
          return { values: take(tensors), metadata: undefined };
        }
        const result = await session.run(fed, fetches, targets, options ?? null, cancellation);
        return { values: take(result.fetches), metadata: result.metadata };
      }),
    partialRunSetup: (handle, names) => master.partialRunSetup(handle, names),
    makeCallable: (handle, signature, options) => master.makeCallable(handle, { signature, options: options ?? null }),
    runCallable: (handle, callable, feeds, signal) =>
      following(signal, async (cancellation) => {
        master.session(handle).callable(callable);
        const result = await master.runCallable(handle, callable, feedTensors(feeds, allocator), cancellation);
        return { values: take(result.fetches), metadata: result.metadata };
      }),
    async releaseCallable(handle, callable) {
      master.session(handle).releaseCallable(callable);
    },
    async listDevices(handle) {
      const { local, remote } = await master.listDevices(handle);
      return [...local, ...remote];
    },
    closeSession: (handle) => master.closeSession(handle),
    reset: (containers) => master.reset(containers, []),
    close() {},
  };
}

/** A step's own cancellation, which the caller's signal reaches while it runs. */
async function following<T>(signal: CancellationSignal, work: (cancellation: Cancellation) => Promise<T>): Promise<T> {
  if (signal.reason !== null) throw signal.reason;
  const cancellation = new Cancellation();
  const cancel = (reason: Error) => cancellation.cancel(reason);
  signal.add(cancel);
  try {
    return await work(cancellation);
  } finally {
    signal.remove(cancel);
  }
}
