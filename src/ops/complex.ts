// Complex numbers put together, taken apart and measured. In the heap the real part lies before the imaginary one.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { DataType } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { forEachPair } from "./binary.js";
import { broadcastShape, planBroadcast } from "./support/broadcast.js";

const COMPLEX = ["complex64", "complex128"];

/** Parts of a tensor's elements, real or complex: the view and where they start. */
function partsOf(heap: Heap, { dtype, ptr }: Tensor): { view: Float32Array | Float64Array; base: number } {
  const single = dtype === DataType.FLOAT || dtype === DataType.COMPLEX64;
  return single ? { view: heap.f32, base: ptr / 4 } : { view: heap.f64, base: ptr / 8 };
}

const complex = kernel("Complex", "CPU", { T: ["float", "double"] }, () => (step) => {
  const [re, im] = [step.input(0), step.input(1)];
  if (broadcastShape(re.shape, im.shape) === null)
    throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(re.shape)} vs. ${shapeString(im.shape)}`);
  const plan = planBroadcast(re.shape, im.shape);
  const y = step.allocateOutput(0, plan.shape);
  const [a, b, c] = [partsOf(step.heap, re), partsOf(step.heap, im), partsOf(step.heap, y)];
  forEachPair(plan, (i, j, k) => {
    c.view[c.base + 2 * k] = a.view[a.base + i]!;
    c.view[c.base + 2 * k + 1] = b.view[b.base + j]!;
  });
  return DONE;
});

/** A real number from each complex one. */
const measure = (op: string, of: (re: number, im: number) => number): Kernel =>
  kernel(op, "CPU", { T: COMPLEX }, () => (step: KernelStep) => {
    const x = step.input(0);
    const y = step.allocateOutput(0, x.shape);
    const [from, to] = [partsOf(step.heap, x), partsOf(step.heap, y)];
    for (let i = 0; i < x.size; i++)
      to.view[to.base + i] = of(from.view[from.base + 2 * i]!, from.view[from.base + 2 * i + 1]!);
    return DONE;
  });

const conj = kernel("Conj", "CPU", { T: COMPLEX }, () => (step) => {
  const x = step.input(0);
  const y = step.forwardOrAllocate(0, 0, x.shape);
  const [from, to] = [partsOf(step.heap, x), partsOf(step.heap, y)];
  for (let i = 0; i < 2 * x.size; i += 2) {
    to.view[to.base + i] = from.view[from.base + i]!;
    to.view[to.base + i + 1] = -from.view[from.base + i + 1]!;
  }
  return DONE;
});

export const complexKernels: readonly Kernel[] = [
  complex,
  measure("Real", (re) => re),
  measure("Imag", (_, im) => im),
  measure("ComplexAbs", Math.hypot),
  measure("Angle", (re, im) => Math.atan2(im, re)),
  conj,
];
