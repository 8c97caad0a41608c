// Checks and messages: Assert, CheckNumerics, Print.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { summarize } from "../tensor/summarize.js";

const assertOp = kernel("Assert", "CPU", {}, (node) => {
  const count = node.inputTypes.length;
  const most = node.int("summarize");
  return (step) => {
    const condition = step.input(0);
    if (condition.shape.length > 0)
      throw new InvalidArgumentError(`In[0] should be a scalar: [${condition.shape.join(",")}]`);
    if (step.heap.u8[condition.ptr] !== 0) return DONE;
    const data = Array.from({ length: count - 1 }, (_, i) => `[${summarize(step.input(i + 1), step.heap, most)}]`);
    throw new InvalidArgumentError(`assertion failed: ${data.join(" ")}`);
  };
});

/** Whether a float tensor has NaN, +∞ or −∞. */
function scan(step: KernelStep, index: number): { nan: boolean; positive: boolean; negative: boolean } {
  const x = step.input(index);
  const { f32, f64 } = step.heap;
  const found = { nan: false, positive: false, negative: false };
  for (let i = 0; i < x.size; i++) {
    const value = x.dtype === DataType.DOUBLE ? f64[x.ptr / 8 + i]! : f32[(x.ptr >>> 2) + i]!;
    if (value - value === 0) continue;
    if (value > 0) found.positive = true;
    else if (value < 0) found.negative = true;
    else found.nan = true;
  }
  return found;
}

/** V2 tells the infinities apart. */
const checkNumerics = (op: string, signed: boolean): Kernel =>
  kernel(op, "CPU", { T: ["float", "double"] }, (node) => {
    const message = node.string("message");
    return (step) => {
      const { nan, positive, negative } = scan(step, 0);
      if (!nan && !positive && !negative) {
        step.forwardInput(0, 0);
        return DONE;
      }
      const infinities = signed ? [negative && "-Inf", positive && "+Inf"] : [(negative || positive) && "Inf"];
      const words = [...infinities, nan && "NaN"].filter((word) => word !== false);
      const list =
        words.length > 1
          ? `${words.slice(0, -1).join(", ")}${words.length > 2 ? "," : ""} and ${words.at(-1)}`
          : words[0];
      throw new InvalidArgumentError(`${message} : Tensor had ${list} values`);
    };
  });

/** Passes its first input on and tells the log about the rest. */
const print = kernel("Print", "CPU", {}, (node) => {
  const message = node.string("message");
  const first = node.int("first_n");
  const most = node.int("summarize");
  const count = node.inputTypes.length;
  let printed = 0;
  return (step) => {
    if (first < 0 || printed < first) {
      printed++;
      const data = Array.from({ length: count - 1 }, (_, i) => `[${summarize(step.input(i + 1), step.heap, most)}]`);
      step.log(`${message}${data.join("")}`);
    }
    step.forwardInput(0, 0);
    return DONE;
  };
});

const decoder = new TextDecoder();

const printV2 = kernel("PrintV2", "CPU", {}, (node) => {
  const end = node.string("end");
  return (step) => {
    const text = decoder.decode(step.input(0).values![0] as Uint8Array);
    step.log(`${text}${end === "\n" ? "" : end}`);
    return DONE;
  };
});

/** Python functions live in the process that made the graph: a server finds none, as TensorFlow's finds none of another's. */
const pythonCall = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const token = node.string("token");
    return () => {
      throw new InvalidArgumentError(`ValueError: Could not find callback with key=${token} in the registry.`);
    };
  });

export const miscKernels: readonly Kernel[] = [
  ...["PyFunc", "PyFuncStateless", "EagerPyFunc"].map(pythonCall),
  assertOp,
  checkNumerics("CheckNumerics", false),
  checkNumerics("CheckNumericsV2", true),
  print,
  printV2,
];
