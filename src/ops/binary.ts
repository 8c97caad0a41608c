// Elementwise ops of two inputs that broadcast: arithmetic, comparisons, boolean algebra, gradients of unary ops.
import { InternalError, InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { dtypeSize } from "../tensor/dtype.js";
import { type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { binaryCodes, compareCodes } from "./opcodes.js";
import { type BroadcastPlan, BroadcastPlans, planBroadcast, runBroadcast } from "./support/broadcast.js";

const FLOATS = ["float", "double"];
const NUMBERS = [...FLOATS, "int32", "int64"];
const SMALL = ["int8", "uint8", "int16", "uint16", "uint32", "uint64"];
const ALL = [...NUMBERS, ...SMALL];

const DIVISION_BY_ZERO = 1;

function check(result: number, op: string): void {
  if (result === 0) return;
  // TensorFlow's kernels of these two have no text for it.
  if (op === "TruncateDiv" || op === "TruncateMod")
    throw new InternalError("Unexpected error in binary operator (only integer div and mod should have errors)");
  throw new InvalidArgumentError(
    result === DIVISION_BY_ZERO ? "Integer division by zero" : "Integers to negative integer powers are not allowed",
  );
}

/**
 * Runs one of the two-input kernels. The output takes over an input of its shape and dtype that nobody else holds.
 */
function pairCall(node: KernelNode, family: string, code: number, forward: boolean) {
  const compute = wasmFunction(node, family, node.inputTypes[0]!);
  const size = dtypeSize(node.inputTypes[0]!);
  const outSize = dtypeSize(node.outputTypes[0]!);
  const loop = (
    a: number,
    b: number,
    y: number,
    outer: number,
    inner: number,
    ao: number,
    bo: number,
    ai: number,
    bi: number,
  ) => compute(code, a, b, y, outer, inner, ao, bo, ai, bi);
  const plans = new BroadcastPlans();
  const output = (step: KernelStep, shape: Shape): Tensor => {
    const forwarded = forward ? (step.forward(0, 0, shape) ?? step.forward(1, 0, shape)) : null;
    return forwarded ?? step.allocateOutput(0, shape);
  };
  return (step: KernelStep): void => {
    const a = step.input(0);
    const b = step.input(1);
    if (sameShape(a.shape, b.shape)) {
      const y = output(step, a.shape);
      if (a.size > 0) check(compute(code, a.ptr, b.ptr, y.ptr, 1, a.size, 0, 0, 1, 1), node.op);
      return;
    }
    const plan = plans.of(a.shape, b.shape);
    const y = output(step, plan.shape);
    if (y.size > 0) check(runBroadcast(plan, loop, a.ptr, b.ptr, y.ptr, size, outSize), node.op);
  };
}

const binary = (op: string, types: readonly string[]): Kernel =>
  kernel(op, "CPU", { T: types }, (node) => {
    const call = pairCall(node, "binary", binaryCodes[op]!, true);
    return (step) => {
      call(step);
      return DONE;
    };
  });

const compare = (op: string, types: readonly string[]): Kernel =>
  kernel(op, "CPU", { T: types }, (node) => {
    const call = pairCall(node, "compare", compareCodes[op]!, false);
    return (step) => {
      call(step);
      return DONE;
    };
  });

/** Equal and NotEqual may be told to give a scalar for shapes that don't fit. */
const equality = (op: string): Kernel =>
  kernel(op, "CPU", { T: [...ALL, "bool"] }, (node) => {
    const call = pairCall(node, "compare", compareCodes[op]!, false);
    const lenient = !node.bool("incompatible_shape_error");
    return (step) => {
      try {
        call(step);
      } catch (error) {
        if (!lenient || !(error instanceof InvalidArgumentError)) throw error;
        const y = step.allocateOutput(0, []);
        step.heap.u8[y.ptr] = Number(op === "NotEqual");
      }
      return DONE;
    };
  });

const decoder = new TextDecoder("latin1");

/** Strings compare and join element by element. */
const strings = (op: string, apply: (a: string, b: string) => boolean): Kernel =>
  kernel(op, "CPU", { T: ["string"] }, () => (step) => {
    const a = step.input(0);
    const b = step.input(1);
    const plan = planBroadcast(a.shape, b.shape);
    const y = step.allocateOutput(0, plan.shape);
    const at = (values: readonly unknown[], i: number) => decoder.decode(values[i] as Uint8Array);
    forEachPair(plan, (i, j, k) => {
      step.heap.u8[y.ptr + k] = Number(apply(at(a.values!, i), at(b.values!, j)));
    });
    return DONE;
  });

/** Element positions in a, b and the result. */
export function forEachPair(plan: BroadcastPlan, visit: (a: number, b: number, y: number) => void): void {
  let k = 0;
  const loop = (
    a: number,
    b: number,
    _y: number,
    outer: number,
    inner: number,
    ao: number,
    bo: number,
    ai: number,
    bi: number,
  ) => {
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) visit(a + o * ao + i * ai, b + o * bo + i * bi, k++);
    return 0;
  };
  if (plan.shape.every((size) => size > 0)) runBroadcast(plan, loop, 0, 0, 0, 1, 1);
}

const logical = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const call = pairCall(node, "compare", compareCodes[op]!, false);
    return (step) => {
      call(step);
      return DONE;
    };
  });

/** Gradients of coefficient-wise ops: TensorFlow counts elements, whatever the shapes. */
const GRADIENTS = ["TanhGrad", "SigmoidGrad", "SqrtGrad", "RsqrtGrad", "ReciprocalGrad", "InvGrad"];
/** Gradients of activations: shapes are equal. */
const ACTIVATION_GRADIENTS = ["EluGrad", "SeluGrad", "SoftplusGrad", "SoftsignGrad"];

export function checkCounts(a: Tensor, b: Tensor): void {
  if (a.size === b.size) return;
  throw new InvalidArgumentError(
    `The two arguments to a cwise op must have same number of elements, got ${a.size} and ${b.size}`,
  );
}

function checkShapes(a: Tensor, b: Tensor, step: KernelStep): void {
  if (sameShape(a.shape, b.shape)) return;
  throw new InvalidArgumentError(
    `Inputs to operation ${step.nodeName} of type ${step.opName} must have the same size and shape.  ` +
      `Input 0: ${shapeString(a.shape)} != input 1: ${shapeString(b.shape)}`,
  );
}

const gradient = (op: string, types: readonly string[], check: typeof checkShapes): Kernel =>
  kernel(op, "CPU", { T: types }, (node) => {
    const leaky = op === "LeakyReluGrad";
    const compute = wasmFunction(node, leaky ? "leaky_relu_grad" : "binary", node.inputTypes[0]!);
    const alpha = leaky ? node.float("alpha") : 0;
    const code = binaryCodes[op]!;
    return (step) => {
      const [a, b] = [step.input(0), step.input(1)];
      check(a, b, step);
      const y = step.forwardOrAllocate(0, 0, a.shape);
      if (a.size === 0) return DONE;
      if (leaky) compute(a.ptr, b.ptr, y.ptr, a.size, alpha);
      else compute(code, a.ptr, b.ptr, y.ptr, 1, a.size, 0, 0, 1, 1);
      return DONE;
    };
  });

const clipByValue = kernel("ClipByValue", "CPU", { T: [...NUMBERS, "uint8", "int8", "uint16", "int16"] }, (node) => {
  const compute = wasmFunction(node, "clip", node.inputTypes[0]!);
  return (step) => {
    const [x, low, high] = [step.input(0), step.input(1), step.input(2)];
    const fits = ({ shape }: Tensor) => shape.length === 0 || sameShape(shape, x.shape);
    if (!fits(low) || !fits(high))
      throw new InvalidArgumentError(
        "clip_value_min and clip_value_max must be either of the same shape as input, or a scalar. " +
          `input shape: ${shapeString(x.shape)}clip_value_min shape: ${shapeString(low.shape)}` +
          `clip_value_max shape: ${shapeString(high.shape)}`,
      );
    const y = step.forwardOrAllocate(0, 0, x.shape);
    const step1 = (bound: Tensor) => Math.sign(bound.shape.length);
    if (x.size > 0) compute(x.ptr, low.ptr, high.ptr, y.ptr, x.size, step1(low), step1(high));
    return DONE;
  };
});

const approximateEqual = kernel("ApproximateEqual", "CPU", { T: FLOATS }, (node) => {
  const compute = wasmFunction(node, "approximate_equal", node.inputTypes[0]!);
  const tolerance = node.float("tolerance");
  return (step) => {
    const [a, b] = [step.input(0), step.input(1)];
    if (!sameShape(a.shape, b.shape))
      throw new InvalidArgumentError(
        `x and y must be of the same shape. x shape: ${shapeString(a.shape)}. y shape: ${shapeString(b.shape)}`,
      );
    const y = step.allocateOutput(0, a.shape);
    if (a.size > 0) compute(a.ptr, b.ptr, y.ptr, a.size, tolerance);
    return DONE;
  };
});

export const binaryKernels: readonly Kernel[] = [
  clipByValue,
  approximateEqual,
  ...["Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "FloorDiv", "TruncateDiv", "Div"].map((op) =>
    binary(op, ALL),
  ),
  ...["FloorMod"].map((op) => binary(op, ALL)),
  ...["SquaredDifference"].map((op) => binary(op, NUMBERS)),
  binary("Pow", [...NUMBERS, "int8", "int16", "uint8", "uint16", "uint32", "uint64"]),
  binary("RealDiv", FLOATS),
  ...["Mod", "TruncateMod"].map((op) => binary(op, NUMBERS)),
  ...["DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Atan2", "NextAfter", "Zeta", "Polygamma"].map((op) =>
    binary(op, FLOATS),
  ),
  ...GRADIENTS.map((op) => gradient(op, FLOATS, checkCounts)),
  ...[...ACTIVATION_GRADIENTS, "LeakyReluGrad"].map((op) => gradient(op, FLOATS, checkShapes)),
  ...["ReluGrad", "Relu6Grad"].map((op) => gradient(op, ALL, checkShapes)),
  ...["BitwiseAnd", "BitwiseOr", "BitwiseXor", "LeftShift", "RightShift"].map((op) =>
    binary(op, ["int32", "int64", ...SMALL]),
  ),
  ...["Less", "LessEqual", "Greater", "GreaterEqual"].map((op) => compare(op, ALL)),
  ...["Equal", "NotEqual"].map(equality),
  strings("Equal", (a, b) => a === b),
  strings("NotEqual", (a, b) => a !== b),
  ...["LogicalAnd", "LogicalOr"].map(logical),
];
