// Choosing between tensors, and adding them up.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { dtypeSize, partCount } from "../tensor/dtype.js";
import { type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { retainValue, type Tensor } from "../tensor/tensor.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { broadcastShape } from "./support/broadcast.js";
import { COMPLEX, partType } from "./support/complex.js";
import { readInt } from "./support/index-tensor.js";
import { allocateValues } from "./support/rows.js";
import { stridedCopy, stridesOf } from "./support/strided.js";
import { withTemporaries } from "./support/temporaries.js";

/** Strides that repeat `shape` into `target`. */
function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = stridesOf(shape);
  const pad = target.length - shape.length;
  return target.map((_, i) => (i < pad || shape[i - pad] === 1 ? 0 : strides[i - pad]!));
}

const selectV2 = kernel("SelectV2", "CPU", {}, (node) => {
  const size = dtypeSize(node.type("T"));
  const wasm = wasmOf(node);
  return (step) => {
    const inputs = [step.input(0), step.input(1), step.input(2)] as const;
    const [condition, a, b] = inputs;
    const ab = broadcastShape(a.shape, b.shape);
    const shape = ab === null ? null : broadcastShape(condition.shape, ab);
    if (shape === null) {
      throw new InvalidArgumentError(
        `condition ${shapeString(condition.shape)}, then ${shapeString(a.shape)}, and else ${shapeString(b.shape)} must be broadcastable`,
      );
    }
    if (size === 0) {
      const flags = step.heap.u8;
      const values = allocateValues(step, shape);
      const order = inputs.map((input) => positions(input.shape, shape));
      for (let i = 0; i < values.length; i++) {
        const taken = flags[condition.ptr + order[0]![i]!] !== 0;
        values[i] = taken ? a.values![order[1]![i]!]! : b.values![order[2]![i]!]!;
        retainValue(values[i]!);
      }
      step.setOutput(0, step.tensorOf(a.dtype, shape, values));
      return DONE;
    }
    const y = step.allocateOutput(0, shape);
    if (y.size === 0) return DONE;
    // What doesn't have the full shape is spread out first.
    return withTemporaries((keep) => {
      const spread = (input: Tensor, elementSize: number): number => {
        if (sameShape(input.shape, shape)) return input.ptr;
        const { ptr } = keep(scratch(step, y.size * elementSize));
        stridedCopy(step, wasm, elementSize, input.ptr, ptr, shape, broadcastStrides(input.shape, shape));
        return ptr;
      };
      wasm.select(spread(condition, 1), spread(a, size), spread(b, size), y.ptr, y.size, size);
      return DONE;
    });
  };
});

function positions(shape: Shape, target: Shape): number[] {
  const strides = broadcastStrides(shape, target);
  let list = [0];
  target.forEach((size, d) => {
    list = list.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * strides[d]!));
  });
  return list;
}

/** The older Select: the condition has the inputs' shape, is a scalar, or chooses rows. */
const select = kernel("Select", "CPU", {}, (node) => {
  const size = dtypeSize(node.type("T"));
  const wasm = wasmOf(node);
  return (step) => {
    const condition = step.input(0);
    const a = step.input(1);
    const b = step.input(2);
    const rows = condition.shape.length === 1 && a.shape.length !== 1;
    if (condition.shape.length > 0 && !rows) {
      for (const i of [1, 2]) {
        const { shape } = step.input(i);
        if (sameShape(condition.shape, shape)) continue;
        throw new InvalidArgumentError(
          `Inputs to operation ${step.nodeName} of type Select must have the same size and shape.  Input 0: ${shapeString(condition.shape)} != input ${i}: ${shapeString(shape)}`,
        );
      }
    }
    if (rows && a.shape.length === 0)
      throw new InvalidArgumentError(`'then' must be at least a vector, but saw shape: ${shapeString(a.shape)}`);
    if (rows && condition.size !== a.shape[0])
      throw new InvalidArgumentError(
        `Number of batches of 'then' must match size of 'cond', but saw: ${a.shape[0]} vs. ${condition.size}`,
      );
    if (!sameShape(a.shape, b.shape)) {
      throw new InvalidArgumentError(
        `'then' and 'else' must have the same size.  but received: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`,
      );
    }
    if (condition.shape.length === 0) {
      step.forwardInput(step.heap.u8[condition.ptr] !== 0 ? 1 : 2, 0);
      return DONE;
    }
    if (a.values !== null) {
      const width = a.size / Math.max(condition.size, 1);
      const values = a.values.map((value, i) =>
        step.heap.u8[condition.ptr + Math.floor(i / width)] !== 0 ? value : b.values![i]!,
      );
      for (const value of values) retainValue(value);
      step.setOutput(0, step.tensorOf(a.dtype, a.shape, values));
      return DONE;
    }
    const y = step.allocateOutput(0, a.shape);
    if (y.size > 0) wasm.select(condition.ptr, a.ptr, b.ptr, y.ptr, condition.size, (y.size / condition.size) * size);
    return DONE;
  };
});

const INTS = ["int32", "int64", "uint8", "int8", "uint16", "int16", "uint32", "uint64"];
const ADDABLE = ["float", "double", ...INTS, ...COMPLEX];

/** The sum of any number of tensors of one shape. */
const addN = kernel("AddN", "CPU", { T: ADDABLE }, (node) => {
  const dtype = node.inputTypes[0]!;
  const add = wasmFunction(node, "binary", partType(dtype));
  const count = node.inputTypes.length;
  return (step) => {
    const first = step.input(0);
    for (let i = 1; i < count; i++) {
      if (!sameShape(first.shape, step.input(i).shape)) {
        throw new InvalidArgumentError(
          `Inputs to operation ${step.nodeName} of type AddN must have the same size and shape.  Input 0: ${shapeString(first.shape)} != input ${i}: ${shapeString(step.input(i).shape)}`,
        );
      }
    }
    if (count === 1) {
      step.forwardInput(0, 0);
      return DONE;
    }
    const others = Array.from({ length: count - 1 }, (_, i) => step.input(i + 1).ptr);
    const from = first.ptr;
    const y = step.forwardOrAllocate(0, 0, first.shape);
    if (y.size === 0) return DONE;
    const size = y.size * partCount(dtype);
    add(0, from, others[0]!, y.ptr, 1, size, 0, 0, 1, 1);
    for (const other of others.slice(1)) add(0, y.ptr, other, y.ptr, 1, size, 0, 0, 1, 1);
    return DONE;
  };
});

/** Passes on the reference that a number names. */
const refSelect = kernel("RefSelect", "CPU", {}, (node) => {
  const [, count] = node.inputRange("inputs");
  return (step) => {
    const index = step.input(0);
    if (index.shape.length > 0)
      throw new InvalidArgumentError(`Index must be a scalar, but it has shape ${shapeString(index.shape)}`);
    const at = readInt(step.heap, index);
    if (at < 0 || at >= count) throw new InvalidArgumentError(`Index must be in the range [0, ${count}) but got ${at}`);
    step.setOutputRef(0, step.inputRef(at + 1));
    return DONE;
  };
});

export const selectKernels: readonly Kernel[] = [selectV2, select, addN, refSelect];
