// How many slices a variable is cut into, by axis, from its shape and dtype (`tf.compat.v1.fixed_size_partitioner` and its
// kin): what a PartitionedVariable asks.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape } from "../tensor/shape.js";

/** @returns slices by axis; more than one for one axis at most */
export type Partitioner = (shape: Shape, dtype: DataType) => readonly number[];

export interface SizeOptions {
  /** The axis that is cut: 0. */
  readonly axis?: number;
  /** What a string counts as: 16. */
  readonly bytesPerStringElement?: number;
}

/** So many slices, or as many as there are rows. */
export const fixedSizePartitioner =
  (numShards: number, axis = 0): Partitioner =>
  (shape) =>
    alongAxis(shape, axis, (size) => Math.min(numShards, size));

/**
 * As few slices as keep each under a size, if rows are small enough.
 * @param maxShards the most, whatever their size
 * @throws InvalidArgumentError for sizes that aren't positive
 */
export function variableAxisSizePartitioner(
  maxShardBytes: number,
  { axis = 0, bytesPerStringElement = 16, maxShards }: SizeOptions & { readonly maxShards?: number } = {},
): Partitioner {
  if (maxShardBytes < 1 || bytesPerStringElement < 1) {
    throw new InvalidArgumentError(
      "Both max_shard_bytes and bytes_per_string_element must be positive. " +
        `Currently, max_shard_bytes is ${maxShardBytes} and bytes_per_string_element is ${bytesPerStringElement}`,
    );
  }
  if (maxShards !== undefined && maxShards < 1) throw new InvalidArgumentError("max_shards must be positive.");
  return (shape, dtype) =>
    alongAxis(shape, axis, (size) => {
      const rowBytes = bytesOf(shape, dtype, bytesPerStringElement) / size;
      const shards = Math.ceil(size / Math.max(1, Math.floor(maxShardBytes / rowBytes)));
      return Math.min(shards, maxShards ?? shards);
    });
}

export interface MinMaxOptions extends SizeOptions {
  /** 1 when left out: one slice. */
  readonly maxPartitions?: number;
  /** Bytes of a slice: 256 KiB. */
  readonly minSliceSize?: number;
}

/** As many slices as there may be, unless that makes them too small. */
export const minMaxVariablePartitioner =
  (options: MinMaxOptions = {}): Partitioner =>
  (shape, dtype) => {
    const { axis = 0, maxPartitions = 1, minSliceSize = 256 << 10, bytesPerStringElement = 16 } = options;
    const most = Math.ceil(bytesOf(shape, dtype, bytesPerStringElement) / minSliceSize);
    return alongAxis(shape, axis, (size) => Math.max(1, Math.min(size, maxPartitions, most)));
  };

const bytesOf = (shape: Shape, dtype: DataType, stringBytes: number): number =>
  numElements(shape) * (dtype === DataType.STRING ? stringBytes : dtypeSize(dtype));

function alongAxis(shape: Shape, axis: number, slices: (size: number) => number): number[] {
  const size = shape.at(axis);
  if (size === undefined) {
    throw new InvalidArgumentError(`Cannot partition variable along axis ${axis} when shape is only [${shape}]`);
  }
  return shape.map((_, i) => (i === axis || i === axis + shape.length ? slices(size) : 1));
}
