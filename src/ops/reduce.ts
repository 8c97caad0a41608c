// Reductions over any set of axes, arg-min and arg-max, running sums. Axes are merged; what isn't already
// [outer, reduce, inner] is transposed first.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeSize, isComplex, partCount } from "../tensor/dtype.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import { type WasmFunction, wasmFunction, wasmOf } from "./cpu.js";
import { reduceCodes, unaryCodes } from "./opcodes.js";
import { COMPLEX, multiplyInto, partsOf, partType } from "./support/complex.js";
import { normalizeAxis, readInt, readInts } from "./support/index-tensor.js";
import { stridedCopy, stridesOf } from "./support/strided.js";

const WHOLE = ["int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64"];
const NUMBERS = ["float", "double", ...WHOLE];

/** Which axes go, and what stays. */
function plan(shape: Shape, axes: readonly number[], keepDims: boolean) {
  const reduced = new Array<boolean>(shape.length).fill(false);
  for (const axis of axes) {
    const index = normalizeAxis(
      axis,
      shape.length,
      () => `Invalid reduction dimension (${axis} for input with ${shape.length} dimension(s)`,
    );
    if (reduced[index])
      throw new InvalidArgumentError(`Invalid reduction arguments: Axes contains duplicate dimension: ${index}`);
    reduced[index] = true;
  }
  const result = shape.filter((_, i) => keepDims || !reduced[i]).map((size) => size);
  if (keepDims) for (let i = 0; i < shape.length; i++) if (reduced[i]) result[i] = 1;
  // Runs of axes that are alike, ones left out.
  const runs: { size: number; reduced: boolean }[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const last = runs[runs.length - 1];
    if (last !== undefined && last.reduced === reduced[i]) last.size *= size;
    else runs.push({ size, reduced: reduced[i]! });
  });
  return { result, runs };
}

type Reduce = (code: number, x: number, y: number, outer: number, n: number, inner: number) => void;

/** Numbers in [outer, n, inner] to [outer, inner]. */
function reducer(node: KernelNode, op: string, dtype: DataType): Reduce {
  if (dtype === DataType.BOOL) return wasmOf(node).reduce_bool;
  if (!isComplex(dtype)) return wasmFunction(node, "reduce", dtype);
  if (op === "Prod") return complexProduct(node, dtype);
  const compute = wasmFunction(node, "reduce", partType(dtype));
  // The mean of nothing is zero here, and only here.
  return (code, x, y, outer, n, inner) => compute(n === 0 ? reduceCodes.Sum! : code, x, y, outer, n, 2 * inner);
}

function complexProduct({ device }: KernelNode, dtype: DataType): Reduce {
  return (_code, x, y, outer, n, inner) => {
    const { view, base: from } = partsOf(device.heap, { dtype, ptr: x });
    const to = partsOf(device.heap, { dtype, ptr: y }).base;
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = to + 2 * (o * inner + i);
        view[at] = 1;
        view[at + 1] = 0;
        for (let k = 0; k < n; k++) multiplyInto(view, at, from + 2 * ((o * n + k) * inner + i));
      }
  };
}

const reduction = (op: string, types: Record<string, readonly string[]>): Kernel =>
  kernel(op, "CPU", types, (node) => {
    const dtype = node.inputTypes[0]!;
    const compute = reducer(node, op, dtype);
    const code = reduceCodes[op]!;
    const keepDims = node.bool("keep_dims");
    const wasm = wasmOf(node);
    const absolute = op === "EuclideanNorm" ? wasmFunction(node, "unary", dtype) : null;
    return (step) => {
      const x = step.input(0);
      const { result, runs } = plan(x.shape, readInts(step.heap, step.input(1)), keepDims);
      if (!runs.some((run) => run.reduced) && x.size > 0) {
        if (absolute === null) step.setOutput(0, x.share(result));
        else absolute(unaryCodes.Abs!, x.ptr, step.allocateOutput(0, result).ptr, x.size);
        return DONE;
      }
      const y = step.allocateOutput(0, result);
      if (y.size === 0) return DONE;
      const total = (reduced: boolean) =>
        runs.filter((run) => run.reduced === reduced).reduce((n, run) => n * run.size, 1);
      if (runs.length <= 3 && !(runs.length === 3 && runs[0]!.reduced)) {
        const at = runs.findIndex((run) => run.reduced);
        const size = (list: typeof runs) => list.reduce((n, run) => n * run.size, 1);
        compute(code, x.ptr, y.ptr, size(runs.slice(0, at)), runs[at]!.size, size(runs.slice(at + 1)));
        return DONE;
      }
      // Kept axes first, reduced ones last.
      const sizes = runs.map((run) => run.size);
      const strides = stridesOf(sizes);
      const order = [...runs.keys()].sort((i, j) => Number(runs[i]!.reduced) - Number(runs[j]!.reduced) || i - j);
      const moved = step.allocate(x.dtype, [x.size]);
      stridedCopy(
        step,
        wasm,
        dtypeSize(dtype),
        x.ptr,
        moved.ptr,
        order.map((i) => sizes[i]!),
        order.map((i) => strides[i]!),
      );
      compute(code, moved.ptr, y.ptr, total(false), total(true), 1);
      moved.release();
      return DONE;
    };
  });

const argument = (op: string, smallest: number): Kernel =>
  kernel(op, "CPU", { T: [...NUMBERS, "bool"] }, (node) => {
    const compute = wasmFunction(node, "arg", node.inputTypes[0]!);
    const narrow = node.outputTypes[0] === DataType.INT32;
    return (step) => {
      const x = step.input(0);
      const rank = x.shape.length;
      const dimension = step.input(1).shape;
      if (dimension.length > 0)
        throw new InvalidArgumentError(`dim must be a scalar, but received tensor of shape: ${shapeString(dimension)}`);
      const axis = normalizeAxis(
        readInt(step.heap, step.input(1)),
        rank,
        (a, r) => `Expected dimension in the range [${-r}, ${r}), but got ${a}`,
      );
      const n = x.shape[axis]!;
      if (n === 0)
        throw new InvalidArgumentError(
          `Reduction axis ${readInt(step.heap, step.input(1))} is empty in shape ${shapeString(x.shape)}`,
        );
      const outer = numElements(x.shape.slice(0, axis));
      const inner = numElements(x.shape.slice(axis + 1));
      const shape = x.shape.filter((_, i) => i !== axis);
      if (!narrow) {
        const y = step.allocateOutput(0, shape);
        if (y.size > 0) compute(smallest, x.ptr, y.ptr, outer, n, inner);
        return DONE;
      }
      const y = step.allocateOutput(0, shape);
      const wide = step.allocate(DataType.INT64, shape);
      if (wide.size > 0) compute(smallest, x.ptr, wide.ptr, outer, n, inner);
      for (let i = 0; i < y.size; i++) step.heap.i32[(y.ptr >>> 2) + i] = Number(step.heap.i64[wide.ptr / 8 + i]!);
      wide.release();
      return DONE;
    };
  });

/** Along an axis, each element's product with all before it, or after it. */
function complexRunning({ device }: KernelNode, dtype: DataType): WasmFunction {
  return (_product, x, y, outer, n, parts, exclusive, reverse) => {
    const inner = parts! / 2;
    const { view, base: from } = partsOf(device.heap, { dtype, ptr: x! });
    const to = partsOf(device.heap, { dtype, ptr: y! }).base;
    const place = (o: number, k: number, i: number) => 2 * ((o * n! + (reverse ? n! - 1 - k : k)) * inner + i);
    for (let o = 0; o < outer!; o++)
      for (let i = 0; i < inner; i++)
        for (let k = 0; k < n!; k++) {
          const at = to + place(o, k, i);
          view[at] = k === 0 ? 1 : view[to + place(o, k - 1, i)]!;
          view[at + 1] = k === 0 ? 0 : view[to + place(o, k - 1, i) + 1]!;
          if (exclusive && k > 0) multiplyInto(view, at, from + place(o, k - 1, i));
          if (!exclusive) multiplyInto(view, at, from + place(o, k, i));
        }
    return 0;
  };
}

const running = (op: string, product: number): Kernel =>
  kernel(op, "CPU", { T: [...NUMBERS, ...COMPLEX] }, (node) => {
    const dtype = node.inputTypes[0]!;
    const parts = partCount(dtype);
    const compute =
      product === 1 && parts === 2 ? complexRunning(node, dtype) : wasmFunction(node, "scan", partType(dtype));
    const exclusive = Number(node.bool("exclusive"));
    const reverse = Number(node.bool("reverse"));
    return (step: KernelStep) => {
      const x = step.input(0);
      const given = step.input(1);
      if (given.shape.length > 0)
        throw new InvalidArgumentError(`ScanOp: axis must be a scalar, not ${shapeString(given.shape)}`);
      // TensorFlow names the axis after it has counted it from the end.
      const axis = normalizeAxis(
        readInt(step.heap, given),
        x.shape.length,
        (a, r) => `ScanOp: Expected scan axis in the range [${-r}, ${r}), but got ${a < 0 ? a + r : a}`,
      );
      const y = step.allocateOutput(0, x.shape);
      if (y.size > 0) {
        const outer = numElements(x.shape.slice(0, axis));
        const inner = numElements(x.shape.slice(axis + 1)) * parts;
        compute(product, x.ptr, y.ptr, outer, x.shape[axis]!, inner, exclusive, reverse);
      }
      return DONE;
    };
  });

const l2Loss = kernel("L2Loss", "CPU", { T: ["float", "double"] }, (node) => {
  const compute = wasmFunction(node, "reduce", node.inputTypes[0]!);
  const double = node.inputTypes[0] === DataType.DOUBLE;
  return (step) => {
    const x = step.input(0);
    const y = step.allocateOutput(0, []);
    compute(reduceCodes.L2Loss!, x.ptr, y.ptr, 1, x.size, 1);
    if (double) step.heap.f64[y.ptr / 8]! /= 2;
    else step.heap.f32[y.ptr >>> 2]! /= 2;
    return DONE;
  };
});

export const reduceKernels: readonly Kernel[] = [
  ...["Sum", "Prod", "Mean"].map((op) => reduction(op, { T: [...NUMBERS, ...COMPLEX] })),
  ...["Max", "Min"].map((op) => reduction(op, { T: NUMBERS })),
  reduction("EuclideanNorm", { T: NUMBERS }),
  ...["Any", "All"].map((op) => reduction(op, {})),
  argument("ArgMax", 0),
  argument("ArgMin", 1),
  running("Cumsum", 0),
  running("Cumprod", 1),
  l2Loss,
];
