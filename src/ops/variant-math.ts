// Sums and zeros of what variants hold, lists and optionals: gradients that reach one from several sides, and those that
// reach one from none. What they hold in turn may be variants again.
import { InternalError, InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeName, partCount } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { Counted, Tensor, Value } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { Optional } from "./optional.js";
import { partType } from "./support/complex.js";
import { conversions, isNarrow } from "./support/narrow-floats.js";
import { TensorList } from "./tensor-list.js";

/** Lists of tensors add element by element; one that was never written counts as zero. */
const addVariants = kernel("AddN", "CPU", { T: ["variant"] }, (node) => {
  const count = node.inputTypes.length;
  return (step) => {
    for (let i = 0; i < count; i++) {
      const { shape } = step.input(i);
      if (shape.length > 0)
        throw new InvalidArgumentError(
          `AddN of non-scalar Tensor with dtype=DT_VARIANT is not supported; inputs[${i} has shape: ${shapeString(shape)}.`,
        );
    }
    let sum = step.input(0).values![0] as Counted;
    sum.retain();
    for (let i = 1; i < count; i++) {
      const before = sum;
      try {
        sum = addValues(step, node, before, step.input(i).values![0]!);
      } finally {
        before.release();
      }
    }
    step.setOutput(0, step.tensorOf(DataType.VARIANT, [], [sum]));
    return DONE;
  };
});

function addValues(step: KernelStep, node: KernelNode, a: Value, b: Value): Counted {
  if (a instanceof TensorList && b instanceof TensorList) return addLists(step, node, a, b);
  if (a instanceof Optional && b instanceof Optional) return addOptionals(step, node, a, b);
  throw new InternalError(
    `BinaryOpVariants: Variants a and b have different type ids.  Type names: '${typeName(a)}' vs. '${typeName(b)}'`,
  );
}

const typeName = (value: Value): string =>
  value instanceof Optional ? "tensorflow::data::Optional" : "tensorflow::TensorList";

function addLists(step: KernelStep, node: KernelNode, a: TensorList, b: TensorList): TensorList {
  if (a.elements.length !== b.elements.length)
    throw new InvalidArgumentError(
      `Trying to add two lists of tensors with different lengths. One is ${a.elements.length} and the other is ${b.elements.length}`,
    );
  const elements = made(a.elements, (x, i) => {
    const y = b.elements[i]!;
    return x === null || y === null ? ((x ?? y)?.retain() ?? null) : addTensors(step, node, x, y);
  });
  return new TensorList(a.dtype, a.elementShape ?? b.elementShape, elements, a.maxElements);
}

function addOptionals(step: KernelStep, node: KernelNode, a: Optional, b: Optional): Optional {
  if (a.components === null || b.components === null) {
    if (a.components !== b.components)
      throw new InvalidArgumentError("Cannot add optionals because one has a value and the other doesn't.");
    return new Optional(null);
  }
  const others = b.components;
  if (a.components.length !== others.length)
    throw new InvalidArgumentError(
      `Cannot add optionals because they have different numbers of components (${a.components.length} vs. ${others.length}).`,
    );
  return new Optional(made(a.components, (x, i) => addTensors(step, node, x, others[i]!)));
}

function addTensors(step: KernelStep, node: KernelNode, x: Tensor, y: Tensor): Tensor {
  const { dtype, shape, size } = x;
  if (dtype !== y.dtype || !sameShape(shape, y.shape))
    throw new InvalidArgumentError(
      `Trying to add two tensors with incompatible element shapes. One is ${shapeString(shape)} and the other is ${shapeString(y.shape)}`,
    );
  if (dtype === DataType.VARIANT)
    return step.tensorOf(
      dtype,
      shape,
      made(x.values!, (value, i) => addValues(step, node, value, y.values![i]!)),
    );
  if (x.values !== null || dtype === DataType.BOOL)
    throw new InvalidArgumentError(`Trying to add unsupported dtype ${dtype}`);
  const sum = step.allocate(dtype, shape);
  if (size > 0) addNumbers(step, node, x, y, sum);
  return sum;
}

/** Halves are added as floats. */
function addNumbers(step: KernelStep, node: KernelNode, x: Tensor, y: Tensor, sum: Tensor): void {
  const add = wasmFunction(node, "binary", isNarrow(x.dtype) ? DataType.FLOAT : partType(x.dtype));
  const n = x.size * partCount(x.dtype);
  if (!isNarrow(x.dtype)) {
    add(0, x.ptr, y.ptr, sum.ptr, 1, n, 0, 0, 1, 1);
    return;
  }
  const { widen, narrow } = conversions(node, x.dtype);
  const [a, b] = [step.allocate(DataType.FLOAT, [n]), step.allocate(DataType.FLOAT, [n])];
  widen(x.ptr, a.ptr, n);
  widen(y.ptr, b.ptr, n);
  add(0, a.ptr, b.ptr, a.ptr, 1, n, 0, 0, 1, 1);
  narrow(a.ptr, sum.ptr, n);
  a.release();
  b.release();
}

/** @throws InvalidArgumentError for what has no zero */
export function zerosOf(step: KernelStep, value: Value): Counted {
  if (value instanceof TensorList) {
    const elements = made(value.elements, (element) => element && zerosLike(step, element));
    return new TensorList(value.dtype, value.elementShape, elements, value.maxElements);
  }
  const { components } = value as Optional;
  return new Optional(components && made(components, (component) => zerosLike(step, component)));
}

function zerosLike(step: KernelStep, { dtype, shape, values }: Tensor): Tensor {
  if (dtype === DataType.VARIANT)
    return step.tensorOf(
      dtype,
      shape,
      made(values!, (value) => zerosOf(step, value)),
    );
  if (values !== null)
    throw new InvalidArgumentError(`Trying to compute zeros_like for unsupported dtype ${dtypeName(dtype)}`);
  const zero = step.allocate(dtype, shape);
  step.heap.u8.fill(0, zero.ptr, zero.ptr + zero.bytes);
  return zero;
}

/** A list of what `make` gives; when it fails, what it gave before is released. */
function made<T, R extends Counted | null>(items: readonly T[], make: (item: T, i: number) => R): R[] {
  const results: R[] = [];
  try {
    items.forEach((item, i) => results.push(make(item, i)));
  } catch (error) {
    for (const result of results) result?.release();
    throw error;
  }
  return results;
}

export const variantMathKernels: readonly Kernel[] = [addVariants];
