// The sum of TensorLists: gradients that reach a list from several sides.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { elementsOf } from "./support/elements.js";
import { listOf, TensorList } from "./tensor-list.js";

/** Lists of tensors add element by element; one that was never written counts as zero. */
const addVariants = kernel("AddN", "CPU", { T: ["variant"] }, (node) => {
  const count = node.inputTypes.length;
  return (step) => {
    let sum = listOf(step, 0);
    sum.retain();
    try {
      for (let i = 1; i < count; i++) {
        const joined = addLists(step, sum, listOf(step, i));
        sum.release();
        sum = joined;
      }
    } catch (error) {
      sum.release();
      throw error;
    }
    step.setOutput(0, Tensor.ofValues(DataType.VARIANT, [], [sum]));
    return DONE;
  };
});

/** @throws InvalidArgumentError for lists or elements that don't fit */
function addLists(step: KernelStep, a: TensorList, b: TensorList): TensorList {
  if (a.elements.length !== b.elements.length)
    throw new InvalidArgumentError(
      `Trying to add two lists of tensors with different lengths. One is ${a.elements.length} and the other is ${b.elements.length}`,
    );
  const elements: (Tensor | null)[] = [];
  try {
    a.elements.forEach((x, i) => {
      const y = b.elements[i]!;
      if (x === null || y === null) elements.push((x ?? y)?.retain() ?? null);
      else elements.push(addElements(step, x, y));
    });
  } catch (error) {
    for (const element of elements) element?.release();
    throw error;
  }
  return new TensorList(a.dtype, a.elementShape ?? b.elementShape, elements, a.maxElements);
}

function addElements(step: KernelStep, x: Tensor, y: Tensor): Tensor {
  if (x.dtype !== y.dtype || !sameShape(x.shape, y.shape))
    throw new InvalidArgumentError(
      `Trying to add two tensors with incompatible element shapes. One is ${shapeString(x.shape)} and the other is ${shapeString(y.shape)}`,
    );
  const sum = step.allocate(x.dtype, x.shape);
  if (x.size === 0) return sum;
  const [a, b, c] = [elementsOf(step.heap, x), elementsOf(step.heap, y), elementsOf(step.heap, sum)];
  for (let i = 0; i < x.size; i++) c.view[c.base + i] = a.view[a.base + i]! + b.view[b.base + i]!;
  return sum;
}

export const addListKernels: readonly Kernel[] = [addVariants];
