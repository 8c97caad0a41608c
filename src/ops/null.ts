// Kernels of the device that computes nothing, made from the CPU's and from shape functions. A node that touches
// floating-point numbers gives zeros of the shape that its shape function tells. What decides shapes (integers, strings,
// handles), what holds or hands on values, and what has no shape before it ran, does as on the CPU.
import { type Compute, DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { ResourceHandle } from "../kernel/resource.js";
import { baseDtype, DataType, isRef } from "../tensor/dtype.js";
import { isFullyKnown, type PartialShape } from "../tensor/partial-shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { basicKernels } from "./basic.js";
import { functionalKernels } from "./functional.js";
import { miscKernels } from "./misc.js";
import { optionalKernels } from "./optional.js";
import { queueKernels } from "./queue.js";
import { shapeKernels } from "./shape.js";
import type { HandleShape, ShapeContext, ShapeFunction, ShapeTable } from "./shapes/context.js";
import { shapeFromValues } from "./shapes/infer-shapes.js";
import { listOf } from "./support/elements.js";
import { tensorArrayKernels } from "./tensor-array.js";
import { tensorListKernels } from "./tensor-list.js";
import { variableKernels } from "./variables.js";

/** Families that make, hold or hand on values; they work on floats as on anything else. */
const HOLDING = new Set(
  [
    basicKernels,
    shapeKernels,
    variableKernels,
    queueKernels,
    tensorArrayKernels,
    tensorListKernels,
    optionalKernels,
    functionalKernels,
    miscKernels,
  ].flatMap((family) => family.map(({ op }) => op)),
);

const FLOATING: ReadonlySet<DataType> = new Set<DataType>([
  DataType.HALF,
  DataType.BFLOAT16,
  DataType.FLOAT,
  DataType.DOUBLE,
  DataType.COMPLEX64,
  DataType.COMPLEX128,
]);

/** A kernel of device type `NULL` for every one of the CPU. */
export function nullKernels(kernels: readonly Kernel[], shapes: ShapeTable): Kernel[] {
  return kernels
    .filter(({ device }) => device === "CPU")
    .map(({ op, types, prepare }) =>
      kernel(op, "NULL", types, (node) => {
        const host = prepare(node);
        const shape = shapes[op];
        return shape === undefined || HOLDING.has(op) || !touchesFloats(node) ? host : zeros(node, shape, host);
      }),
    );
}

const touchesFloats = ({ inputTypes, outputTypes }: KernelNode): boolean =>
  [...inputTypes, ...outputTypes].some((type) => FLOATING.has(baseDtype(type)));

function zeros(node: KernelNode, shape: ShapeFunction, host: Compute): Compute {
  const { inputTypes, outputTypes } = node;
  return (step) => {
    const context = new StepShapes(node, step);
    const shapes = shape(context);
    // What only the values tell, the CPU's kernel finds out.
    if (!shapes.every(isFullyKnown)) return host(step);
    outputTypes.forEach((type, i) => {
      if (isRef(type)) {
        step.setOutputRef(i, step.inputRef(inputTypes.findIndex(isRef)));
        return;
      }
      const output = step.allocateOutput(i, shapes[i]!);
      step.heap.u8.fill(0, output.ptr, output.ptr + output.bytes);
    });
    return DONE;
  };
}

/** A call as a shape function sees it: all shapes known, all values there. */
class StepShapes implements ShapeContext {
  readonly inputs: readonly PartialShape[];

  constructor(
    readonly node: KernelNode,
    readonly step: KernelStep,
  ) {
    this.inputs = node.inputTypes.map((_, i) => step.input(i).shape);
  }

  constant(input: number): readonly number[] | null {
    return numbersOf(this.step, this.step.input(input));
  }

  shapeFrom(input: number): PartialShape {
    return shapeFromValues(this.constant(input), this.inputs[input]!);
  }

  handle(input: number): readonly HandleShape[] | null {
    const value = this.step.input(input).values?.[0];
    return value instanceof ResourceHandle ? [value] : null;
  }

  setHandle(): void {}
}

function numbersOf({ heap }: KernelStep, tensor: Tensor): readonly number[] | null {
  if (tensor.values !== null) return null;
  if (tensor.size === 0) return [];
  return listOf(heap, tensor).map(Number);
}
