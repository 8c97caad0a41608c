// Elementwise ops of one input whose output has the input's shape.
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { unaryCodes } from "./opcodes.js";

const FLOATS = ["float", "double"];
const INTS = ["int32", "int64"];
const SMALL = ["int8", "int16"];
const INTEGERS = [...INTS, ...SMALL, "uint8", "uint16", "uint32", "uint64"];

/** Same dtype in and out: may write over its input. */
const unary = (op: string, types: readonly string[]): Kernel => {
  const code = unaryCodes[op]!;
  return kernel(op, "CPU", { T: types }, (node) => {
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
  "Erfinv",
  "Ndtri",
];

const classify = (op: string, code: number): Kernel =>
  kernel(op, "CPU", { T: FLOATS }, (node) => {
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
  ...["Neg", "Abs", "Sign"].map((op) => unary(op, [...FLOATS, ...INTS, ...SMALL])),
  unary("Square", [...FLOATS, ...INTEGERS]),
  ...[...FLOAT_OPS, ...RARE_OPS].map((op) => unary(op, FLOATS)),
  unary("Round", [...FLOATS, ...INTS]),
  ...["Reciprocal", "Inv"].map((op) => unary(op, [...FLOATS, ...INTS])),
  ...["Relu", "Relu6"].map((op) => unary(op, [...FLOATS, ...INTEGERS])),
  leakyRelu,
  unary("Invert", INTEGERS),
  classify("IsNan", 0),
  classify("IsInf", 1),
  classify("IsFinite", 2),
  logicalNot,
];
