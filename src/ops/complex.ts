// Complex numbers put together, taken apart, measured and compared, and every function of one or two of them that works
// element by element (support/complex-functions.ts).
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkCounts, forEachPair } from "./binary.js";
import { broadcastShape, planBroadcast } from "./support/broadcast.js";
import { COMPLEX, partsOf } from "./support/complex.js";
import { COMPLEX_BINARY, COMPLEX_GRADIENTS, COMPLEX_UNARY } from "./support/complex-functions.js";

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

function planOf(a: Tensor, b: Tensor) {
  if (broadcastShape(a.shape, b.shape) === null)
    throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`);
  return planBroadcast(a.shape, b.shape);
}

const combine = (op: string): Kernel =>
  kernel(op, "CPU", { T: COMPLEX }, () => {
    const apply = COMPLEX_BINARY[op]!;
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

/** Of a result and its gradient: as many of the one as of the other, whatever their shapes. */
const gradient = (op: string): Kernel =>
  kernel(op, "CPU", { T: COMPLEX }, () => {
    const apply = COMPLEX_GRADIENTS[op]!;
    return (step) => {
      const [left, right] = [step.input(0), step.input(1)];
      checkCounts(left, right);
      const y = step.allocateOutput(0, left.shape);
      const [a, b, c] = [partsOf(step.heap, left), partsOf(step.heap, right), partsOf(step.heap, y)];
      for (let i = 0; i < 2 * y.size; i += 2) {
        const [at, from] = [a.base + i, b.base + i];
        const [re, im] = apply(a.view[at]!, a.view[at + 1]!, b.view[from]!, b.view[from + 1]!);
        c.view[c.base + i] = re;
        c.view[c.base + i + 1] = im;
      }
      return DONE;
    };
  });

/** May be told to give a scalar for shapes that don't fit. */
const equality = (op: string): Kernel =>
  kernel(op, "CPU", { T: COMPLEX }, (node) => {
    const lenient = !node.bool("incompatible_shape_error");
    const differ = Number(op === "NotEqual");
    return (step) => {
      const [left, right] = [step.input(0), step.input(1)];
      if (lenient && broadcastShape(left.shape, right.shape) === null) {
        step.heap.u8[step.allocateOutput(0, []).ptr] = differ;
        return DONE;
      }
      const plan = planOf(left, right);
      const y = step.allocateOutput(0, plan.shape);
      const [a, b] = [partsOf(step.heap, left), partsOf(step.heap, right)];
      forEachPair(plan, (i, j, k) => {
        const [at, from] = [a.base + 2 * i, b.base + 2 * j];
        const same = a.view[at] === b.view[from] && a.view[at + 1] === b.view[from + 1];
        step.heap.u8[y.ptr + k] = Number(same) ^ differ;
      });
      return DONE;
    };
  });

const change = (op: string): Kernel =>
  kernel(op, "CPU", { T: COMPLEX }, () => {
    const apply = COMPLEX_UNARY[op]!;
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
  equality("Equal"),
  equality("NotEqual"),
  ...Object.keys(COMPLEX_BINARY).map(combine),
  ...Object.keys(COMPLEX_GRADIENTS).map(gradient),
  ...Object.keys(COMPLEX_UNARY).map(change),
];
