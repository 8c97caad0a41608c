// Elementwise ops of one input whose output has the input's shape.
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { wasmFunction } from "./cpu.js";

const FLOATS = ["float", "double"];
const NUMBERS = [...FLOATS, "int32", "int64"];

/** Same dtype in and out: may write over its input. `symbol` is the WebAssembly export without its dtype. */
const unary = (op: string, symbol: string, types: readonly string[]): Kernel =>
  kernel(op, "CPU", { T: types }, (node) => {
    const compute = wasmFunction(node, symbol, node.inputTypes[0]!);
    return (step) => {
      const x = step.input(0);
      const y = step.forwardOrAllocate(0, 0, x.shape);
      compute(x.ptr, y.ptr, x.size);
      return DONE;
    };
  });

export const unaryKernels: readonly Kernel[] = [
  unary("Neg", "neg", NUMBERS),
  unary("Square", "square", NUMBERS),
  unary("Tanh", "tanh", FLOATS),
];
