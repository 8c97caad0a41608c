// Tensors cut into rows and put together again, as queues, TensorArrays and TensorLists do with their elements.
import { InvalidArgumentError } from "../../errors/index.js";
import type { KernelStep } from "../../kernel/kernel.js";
import { type DataType, dtypeSize } from "../../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../../tensor/shape.js";
import { retainValue, type Tensor, type Value } from "../../tensor/tensor.js";

/** A copy of `count` rows as a tensor of its own, held once; without a count of one row without its dimension. */
export function sliceRow(step: KernelStep, input: Tensor, row: number, count: number | null = null): Tensor {
  const rest = input.shape.slice(1);
  const shape = count === null ? rest : [count, ...rest];
  const width = numElements(rest);
  const size = numElements(shape);
  if (input.values !== null) {
    const values = input.values.slice(row * width, row * width + size);
    for (const value of values) retainValue(value);
    return step.tensorOf(input.dtype, shape, values);
  }
  const tensor = step.allocate(input.dtype, shape);
  const from = input.ptr + row * width * dtypeSize(input.dtype);
  if (size > 0) step.heap.u8.copyWithin(tensor.ptr, from, from + tensor.bytes);
  return tensor;
}

/** Tensors one after the other along their first dimension, held once; all but that one are `rest`. */
export function concatenate(step: KernelStep, dtype: DataType, parts: readonly Tensor[], rest: Shape): Tensor {
  const shape = [parts.reduce((sum, part) => sum + part.shape[0]!, 0), ...rest];
  if (dtypeSize(dtype) === 0) {
    const values: Value[] = parts.flatMap((part) => [...part.values!]);
    for (const value of values) retainValue(value);
    return step.tensorOf(dtype, shape, values);
  }
  const y = step.allocate(dtype, shape);
  let at = y.ptr;
  for (const part of parts) {
    step.heap.u8.copyWithin(at, part.ptr, part.ptr + part.bytes);
    at += part.bytes;
  }
  return y;
}

const differingShapes = (first: Shape, other: Shape): string =>
  `All elements must have the same shape: ${shapeString(first)} vs. ${shapeString(other)}`;

/** Tensors of one shape as rows of a new first dimension; `refusal` words what is said of two that differ. */
export function stack(
  step: KernelStep,
  dtype: DataType,
  parts: readonly Tensor[],
  emptyShape: Shape,
  { pads = false, refusal = differingShapes } = {},
): Tensor {
  const own = parts[0]?.shape ?? emptyShape;
  const shape = pads && parts.length > 0 ? own.map((_, d) => Math.max(...parts.map((part) => part.shape[d]!))) : own;
  for (const part of parts) {
    if (!pads && !sameShape(part.shape, own)) {
      throw new InvalidArgumentError(refusal(own, part.shape));
    }
  }
  if (dtypeSize(dtype) === 0) {
    const values: Value[] = parts.flatMap((part) => [...part.values!]);
    for (const value of values) retainValue(value);
    return step.tensorOf(dtype, [parts.length, ...shape], values);
  }
  const y = step.allocate(dtype, [parts.length, ...shape]);
  const rowBytes = parts.length === 0 ? 0 : y.bytes / parts.length;
  const { u8 } = step.heap;
  parts.forEach((part, i) => {
    const at = y.ptr + i * rowBytes;
    if (sameShape(part.shape, shape)) u8.copyWithin(at, part.ptr, part.ptr + part.bytes);
    else padInto(u8, part, at, rowBytes, shape);
  });
  return y;
}

function padInto(u8: Uint8Array, part: Tensor, at: number, rowBytes: number, shape: Shape): void {
  u8.fill(0, at, at + rowBytes);
  const size = dtypeSize(part.dtype);
  for (let i = 0; i < part.size; i++) {
    let rest = i;
    let target = 0;
    let stride = 1;
    for (let d = shape.length - 1; d >= 0; d--) {
      target += (rest % part.shape[d]!) * stride;
      rest = Math.floor(rest / part.shape[d]!);
      stride *= shape[d]!;
    }
    u8.copyWithin(at + target * size, part.ptr + i * size, part.ptr + (i + 1) * size);
  }
}
