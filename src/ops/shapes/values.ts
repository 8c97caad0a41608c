// Values of small tensors as far as a graph gives them: constants, shapes of tensors whose shape is known, and integer
// arithmetic on those. They decide shapes: of a reshape, a slice, a fill. An element that isn't known is NaN.
import { tensorAttr } from "../../graph/attr.js";
import type { Node, Output } from "../../graph/graph.js";
import { baseDtype, DataType, dtypeSize } from "../../tensor/dtype.js";
import { broadcastPartial, isFullyKnown, type PartialShape } from "../../tensor/partial-shape.js";
import { numElements, type Shape } from "../../tensor/shape.js";
import type { TensorProto } from "../../wire/core.js";
import { broadcastReductions } from "../support/broadcast.js";

/** Longer tensors decide no shape. */
const MAX_VALUES = 4096;

export type Values = readonly number[] | null;

/** What is known so far of a node's outputs. */
export interface Known {
  shape(output: Output): PartialShape;
  values(output: Output): Values;
}

type ValueFunction = (node: Node, known: Known) => Values;

/** Elements of a constant, `null` for those that aren't numbers. */
export function valuesOfProto(proto: TensorProto): Values {
  const shape = proto.tensorShape?.dim.map((dim) => Number(dim.size)) ?? [];
  const size = numElements(shape);
  if (size > MAX_VALUES) return null;
  const given = listOf(proto, size);
  if (given === null) return null;
  const last = given.at(-1) ?? 0;
  return Array.from({ length: size }, (_, i) => given[i] ?? last);
}

function listOf(proto: TensorProto, size: number): number[] | null {
  const content = proto.tensorContent;
  if (content !== null && content.length > 0) return rawNumbers(proto.dtype, content, size);
  const lists: Record<number, ArrayLike<number | bigint> | null> = {
    [DataType.FLOAT]: proto.floatVal,
    [DataType.DOUBLE]: proto.doubleVal,
    [DataType.INT64]: proto.int64Val,
    [DataType.UINT32]: proto.uint32Val,
    [DataType.UINT64]: proto.uint64Val,
    [DataType.BOOL]: proto.boolVal,
  };
  if (proto.dtype in lists) return Array.from(lists[proto.dtype] ?? [], Number);
  const small: readonly number[] = [DataType.INT32, DataType.INT16, DataType.INT8, DataType.UINT8, DataType.UINT16];
  return small.includes(proto.dtype) ? Array.from(proto.intVal ?? [], Number) : null;
}

function rawNumbers(dtype: DataType, bytes: Uint8Array, size: number): number[] | null {
  if (bytes.length < size * dtypeSize(dtype)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Record<number, (at: number) => number | bigint> = {
    [DataType.FLOAT]: (i) => view.getFloat32(4 * i, true),
    [DataType.DOUBLE]: (i) => view.getFloat64(8 * i, true),
    [DataType.INT32]: (i) => view.getInt32(4 * i, true),
    [DataType.INT64]: (i) => view.getBigInt64(8 * i, true),
    [DataType.UINT32]: (i) => view.getUint32(4 * i, true),
    [DataType.UINT64]: (i) => view.getBigUint64(8 * i, true),
    [DataType.INT16]: (i) => view.getInt16(2 * i, true),
    [DataType.UINT16]: (i) => view.getUint16(2 * i, true),
    [DataType.INT8]: (i) => view.getInt8(i),
    [DataType.UINT8]: (i) => view.getUint8(i),
    [DataType.BOOL]: (i) => view.getUint8(i),
  };
  const at = read[dtype];
  return at === undefined ? null : Array.from({ length: size }, (_, i) => Number(at(i)));
}

const isIntegers = (node: Node): boolean => {
  const dtype = baseDtype(node.outputTypes[0] ?? 0);
  return dtype === DataType.INT32 || dtype === DataType.INT64;
};

const passed: ValueFunction = (node, known) => known.values(node.inputs[0]!);

/** Both inputs broadcast to each other, element by element. */
const arithmetic =
  (compute: (a: number, b: number) => number): ValueFunction =>
  (node, known) => {
    const [a, b] = [known.values(node.inputs[0]!), known.values(node.inputs[1]!)];
    if (a === null || b === null || !isIntegers(node)) return null;
    if (a.length !== b.length && a.length !== 1 && b.length !== 1) return null;
    const shape = broadcastPartial(known.shape(node.inputs[0]!), known.shape(node.inputs[1]!));
    if (shape === null || shape.length > 1) return null;
    return Array.from({ length: numElements(shape) }, (_, i) =>
      compute(a.at(a.length === 1 ? 0 : i)!, b.at(b.length === 1 ? 0 : i)!),
    );
  };

/** All elements of a vector to one. */
const fold =
  (compute: (a: number, b: number) => number, start: number): ValueFunction =>
  (node, known) => {
    const values = known.values(node.inputs[0]!);
    const axes = known.values(node.inputs[1]!);
    if (values === null || axes === null || known.shape(node.inputs[0]!)?.length !== 1 || !isIntegers(node))
      return null;
    return axes.length === 0 ? values : [values.reduce(compute, start)];
  };

/** The length of what is unknown is not known, so an element of a partial shape is NaN. */
const fromShape = (shape: PartialShape): Values => shape?.map((dim) => (dim < 0 ? Number.NaN : dim)) ?? null;

/** As many unknown elements as a vector has. */
function unknownVector(shape: PartialShape): Values {
  const size = shape?.[0] ?? -1;
  return size < 0 || size > MAX_VALUES ? null : new Array<number>(size).fill(Number.NaN);
}

function concatenated(parts: readonly Values[]): Values {
  const all: number[] = [];
  for (const part of parts) {
    if (part === null || all.length + part.length > MAX_VALUES) return null;
    all.push(...part);
  }
  return all;
}

/** One element each; what isn't known is NaN, so that a stack of sizes is a partial shape. */
function packed(node: Node, known: Known): Values {
  if (!isIntegers(node) || node.inputs.length > MAX_VALUES) return null;
  if (node.inputs.some((input) => known.shape(input)?.length !== 0)) return null;
  return node.inputs.map((input) => known.values(input)?.[0] ?? Number.NaN);
}

function strided(node: Node, known: Known): Values {
  const [values, begin, end, strides] = node.inputs.map((input) => known.values(input));
  if (!values || !begin || !end || !strides || known.shape(node.inputs[0]!)?.length !== 1) return null;
  if (begin.length !== 1 || strides[0] !== 1) return null;
  const mask = (name: string) => ((node.attrs.get(name)?.i ?? 0n) & 1n) === 1n;
  if (mask("ellipsis_mask") || mask("new_axis_mask")) return null;
  const at = (position: number) =>
    Math.min(Math.max(position < 0 ? position + values.length : position, 0), values.length);
  const from = mask("begin_mask") ? 0 : at(begin[0]!);
  if (mask("shrink_axis_mask")) return Number.isNaN(from) ? null : values.slice(from, from + 1);
  const to = mask("end_mask") ? values.length : at(end[0]!);
  return Number.isNaN(from + to) ? null : values.slice(from, to);
}

function ranged(node: Node, known: Known): Values {
  const [start, limit, delta] = node.inputs.map((input) => known.values(input)?.[0]);
  if (start === undefined || limit === undefined || !delta || !isIntegers(node)) return null;
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return count <= MAX_VALUES ? Array.from({ length: count }, (_, i) => start + i * delta) : null;
}

/** Part of a vector; −1 takes all that is left. */
function sliced(node: Node, known: Known): Values {
  const [values, begin, size] = node.inputs.map((input) => known.values(input));
  if (!values || begin?.length !== 1 || size?.length !== 1 || Number.isNaN(begin[0]! + size[0]!)) return null;
  return values.slice(begin[0]!, size[0] === -1 ? values.length : begin[0]! + size[0]!);
}

/** Vectors put together by position; only of scalars and vectors. */
function stitched(node: Node, known: Known): Values {
  const count = node.inputs.length / 2;
  const result: number[] = [];
  for (let i = 0; i < count; i++) {
    const indices = known.values(node.inputs[i]!);
    const data = known.values(node.inputs[count + i]!);
    if (indices === null || data === null || indices.length !== data.length || indices.some(Number.isNaN)) return null;
    indices.forEach((at, k) => {
      if (at >= 0 && at < MAX_VALUES) result[at] = data[k]!;
    });
  }
  return Array.from(result, (value) => value ?? Number.NaN);
}

const PASSING = "Identity StopGradient Snapshot GuaranteeConst Reshape ExpandDims Squeeze".split(" ");

const functions: Readonly<Record<string, ValueFunction>> = {
  ...Object.fromEntries(PASSING.map((op) => [op, passed])),
  Const: (node) => valuesOfProto(tensorAttr(node, "value")),
  Shape: (node, known) => fromShape(known.shape(node.inputs[0]!)),
  Rank: (node, known) => {
    const shape = known.shape(node.inputs[0]!);
    return shape === null ? null : [shape.length];
  },
  Size: (node, known) => {
    const shape = known.shape(node.inputs[0]!);
    return isFullyKnown(shape) ? [numElements(shape as Shape)] : null;
  },
  Pack: packed,
  ConcatV2: (node, known) => {
    const parts = node.inputs.slice(0, -1);
    if (!isIntegers(node) || parts.some((part) => known.shape(part)?.length !== 1)) return null;
    return concatenated(parts.map((part) => known.values(part) ?? unknownVector(known.shape(part))));
  },
  StridedSlice: strided,
  Cast: (node, known) => {
    const values = known.values(node.inputs[0]!);
    return isIntegers(node) ? (values?.map(Math.trunc) ?? null) : values;
  },
  Slice: sliced,
  ...Object.fromEntries(["DynamicStitch", "ParallelDynamicStitch"].map((op) => [op, stitched])),
  Range: ranged,
  Fill: (node, known) => {
    const shape = known.shape({ node, index: 0 });
    const value = known.values(node.inputs[1]!)?.[0];
    if (!isFullyKnown(shape) || value === undefined || numElements(shape!) > MAX_VALUES) return null;
    return new Array<number>(numElements(shape!)).fill(value);
  },
  Add: arithmetic((a, b) => a + b),
  AddV2: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Maximum: arithmetic(Math.max),
  Minimum: arithmetic(Math.min),
  FloorDiv: arithmetic((a, b) => Math.floor(a / b)),
  FloorMod: arithmetic((a, b) => a - b * Math.floor(a / b)),
  Prod: fold((a, b) => a * b, 1),
  Sum: fold((a, b) => a + b, 0),
};

/** Along which axes each of two broadcast shapes is summed up again. */
function reductions(node: Node, known: Known): readonly Values[] {
  const [a, b] = node.inputs.map((input) => known.values(input));
  if (!a || !b || a.some(Number.isNaN) || b.some(Number.isNaN)) return [null, null];
  return broadcastReductions(a, b) ?? [null, null];
}

/** The values of a node's outputs, once their shapes are known. */
export const valuesOf = (node: Node, known: Known): readonly Values[] =>
  node.op.name === "BroadcastGradientArgs" ? reductions(node, known) : [functions[node.op.name]?.(node, known) ?? null];
