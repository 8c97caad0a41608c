// Segment reductions: rows of the first input that share an id become one row. Sorted ids, ids in any order, and sorted
// ids of rows picked by a list of indices.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { DataType, partCount } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { segmentCodes } from "./opcodes.js";
import { COMPLEX, multiplyInto, partsOf, partType } from "./support/complex.js";
import { elementsOf } from "./support/elements.js";
import { readInt } from "./support/index-tensor.js";

const NUMBERS = ["float", "double", "int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64"];
const INDICES = ["int32", "int64"];

const isWide = ({ dtype }: Tensor): boolean => dtype === DataType.INT64;

/** The i-th of a list of int32 or int64 numbers. */
const at = (heap: Heap, list: Tensor, i: number): number =>
  isWide(list) ? Number(heap.i64[list.ptr / 8 + i]!) : heap.i32[(list.ptr >>> 2) + i]!;

/** Checks that ids start at 0 or above and don't decrease; gives how many segments there are. */
function countSegments(heap: Heap, ids: Tensor, orderFirst = false): number {
  const n = ids.size;
  if (n === 0) return 0;
  const segments = at(heap, ids, n - 1) + 1;
  for (let i = 1; orderFirst && i < n; i++) {
    if (at(heap, ids, i) < at(heap, ids, i - 1)) throw new InvalidArgumentError("segment ids are not increasing");
  }
  for (let i = 0; i < n; i++) {
    const id = at(heap, ids, i);
    if (i + 1 < n && at(heap, ids, i + 1) < id) throw new InvalidArgumentError("segment ids are not increasing");
    if (id < 0 || id >= segments)
      throw new InvalidArgumentError(
        `Segment id ${id} out of range [0, ${segments}), possibly because 'segment_ids' input is not sorted.`,
      );
  }
  return segments;
}

/** What needs no order takes complex numbers, too. */
const typesOf = (name: string): readonly string[] =>
  name === "Max" || name === "Min" ? NUMBERS : [...NUMBERS, ...COMPLEX];

/** Products of complex rows that share an id; a negative one is nobody's. */
function complexProducts(heap: Heap, data: Tensor, ids: Tensor, y: Tensor): void {
  const { view, base: to } = partsOf(heap, y);
  const from = partsOf(heap, data).base;
  for (let i = 0; i < 2 * y.size; i++) view[to + i] = (i + 1) % 2;
  const width = data.size / ids.size;
  for (let i = 0; i < ids.size; i++) {
    const id = at(heap, ids, i);
    for (let k = 0; id >= 0 && k < width; k++)
      multiplyInto(view, to + 2 * (id * width + k), from + 2 * (i * width + k));
  }
}

const sorted = (name: string): Kernel =>
  kernel(`Segment${name}`, "CPU", { T: typesOf(name), Tindices: INDICES }, (node) => {
    const dtype = node.inputTypes[0]!;
    const compute = wasmFunction(node, "segment", partType(dtype));
    const parts = partCount(dtype);
    const code = segmentCodes[name]!;
    const multiplies = name === "Prod" && parts === 2;
    return (step) => {
      const data = step.input(0);
      const ids = step.input(1);
      if (data.shape.length < 1) throw new InvalidArgumentError("input must be at least rank 1");
      if (ids.shape.length !== 1) throw new InvalidArgumentError("segment_ids should be a vector.");
      if (ids.size !== data.shape[0])
        throw new InvalidArgumentError("segment_ids should be the same size as dimension 0 of input.");
      const segments = countSegments(step.heap, ids);
      const y = step.allocateOutput(0, [segments, ...data.shape.slice(1)]);
      if (y.size === 0) return DONE;
      const width = (y.size / segments) * parts;
      if (multiplies) complexProducts(step.heap, data, ids, y);
      else compute(code, data.ptr, 0, 0, ids.ptr, Number(isWide(ids)), y.ptr, ids.size, segments, width);
      return DONE;
    };
  });

const unsorted = (name: string): Kernel =>
  kernel(`UnsortedSegment${name}`, "CPU", { T: typesOf(name), Tindices: INDICES }, (node) => {
    const dtype = node.inputTypes[0]!;
    const compute = wasmFunction(node, "unsorted_segment", partType(dtype));
    const parts = partCount(dtype);
    const code = segmentCodes[name]!;
    const multiplies = name === "Prod" && parts === 2;
    return (step) => {
      const data = step.input(0);
      const ids = step.input(1);
      const count = step.input(2);
      if (count.shape.length > 0)
        throw new InvalidArgumentError(`num_segments should be a scalar, not shape ${shapeString(count.shape)}`);
      if (ids.shape.some((dim, i) => dim !== data.shape[i]))
        throw new InvalidArgumentError(
          `data.shape = ${shapeString(data.shape)} does not start with segment_ids.shape = ${shapeString(ids.shape)}`,
        );
      const segments = readInt(step.heap, count);
      if (segments < 0) throw new InvalidArgumentError(`Input num_segments == ${segments} must not be negative.`);
      for (let i = 0; i < ids.size && data.size > 0; i++) {
        const id = at(step.heap, ids, i);
        if (id >= segments)
          throw new InvalidArgumentError(`segment_ids${place(ids, i)} = ${id} is out of range [0, ${segments})`);
      }
      const y = step.allocateOutput(0, [segments, ...data.shape.slice(ids.shape.length)]);
      if (y.size === 0) return DONE;
      const width = (y.size / segments) * parts;
      if (multiplies) complexProducts(step.heap, data, ids, y);
      else compute(code, data.ptr, ids.ptr, Number(isWide(ids)), y.ptr, ids.size, segments, width);
      return DONE;
    };
  });

/** Position of the i-th element as TensorFlow writes it: nothing for a scalar. */
function place({ shape }: Tensor, i: number): string {
  if (shape.length === 0) return "";
  const position: number[] = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    position.unshift(i % shape[d]!);
    i = Math.floor(i / shape[d]!);
  }
  return shapeString(position);
}

const sparse = (name: string): Kernel =>
  kernel(
    `SparseSegment${name}`,
    "CPU",
    { T: name === "Sum" ? NUMBERS : ["float", "double"], Tidx: INDICES, Tsegmentids: INDICES },
    (node) => {
      const compute = wasmFunction(node, "segment", node.inputTypes[0]!);
      const code = segmentCodes[name]!;
      return (step) => {
        const data = step.input(0);
        const indices = step.input(1);
        const ids = step.input(2);
        if (data.shape.length < 1) throw new InvalidArgumentError("input must be at least rank 1");
        if (indices.shape.length !== 1) throw new InvalidArgumentError("indices should be a vector.");
        if (ids.shape.length !== 1) throw new InvalidArgumentError("segment_ids should be a vector.");
        if (ids.size !== indices.size) throw new InvalidArgumentError("segment_ids and indices should have same size.");
        const segments = countSegments(step.heap, ids, true);
        const rows = data.shape[0]!;
        for (let i = 0; i < indices.size; i++) {
          const row = at(step.heap, indices, i);
          if (row < 0 || row >= rows)
            throw new InvalidArgumentError(`Bad: indices[${i}] == ${row} out of range [0, ${rows})`);
        }
        const y = step.allocateOutput(0, [segments, ...data.shape.slice(1)]);
        if (y.size === 0) return DONE;
        compute(
          code,
          data.ptr,
          indices.ptr,
          Number(isWide(indices)),
          ids.ptr,
          Number(isWide(ids)),
          y.ptr,
          ids.size,
          segments,
          y.size / segments,
        );
        return DONE;
      };
    },
  );

/** What a segment's row of the gradient counts for, by how many rows are in the segment. */
const SCALES: Readonly<Record<string, (count: number) => number>> = {
  Sum: () => 1,
  Mean: (count) => 1 / Math.max(count, 1),
  SqrtN: (count) => 1 / Math.sqrt(Math.max(count, 1)),
};

function sizeOf(heap: Heap, count: Tensor): number {
  if (count.shape.length > 0) throw new InvalidArgumentError("output_dim0 should be a scalar.");
  const size = readInt(heap, count);
  if (size < 0) throw new InvalidArgumentError(`Expected a non-negative size, got ${size}`);
  return size;
}

/** How many rows each segment has. */
function countRows(heap: Heap, ids: Tensor, segments: number): Float64Array {
  if (at(heap, ids, ids.size - 1) >= segments) throw new InvalidArgumentError("Invalid number of segments");
  const counts = new Float64Array(segments);
  for (let i = 0; i < ids.size; i++) {
    const id = at(heap, ids, i);
    if (id < 0 || id >= segments) throw new InvalidArgumentError(`Segment id ${id} out of range [0, ${segments}).`);
    counts[id]!++;
  }
  return counts;
}

function checkRows(heap: Heap, indices: Tensor, rows: number): void {
  for (let i = 0; i < indices.size; i++) {
    const row = at(heap, indices, i);
    if (row < 0 || row >= rows) throw new InvalidArgumentError(`Index ${row} out of range [0, ${rows}).`);
  }
}

const sparseGrad = (name: string): Kernel =>
  kernel(`SparseSegment${name}Grad`, "CPU", { T: ["float", "double"], Tidx: INDICES, Tsegmentids: INDICES }, (node) => {
    const compute = wasmFunction(node, "segment_spread", node.inputTypes[0]!);
    const scaleOf = SCALES[name]!;
    return (step) => {
      const { heap } = step;
      const grad = step.input(0);
      const indices = step.input(1);
      const ids = step.input(2);
      if (indices.shape.length !== 1) throw new InvalidArgumentError("indices should be a vector.");
      if (ids.shape.length !== 1) throw new InvalidArgumentError("segment_ids should be a vector.");
      const rows = sizeOf(heap, step.input(3));
      if (ids.size !== indices.size) throw new InvalidArgumentError("segment_ids and indices should have same size.");
      if (grad.shape.length < 1) throw new InvalidArgumentError("Index must be less than 0, got 0");
      const y = step.allocateOutput(0, [rows, ...grad.shape.slice(1)]);
      if (y.size === 0) return DONE;
      if (ids.size === 0) {
        heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
        return DONE;
      }
      const counts = countRows(heap, ids, grad.shape[0]!);
      checkRows(heap, indices, rows);
      const scales = step.allocate(grad.dtype, [counts.length]);
      const { view, base } = elementsOf(heap, scales);
      counts.forEach((count, i) => {
        view[base + i] = scaleOf(count);
      });
      const [wideRows, wideIds] = [Number(isWide(indices)), Number(isWide(ids))];
      const length = y.size / rows;
      compute(grad.ptr, scales.ptr, indices.ptr, wideRows, ids.ptr, wideIds, y.ptr, ids.size, rows, length);
      scales.release();
      return DONE;
    };
  });

export const segmentKernels: readonly Kernel[] = [
  ...["Sum", "Mean", "Prod", "Min", "Max"].map(sorted),
  ...["Sum", "Prod", "Min", "Max"].map(unsorted),
  ...["Sum", "Mean", "SqrtN"].map(sparse),
  ...["Sum", "Mean", "SqrtN"].map(sparseGrad),
];
