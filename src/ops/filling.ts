// Ops that make tensors of a few values: fills, blanks, zeros and ones, one-hot rows, ranges.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import { retainValue, type Tensor } from "../tensor/tensor.js";
import { wasmOf } from "./cpu.js";
import { elementsOf } from "./support/elements.js";
import { readFloat, readInt, readInts } from "./support/index-tensor.js";
import { allocateValues, copyBytes } from "./support/rows.js";
import { zerosOf } from "./variant-math.js";

/** Old graphs give scalars as vectors of one. */
const isLegacyScalar = (shape: Shape): boolean => shape.length === 0 || (shape.length === 1 && shape[0] === 1);

const fill = kernel("Fill", "CPU", {}, (node) => (step) => {
  const given = step.input(0);
  if (given.shape.length > 1)
    throw new InvalidArgumentError(`dims must represent a vector, got shape ${shapeString(given.shape)}`);
  const dims = readInts(step.heap, given);
  if (dims.some((dim) => dim < 0))
    throw new InvalidArgumentError(`Dimension ${dims.find((dim) => dim < 0)} must be >= 0`);
  const value = step.input(1);
  if (!isLegacyScalar(value.shape))
    throw new InvalidArgumentError(`value must represent a scalar, got shape ${shapeString(value.shape)}`);
  if (value.values !== null) {
    const values = allocateValues(step, dims, value.values[0]!);
    for (const element of values) retainValue(element);
    step.setOutput(0, step.tensorOf(value.dtype, dims, values));
    return DONE;
  }
  const y = step.allocateOutput(0, dims);
  wasmOf(node).fill(dtypeSize(value.dtype), value.ptr, y.ptr, y.size);
  return DONE;
});

/** Zeros or blanks, asked for or not: what somebody else left in the memory is nobody's business. */
const empty = kernel("Empty", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  return (step) => {
    const given = step.input(0);
    if (given.shape.length !== 1)
      throw new InvalidArgumentError(`shape must be a vector of int32, got shape ${shapeString(given.shape)}`);
    const dims = readInts(step.heap, given);
    const negative = dims.find((dim) => dim < 0);
    if (negative !== undefined) throw new InvalidArgumentError(`Dimension ${negative} must be >= 0`);
    if (dtype === DataType.STRING) {
      step.setOutput(0, step.tensorOf(dtype, dims, allocateValues(step, dims, new Uint8Array(0))));
      return DONE;
    }
    const y = step.allocateOutput(0, dims);
    step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
    return DONE;
  };
});

const like = (op: string, one: number): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const scalar = node.tensorOf(node.outputTypes[0]!, one);
    return (step) => {
      const x = step.input(0);
      if (x.dtype === DataType.VARIANT) {
        if (x.shape.length > 0)
          throw new InvalidArgumentError(`${op} non-scalar Tensor with dtype=DT_VARIANT is not supported.`);
        step.setOutput(0, step.tensorOf(x.dtype, x.shape, [zerosOf(step, x.values![0]!)]));
        return DONE;
      }
      if (x.values !== null) {
        step.setOutput(
          0,
          step.tensorOf(
            x.dtype,
            x.shape,
            x.values.map(() => new Uint8Array(0)),
          ),
        );
        return DONE;
      }
      const y = step.forwardOrAllocate(0, 0, x.shape);
      if (y.size > 0) wasmOf(node).fill(dtypeSize(x.dtype), scalar.ptr, y.ptr, y.size);
      return DONE;
    };
  });

const oneHot = kernel("OneHot", "CPU", {}, (node) => {
  const size = dtypeSize(node.type("T"));
  const given = node.int("axis");
  return (step) => {
    const indices = step.input(0);
    const depthInput = step.input(1);
    if (depthInput.shape.length > 0)
      throw new InvalidArgumentError(`depth must be a scalar, but got: ${shapeString(depthInput.shape)}`);
    const depth = readInt(step.heap, depthInput);
    if (depth < 0) throw new InvalidArgumentError(`depth must be non-negative, got: ${depth}`);
    const axis = given === -1 ? indices.shape.length : given;
    const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
    const on = step.input(2);
    const off = step.input(3);
    const inner = numElements(indices.shape.slice(axis));
    const forEachOn = (visit: (at: number) => void): void => {
      const { u8 } = step.heap;
      const flat =
        indices.dtype === DataType.UINT8
          ? u8.subarray(indices.ptr, indices.ptr + indices.size)
          : readInts(step.heap, indices);
      flat.forEach((index, i) => {
        if (index >= 0 && index < depth) visit((Math.floor(i / inner) * depth + index) * inner + (i % inner));
      });
    };
    if (on.values !== null) {
      const values = allocateValues(step, shape, off.values![0]!);
      forEachOn((at) => {
        values[at] = on.values![0]!;
      });
      for (const value of values) retainValue(value);
      step.setOutput(0, step.tensorOf(on.dtype, shape, values));
      return DONE;
    }
    const y = step.allocateOutput(0, shape);
    if (y.size === 0) return DONE;
    wasmOf(node).fill(size, off.ptr, y.ptr, y.size);
    const { u8 } = step.heap;
    forEachOn((at) => u8.copyWithin(y.ptr + at * size, on.ptr, on.ptr + size));
    return DONE;
  };
});

const range = kernel("Range", "CPU", { Tidx: ["float", "double", "int32", "int64"] }, (node) => {
  const zero = (node.type("Tidx") === DataType.INT64 ? 0n : 0) as number;
  return (step) => {
    const read = (i: number): number => {
      const { view, base } = elementsOf(step.heap, step.input(i));
      return view[base]!;
    };
    ["start", "limit", "delta"].forEach((name, i) => {
      const { shape } = step.input(i);
      if (!isLegacyScalar(shape))
        throw new InvalidArgumentError(`${name} must be a scalar, not shape ${shapeString(shape)}`);
    });
    const [start, limit, delta] = [read(0), read(1), read(2)];
    if (delta === zero) throw new InvalidArgumentError("Requires delta != 0: 0");
    if (delta > 0 && !(start <= limit))
      throw new InvalidArgumentError(`Requires start <= limit when delta > 0: ${start}/${limit}`);
    if (!(delta > 0) && !(start >= limit))
      throw new InvalidArgumentError(`Requires start >= limit when delta < 0: ${start}/${limit}`);
    const count = stepsBetween(start, limit, delta);
    if (!(count <= Number.MAX_SAFE_INTEGER)) {
      throw new InvalidArgumentError("Requires ((limit - start) / delta) <= std::numeric_limits<int64_t>::max()");
    }
    emitSteps(step, step.allocateOutput(0, [count]), start, delta);
    return DONE;
  };
});

/** Numbers or BigInts: what int64 holds isn't always a number. */
function stepsBetween(start: number | bigint, limit: number | bigint, delta: number | bigint): number {
  if (typeof start === "number") return Math.ceil(Math.abs((Number(limit) - start) / Number(delta)));
  const [span, by] = [BigInt(limit) - start, BigInt(delta)];
  return Number((span + by - (by > 0n ? 1n : -1n)) / by);
}

/** Element i is start + i · delta, each product and sum rounded to the dtype. */
function emitSteps(step: KernelStep, y: Tensor, start: number, delta: number): void {
  const { view, base } = elementsOf(step.heap, y);
  if (y.dtype === DataType.INT64) {
    // BigInts, which are typed as numbers here.
    for (let i = 0, next = start; i < y.size; i++, next += delta) view[base + i] = next;
    return;
  }
  const round = y.dtype === DataType.FLOAT ? Math.fround : (value: number) => value;
  for (let i = 0; i < y.size; i++) view[base + i] = start + round(i * delta);
}

const linSpace = kernel("LinSpace", "CPU", { T: ["float", "double"] }, (node) => {
  const round = node.type("T") === DataType.FLOAT ? Math.fround : (value: number) => value;
  return (step) => {
    ["start", "stop", "num"].forEach((name, i) => {
      const { shape } = step.input(i);
      if (shape.length > 0) throw new InvalidArgumentError(`${name} must be a scalar, not shape ${shapeString(shape)}`);
    });
    const [start, stop] = [readFloat(step.heap, step.input(0)), readFloat(step.heap, step.input(1))];
    const num = readInt(step.heap, step.input(2));
    if (num <= 0) throw new InvalidArgumentError(`Requires num > 0: ${num}`);
    const y = step.allocateOutput(0, [num]);
    emitSteps(step, y, start, num > 1 ? round(round(stop - start) / (num - 1)) : 0);
    if (num > 1) copyBytes(step.heap, step.input(1).ptr, y.ptr + (num - 1) * dtypeSize(y.dtype), dtypeSize(y.dtype));
    return DONE;
  };
});

export const fillingKernels: readonly Kernel[] = [
  fill,
  empty,
  like("ZerosLike", 0),
  like("OnesLike", 1),
  oneHot,
  range,
  linSpace,
];
