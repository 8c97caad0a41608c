// Elementwise ops of one input whose output has the input's shape.
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel, type Status } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { unaryCodes } from "./opcodes.js";

const FLOATS = ["float", "double"];
const INTS = ["int32", "int64"];
const SMALL = ["int8", "int16"];
const INTEGERS = ["int32", "int64", "int8", "int16", "uint8"];

const REALS = [...FLOATS, "half", "bfloat16"];

/** Half and bfloat16 go through f32, as they do in TensorFlow; `classify` gives booleans. */
function halfCall(node: KernelNode, code: number, classified: boolean) {
  const wasm = wasmOf(node);
  const half = node.inputTypes[0] === DataType.HALF;
  const widen = half ? wasm.half_to_f32 : wasm.bfloat16_to_f32;
  const narrow = half ? wasm.f32_to_half : wasm.f32_to_bfloat16;
  return (step: KernelStep): Status => {
    const x = step.input(0);
    const y = classified ? step.allocateOutput(0, x.shape) : step.forwardOrAllocate(0, 0, x.shape);
    if (x.size === 0) return DONE;
    const block = scratch(step, 4 * x.size);
    widen(x.ptr, block.ptr, x.size);
    if (classified) wasm.classify_f32(code, block.ptr, y.ptr, x.size);
    else {
      wasm.unary_f32(code, block.ptr, block.ptr, x.size);
      narrow(block.ptr, y.ptr, x.size);
    }
    block.release();
    return DONE;
  };
}

const isHalf = (node: KernelNode): boolean =>
  node.inputTypes[0] === DataType.HALF || node.inputTypes[0] === DataType.BFLOAT16;

/** Same dtype in and out: may write over its input. */
const unary = (op: string, types: readonly string[]): Kernel => {
  const code = unaryCodes[op]!;
  return kernel(op, "CPU", { T: types }, (node) => {
    if (isHalf(node)) return halfCall(node, code, false);
    const compute = wasmFunction(node, "unary", node.inputTypes[0]!);
    return (step) => {
      const x = step.input(0);
      const y = step.forwardOrAllocate(0, 0, x.shape);
      if (x.size > 0) compute(code, x.ptr, y.ptr, x.size);
      return DONE;
    };
  });
};

const FLOAT_OPS = [
  "Exp",
  "Log",
  "Tanh",
  "Sigmoid",
  "Sqrt",
  "Rsqrt",
  "Floor",
  "Ceil",
  "Rint",
  "Expm1",
  "Log1p",
  "Sin",
  "Cos",
  "Tan",
];
const RARE_OPS = [
  "Asin",
  "Acos",
  "Atan",
  "Sinh",
  "Cosh",
  "Asinh",
  "Acosh",
  "Atanh",
  "Elu",
  "Selu",
  "Softplus",
  "Softsign",
  "Erf",
  "Erfc",
  "Lgamma",
  "Digamma",
  "BesselI0e",
  "BesselI1e",
];

const classify = (op: string, code: number): Kernel =>
  kernel(op, "CPU", { T: REALS }, (node) => {
    if (isHalf(node)) return halfCall(node, code, true);
    const compute = wasmFunction(node, "classify", node.inputTypes[0]!);
    return (step) => {
      const x = step.input(0);
      const y = step.allocateOutput(0, x.shape);
      if (x.size > 0) compute(code, x.ptr, y.ptr, x.size);
      return DONE;
    };
  });

const leakyRelu = kernel("LeakyRelu", "CPU", { T: FLOATS }, (node) => {
  const compute = wasmFunction(node, "leaky_relu", node.inputTypes[0]!);
  const alpha = node.float("alpha");
  return (step) => {
    const x = step.input(0);
    const y = step.forwardOrAllocate(0, 0, x.shape);
    if (x.size > 0) compute(x.ptr, y.ptr, x.size, alpha);
    return DONE;
  };
});

const logicalNot = kernel("LogicalNot", "CPU", {}, (node) => {
  const wasm = wasmOf(node);
  return (step) => {
    const x = step.input(0);
    const y = step.forwardOrAllocate(0, 0, x.shape);
    if (x.size > 0) wasm.logical_not(x.ptr, y.ptr, x.size);
    return DONE;
  };
});

export const unaryKernels: readonly Kernel[] = [
  ...["Neg", "Abs", "Sign"].map((op) => unary(op, [...REALS, ...INTS, ...SMALL])),
  unary("Square", [...REALS, ...INTS]),
  ...[...FLOAT_OPS, ...RARE_OPS].map((op) => unary(op, REALS)),
  unary("Round", [...REALS, ...INTS]),
  ...["Reciprocal", "Inv"].map((op) => unary(op, [...REALS, ...INTS])),
  ...["Relu", "Relu6"].map((op) => unary(op, [...REALS, ...INTS, "uint8", ...SMALL])),
  leakyRelu,
  unary("Invert", INTEGERS),
  classify("IsNan", 0),
  classify("IsInf", 1),
  classify("IsFinite", 2),
  logicalNot,
];
