// Complex numbers put together, taken apart, measured, added and multiplied. In the heap the real part lies before the imaginary one.
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
  const plan = planOf(re, im);
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

/** A complex number from two: its parts, which must be read before they are asked for again. */
type Pair = readonly [re: number, im: number];
type Combine = (a: number, b: number, c: number, d: number) => Pair;

const sum: Combine = (a, b, c, d) => [a + c, b + d];
const quotient: Combine = (a, b, c, d) => {
  const size = c * c + d * d;
  return [(a * c + b * d) / size, (b * c - a * d) / size];
};

const COMBINED: Readonly<Record<string, Combine>> = {
  Add: sum,
  AddV2: sum,
  Sub: (a, b, c, d) => [a - c, b - d],
  Mul: (a, b, c, d) => [a * c - b * d, a * d + b * c],
  Div: quotient,
  RealDiv: quotient,
};

function planOf(a: Tensor, b: Tensor) {
  if (broadcastShape(a.shape, b.shape) === null)
    throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`);
  return planBroadcast(a.shape, b.shape);
}

const combine = (op: string): Kernel =>
  kernel(op, "CPU", { T: COMPLEX }, () => {
    const apply = COMBINED[op]!;
    return (step) => {
      const [left, right] = [step.input(0), step.input(1)];
      const plan = planOf(left, right);
      const y = step.allocateOutput(0, plan.shape);
      const [a, b, c] = [partsOf(step.heap, left), partsOf(step.heap, right), partsOf(step.heap, y)];
      forEachPair(plan, (i, j, k) => {
        const [at, from] = [a.base + 2 * i, b.base + 2 * j];
        const [re, im] = apply(a.view[at]!, a.view[at + 1]!, b.view[from]!, b.view[from + 1]!);
        c.view[c.base + 2 * k] = re;
        c.view[c.base + 2 * k + 1] = im;
      });
      return DONE;
    };
  });

const CHANGED: Readonly<Record<string, (re: number, im: number) => Pair>> = {
  Neg: (re, im) => [-re, -im],
  Square: (re, im) => [re * re - im * im, 2 * re * im],
};

const change = (op: string): Kernel =>
  kernel(op, "CPU", { T: COMPLEX }, () => {
    const apply = CHANGED[op]!;
    return (step) => {
      const x = step.input(0);
      const y = step.forwardOrAllocate(0, 0, x.shape);
      const [from, to] = [partsOf(step.heap, x), partsOf(step.heap, y)];
      for (let i = 0; i < 2 * x.size; i += 2) {
        const [re, im] = apply(from.view[from.base + i]!, from.view[from.base + i + 1]!);
        to.view[to.base + i] = re;
        to.view[to.base + i + 1] = im;
      }
      return DONE;
    };
  });

export const complexKernels: readonly Kernel[] = [
  complex,
  measure("Real", (re) => re),
  measure("Imag", (_, im) => im),
  measure("ComplexAbs", Math.hypot),
  measure("Angle", (re, im) => Math.atan2(im, re)),
  conj,
  ...Object.keys(COMBINED).map(combine),
  ...Object.keys(CHANGED).map(change),
];
