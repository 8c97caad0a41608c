// Counting how often each integer occurs, or adding up the weights that come with it.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { readInt } from "./support/index-tensor.js";

const WEIGHTS = ["float", "double", "int32", "int64"];

/** Counts a row of `width` integers from `start` on into `size` bins of y from `bins` on. */
function countRow(
  step: KernelStep,
  values: Tensor,
  weights: Tensor,
  y: Tensor,
  start: number,
  width: number,
  bins: number,
  size: number,
  binary: boolean,
): void {
  const { i32, i64, f32, f64 } = step.heap;
  const wide = values.dtype === DataType.INT64;
  const weighted = weights.size > 0 && !binary;
  for (let i = start; i < start + width; i++) {
    const value = wide ? Number(i64[values.ptr / 8 + i]!) : i32[(values.ptr >>> 2) + i]!;
    if (value < 0) throw new InvalidArgumentError("Input arr must be non-negative!");
    if (value >= size) continue;
    const to = bins + value;
    if (y.dtype === DataType.INT64) {
      const at = y.ptr / 8 + to;
      i64[at] = binary ? 1n : i64[at]! + (weighted ? i64[weights.ptr / 8 + i]! : 1n);
    } else if (y.dtype === DataType.INT32) {
      const at = (y.ptr >>> 2) + to;
      i32[at] = binary ? 1 : i32[at]! + (weighted ? i32[(weights.ptr >>> 2) + i]! : 1);
    } else if (y.dtype === DataType.DOUBLE) {
      const at = y.ptr / 8 + to;
      f64[at] = binary ? 1 : f64[at]! + (weighted ? f64[weights.ptr / 8 + i]! : 1);
    } else {
      const at = (y.ptr >>> 2) + to;
      f32[at] = binary ? 1 : f32[at]! + (weighted ? f32[(weights.ptr >>> 2) + i]! : 1);
    }
  }
}

function count(step: KernelStep, binary: boolean, byRow: boolean): void {
  const values = step.input(0);
  const weights = step.input(2);
  const sizeShape = step.input(1).shape;
  const rank = values.shape.length;
  if (byRow && rank > 2) throw new InvalidArgumentError(`Shape must be at most rank 2 but is rank ${rank}`);
  if (sizeShape.length > 0) throw new InvalidArgumentError(`Shape must be rank 0 but is rank ${sizeShape.length}`);
  const size = readInt(step.heap, step.input(1));
  if (size < 0) throw new InvalidArgumentError(`size (${size}) must be non-negative`);
  if (weights.size > 0 && !sameShape(weights.shape, values.shape))
    throw new InvalidArgumentError(
      "`weights` must be the same shape as `arr` or a length-0 `Tensor`, in which case it acts as all weights equal " +
        `to 1. Received ${shapeString(weights.shape)}`,
    );
  const rows = byRow && rank === 2 ? values.shape[0]! : 1;
  const width = byRow && rank === 2 ? values.shape[1]! : values.size;
  const y = step.allocateOutput(0, byRow && rank === 2 ? [rows, size] : [size]);
  step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
  for (let row = 0; row < rows; row++) countRow(step, values, weights, y, row * width, width, row * size, size, binary);
}

export const bincountKernels: readonly Kernel[] = [
  kernel("Bincount", "CPU", { T: WEIGHTS }, () => (step) => {
    count(step, false, false);
    return DONE;
  }),
  kernel("DenseBincount", "CPU", { Tidx: ["int32", "int64"], T: WEIGHTS }, (node) => {
    const binary = node.bool("binary_output");
    return (step) => {
      count(step, binary, true);
      return DONE;
    };
  }),
];
