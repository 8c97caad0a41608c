// Values that a client feeds, as tensors of the heap: all of them or none.
import { InvalidArgumentError } from "../errors/index.js";
import type { Allocator } from "../memory/allocator.js";
import { tensorsFromProtos } from "../tensor/proto.js";
import type { Tensor } from "../tensor/tensor.js";
import type { TensorProto } from "../wire/core.js";

export interface Feed {
  readonly name: string;
  /** One hold passes to the step. */
  readonly tensor: Tensor;
}

/** @throws InvalidArgumentError that says which of them is malformed */
export const feedTensors = (protos: readonly TensorProto[], allocator: Allocator): Tensor[] =>
  tensorsFromProtos(protos, allocator, (error, i) =>
    error instanceof InvalidArgumentError
      ? new InvalidArgumentError(`Invalid TensorProto for feed value ${i}`, { cause: error })
      : error,
  );
