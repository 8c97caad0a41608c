// What the method tables of MasterService and WorkerService have in common: their context, their paths, cancellation
// by the caller, and tensors on their way into an answer. It must not know any one service.
import { Cancellation } from "../kernel/cancellation.js";
import type { Allocator } from "../memory/allocator.js";
import type { Heap } from "../memory/heap.js";
import { variantCodec } from "../ops/variant-codec.js";
import { tensorView } from "../tensor/proto.js";
import type { Tensor } from "../tensor/tensor.js";
import type { RawCall, RawHandler } from "../transport/grpc-listener.js";
import type { TensorProto } from "../wire/core.js";

export interface ServiceContext {
  /** Where tensors that come with a request go: the account of the task's first device. */
  readonly allocator: Allocator;
  /** A request in protobuf's text format, for error texts. */
  readonly describe: (message: string, request: object) => string;
}

/** Handlers by method path. */
export const methodTable = (service: string, handlers: Readonly<Record<string, RawHandler>>): Map<string, RawHandler> =>
  new Map(Object.entries(handlers).map(([method, handler]) => [`/tensorflow.${service}/${method}`, handler]));

/** Cancelled when the caller goes away; the reason is made only then. */
export function cancelledWith(call: RawCall, reason: () => Error): Cancellation {
  const cancellation = new Cancellation();
  call.onCancelled(() => cancellation.cancel(reason()));
  return cancellation;
}

export const named = (names: readonly string[], tensors: readonly TensorProto[]) =>
  tensors.map((tensor, i) => ({ name: names[i]!, tensor }));

/** Takes over one hold on each tensor. Protos view the heap: they are encoded before anything else can run. */
export function encodeAndRelease(
  tensors: readonly Tensor[],
  { heap }: Allocator,
  encode: (protos: TensorProto[]) => Uint8Array,
  view: (tensor: Tensor, heap: Heap) => TensorProto = tensorView,
): Uint8Array {
  try {
    return encode(tensors.map((tensor) => view(tensor, heap)));
  } finally {
    for (const tensor of tensors) tensor.release();
  }
}

/** The view of a tensor that leaves its task. @throws InvalidArgumentError for what has no form on the wire */
export const leavingView = (tensor: Tensor, heap: Heap): TensorProto => tensorView(tensor, heap, variantCodec);
