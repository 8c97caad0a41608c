// Slices with strides and masks, gathering by index, padding.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { type DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { normalizeAxis, readInt, readInts } from "./support/index-tensor.js";
import { emitRows } from "./support/rows.js";
import { stridesOf } from "./support/strided.js";
import { emitInto, emitView } from "./support/views.js";

interface StridedView {
  /** Shape of the result. */
  readonly shape: Shape;
  /** Shape before new axes came and shrunk ones went. */
  readonly sizes: Shape;
  readonly offset: number;
  readonly strides: readonly number[];
}

export interface Masks {
  readonly begin: number;
  readonly end: number;
  readonly ellipsis: number;
  readonly newAxis: number;
  readonly shrink: number;
}

export const masksOf = (node: KernelNode): Masks => ({
  begin: node.int("begin_mask"),
  end: node.int("end_mask"),
  ellipsis: node.int("ellipsis_mask"),
  newAxis: node.int("new_axis_mask"),
  shrink: node.int("shrink_axis_mask"),
});

/** Python's slicing, as StridedSlice spells it. */
export function stridedView(
  shape: Shape,
  begins: readonly number[],
  ends: readonly number[],
  steps: readonly number[],
  masks: Masks,
): StridedView {
  const count = begins.length;
  if (ends.length !== count || steps.length !== count) {
    throw new InvalidArgumentError(
      `Expected begin, end, and strides to be 1D equal size tensors, but got shapes [${count}], [${ends.length}], and [${steps.length}] instead.`,
    );
  }
  const dense = stridesOf(shape);
  const sizes: number[] = [];
  const strides: number[] = [];
  const result: number[] = [];
  let offset = 0;
  let axis = 0;
  const bit = (mask: number, i: number) => (mask & (1 << i)) !== 0;
  const whole = () => {
    sizes.push(shape[axis]!);
    strides.push(dense[axis]!);
    result.push(shape[axis]!);
    axis++;
  };
  if ((masks.ellipsis & (masks.ellipsis - 1)) !== 0)
    throw new InvalidArgumentError("Multiple ellipses in slice spec not allowed");
  for (let i = 0; i < count; i++) {
    if (bit(masks.ellipsis, i)) {
      let later = 0;
      for (let j = i + 1; j < count; j++) if (!bit(masks.newAxis, j)) later++;
      while (axis < shape.length - later) whole();
      continue;
    }
    if (bit(masks.newAxis, i)) {
      result.push(1);
      continue;
    }
    if (shape.length === 0) throw new InvalidArgumentError("Attempting to slice scalar input.");
    if (axis >= shape.length)
      throw new InvalidArgumentError(`Index out of range using input dim ${axis}; input has only ${shape.length} dims`);
    const dim = shape[axis]!;
    const stepBy = steps[i]!;
    if (stepBy === 0) throw new InvalidArgumentError(`strides[${i}] must be non-zero`);
    if (bit(masks.shrink, i)) {
      const at = begins[i]! < 0 ? begins[i]! + dim : begins[i]!;
      if (stepBy < 0) throw new InvalidArgumentError("only stride 1 allowed on non-range indexing.");
      if (at < 0 || at >= dim) throw new InvalidArgumentError(`slice index ${at} of dimension ${axis} out of bounds.`);
      offset += at * dense[axis]!;
      axis++;
      continue;
    }
    const clamp = (value: number, low: number, high: number) =>
      Math.min(Math.max(value < 0 ? value + dim : value, low), high);
    const forward = stepBy > 0;
    const from = bit(masks.begin, i)
      ? forward
        ? 0
        : dim - 1
      : clamp(begins[i]!, forward ? 0 : -1, forward ? dim : dim - 1);
    const to = bit(masks.end, i) ? (forward ? dim : -1) : clamp(ends[i]!, forward ? 0 : -1, forward ? dim : dim - 1);
    const length = Math.max(0, Math.ceil((to - from) / stepBy));
    if (length > 0) offset += from * dense[axis]!;
    sizes.push(length);
    strides.push(dense[axis]! * stepBy);
    result.push(length);
    axis++;
  }
  while (axis < shape.length) whole();
  return { shape: result, sizes, offset, strides };
}

const stridedSlice = kernel("StridedSlice", "CPU", {}, (node) => {
  const masks = masksOf(node);
  return (step) => {
    const x = step.input(0);
    const { heap } = step;
    const view = stridedView(
      x.shape,
      readInts(heap, step.input(1)),
      readInts(heap, step.input(2)),
      readInts(heap, step.input(3)),
      masks,
    );
    emitView(node, step, x, view.offset, view.sizes, view.strides, view.shape);
    return DONE;
  };
});

const stridedSliceGrad = kernel("StridedSliceGrad", "CPU", {}, (node) => {
  const masks = masksOf(node);
  return (step) => {
    const { heap } = step;
    const shape = readInts(heap, step.input(0));
    const view = stridedView(
      shape,
      readInts(heap, step.input(1)),
      readInts(heap, step.input(2)),
      readInts(heap, step.input(3)),
      masks,
    );
    const dy = step.input(4);
    if (!sameShape(dy.shape, view.shape)) {
      throw new InvalidArgumentError(`shape of dy was ${shapeString(dy.shape)} instead of ${shapeString(view.shape)}`);
    }
    emitInto(node, step, dy, shape, view.offset, view.strides, view.sizes);
    return DONE;
  };
});

/** @param paramsOf finds what is gathered from: an input, or the value of a variable */
export const gather = (
  op: string,
  hasAxis: boolean,
  paramsOf: (step: KernelStep, dtype: DataType) => Tensor = (step) => step.input(0),
): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const type = node.type(node.has("Tparams") ? "Tparams" : "dtype");
    const compute = wasmFunction(node, "gather", node.type("Tindices"));
    const size = dtypeSize(type);
    const batchDims = node.has("batch_dims") ? node.int("batch_dims") : 0;
    return (step) => {
      const x = paramsOf(step, type);
      const indices = step.input(1);
      if (hasAxis && step.input(2).shape.length > 0) throw new InvalidArgumentError("axis must be scalar");
      const axisGiven = hasAxis ? readInt(step.heap, step.input(2)) : 0;
      if (x.shape.length < 1) throw new InvalidArgumentError("params must be at least 1 dimensional");
      const rank = x.shape.length;
      // TensorFlow finds a wrong axis while it infers the shape.
      const axis = normalizeAxis(
        axisGiven,
        rank,
        (a, r) => `Shape must be at least rank ${a < 0 ? -a : a + 1} but is rank ${r}`,
      );
      const most = indices.shape.length;
      if (batchDims !== 0 && (batchDims < -most || batchDims > most))
        throw new InvalidArgumentError(`Expected batch_dims in the range [${-most}, ${most}], but got ${batchDims}`);
      const batch = batchDims < 0 ? batchDims + most : batchDims;
      if (batch >= rank)
        throw new InvalidArgumentError(`batch_dims (${batch}) must be less than rank(params) (${rank}).`);
      if (batch > axis)
        throw new InvalidArgumentError(`batch_dims (${batch}) must be less than or equal to axis (${axis}).`);
      for (let d = 0; d < batch; d++)
        if (x.shape[d] !== indices.shape[d])
          throw new InvalidArgumentError(
            `params.shape[${d}]: ${x.shape[d]} should be equal to indices.shape[${d}]: ${indices.shape[d]}`,
          );
      const shape = [...x.shape.slice(0, axis), ...indices.shape.slice(batch), ...x.shape.slice(axis + 1)];
      const batches = numElements(x.shape.slice(0, batch));
      const outer = numElements(x.shape.slice(batch, axis));
      const limit = x.shape[axis]!;
      const inner = numElements(x.shape.slice(axis + 1));
      const count = indices.size / Math.max(batches, 1);
      const bad = (at: number) => {
        const flat = readInts(step.heap, indices);
        const place = indices.shape.length === 0 ? "" : `[${unravel(at, indices.shape).join(",")}]`;
        return new InvalidArgumentError(`indices${place} = ${flat[at]} is not in [0, ${limit})`);
      };
      if (x.values !== null) {
        const flat = readInts(step.heap, indices);
        const rows: number[] = [];
        for (let b = 0; b < batches; b++)
          for (let o = 0; o < outer; o++)
            for (let i = b * count; i < (b + 1) * count; i++) {
              if (flat[i]! < 0 || flat[i]! >= limit) throw bad(i);
              rows.push((b * outer + o) * limit + flat[i]!);
            }
        emitRows(step, 0, x, shape, inner, rows);
        return DONE;
      }
      const y = step.allocateOutput(0, shape);
      if (y.size === 0) return DONE;
      const indexSize = dtypeSize(indices.dtype);
      let target = y.ptr;
      for (let b = 0; b < batches; b++) {
        for (let o = 0; o < outer; o++) {
          const source = x.ptr + (b * outer + o) * limit * inner * size;
          const failed =
            count === 0 ? -1 : compute(source, indices.ptr + b * count * indexSize, target, count, limit, inner * size);
          if (failed >= 0) throw bad(b * count + failed);
          target += count * inner * size;
        }
      }
      return DONE;
    };
  });

export function unravel(at: number, shape: Shape): number[] {
  const index = new Array<number>(shape.length);
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = at % shape[d]!;
    at = Math.floor(at / shape[d]!);
  }
  return index;
}

const pad = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const x = step.input(0);
    const given = step.input(1);
    if (given.shape.length !== 2 || given.shape[1] !== 2)
      throw new InvalidArgumentError(`paddings must be a matrix with 2 columns: ${shapeString(given.shape)}`);
    if (given.shape[0] !== x.shape.length)
      throw new InvalidArgumentError(
        `The first dimension of paddings must be the rank of inputs${shapeString(given.shape)} ${shapeString(x.shape)}`,
      );
    if (op === "PadV2" && step.input(2).shape.length > 0)
      throw new InvalidArgumentError(`constant_values must be a scalar. Found: ${shapeString(step.input(2).shape)}`);
    const paddings = readInts(step.heap, given);
    if (paddings.some((value) => value < 0)) {
      const at = paddings.findIndex((value) => value < 0) >> 1;
      throw new InvalidArgumentError(`Paddings must be non-negative: ${paddings[2 * at]} ${paddings[2 * at + 1]}`);
    }
    const shape = x.shape.map((size, i) => size + paddings[2 * i]! + paddings[2 * i + 1]!);
    const strides = stridesOf(shape);
    const offset = strides.reduce((sum, stride, i) => sum + stride * paddings[2 * i]!, 0);
    emitInto(node, step, x, shape, offset, strides, x.shape, op === "PadV2" ? step.input(2) : null);
    return DONE;
  });

export const slicingKernels: readonly Kernel[] = [
  stridedSlice,
  stridedSliceGrad,
  gather("GatherV2", true),
  gather("Gather", false),
  pad("Pad"),
  pad("PadV2"),
];
