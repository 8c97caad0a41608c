// Values on the client's side: typed arrays with a shape, or strings; and what callers may give for one.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType, dtypeName, dtypeSize, isComplex, partCount } from "../tensor/dtype.js";
import { narrowCode } from "../tensor/narrow.js";
import { shapeFromProto, shapeToProto, unpackStrings } from "../tensor/proto.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import { TensorProto } from "../wire/core.js";
import type { Output } from "./output.js";

export type NumericArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A tensor as a client sees it: its own copy of the elements, row by row. Booleans are bytes, complex numbers pairs, half
 * floats raw bits.
 */
export interface TensorValue {
  readonly dtype: DataType;
  readonly shape: Shape;
  readonly data: NumericArray | readonly string[];
  /** Strings as they came: TensorFlow's needn't be UTF-8. What is given counts before `data`. */
  readonly bytes?: readonly Uint8Array[];
}

/** Bytes stand for a string where one is expected. */
export type Nested = number | bigint | boolean | string | Uint8Array | readonly Nested[];
/** What may be fed or made a constant. */
export type Feedable = TensorValue | NumericArray | Nested;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type ArrayType = new (buffer: ArrayBuffer) => NumericArray;

const arrays: Record<number, ArrayType> = {
  [DataType.FLOAT]: Float32Array,
  [DataType.DOUBLE]: Float64Array,
  [DataType.INT32]: Int32Array,
  [DataType.UINT32]: Uint32Array,
  [DataType.INT16]: Int16Array,
  [DataType.UINT16]: Uint16Array,
  [DataType.HALF]: Uint16Array,
  [DataType.BFLOAT16]: Uint16Array,
  [DataType.INT8]: Int8Array,
  [DataType.INT64]: BigInt64Array,
  [DataType.UINT64]: BigUint64Array,
  [DataType.COMPLEX64]: Float32Array,
  [DataType.COMPLEX128]: Float64Array,
};

const arrayTypeOf = (dtype: DataType): ArrayType => arrays[dtype] ?? Uint8Array;

function dtypeOfArray(array: NumericArray): DataType {
  if (array instanceof Float32Array) return DataType.FLOAT;
  if (array instanceof Float64Array) return DataType.DOUBLE;
  if (array instanceof Int32Array) return DataType.INT32;
  if (array instanceof Uint32Array) return DataType.UINT32;
  if (array instanceof Int16Array) return DataType.INT16;
  if (array instanceof Uint16Array) return DataType.UINT16;
  if (array instanceof Int8Array) return DataType.INT8;
  if (array instanceof BigInt64Array) return DataType.INT64;
  if (array instanceof BigUint64Array) return DataType.UINT64;
  return DataType.UINT8;
}

export const isFloating = (dtype: DataType): boolean =>
  dtype === DataType.FLOAT || dtype === DataType.DOUBLE || dtype === DataType.HALF || dtype === DataType.BFLOAT16;

const isTensorValue = (value: object): value is TensorValue => "dtype" in value && "shape" in value && "data" in value;

/** @param dtype what is wanted; guessed as TensorFlow does when left out (numbers: float, unless all are integers) */
export function toTensorValue(value: Feedable, dtype?: DataType): TensorValue {
  if (ArrayBuffer.isView(value) && dtype !== DataType.STRING) {
    const array = value as NumericArray;
    // Half floats and booleans have no arrays of their own.
    const isBits = dtype !== undefined && !isComplex(dtype) && dtypeSize(dtype) === array.BYTES_PER_ELEMENT;
    const own = isBits ? dtype : dtypeOfArray(array);
    return convert({ dtype: own, shape: [array.length], data: array }, dtype);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value) && isTensorValue(value)) {
    return convert(value as TensorValue, dtype);
  }
  const shape: number[] = [];
  for (let level: Nested = value as Nested; Array.isArray(level); level = level[0] as Nested) shape.push(level.length);
  const flat: Scalar[] = [];
  flatten(value as Nested, shape, 0, flat);
  const wanted = dtype ?? guess(flat);
  if (wanted === DataType.STRING) return stringsValue(shape, flat);
  if (flat.some((item) => typeof item === "string" || typeof item === "object")) {
    throw new InvalidArgumentError(`Can't convert strings to a tensor of ${dtypeName(wanted)}`);
  }
  return { dtype: wanted, shape, data: fill(wanted, flat as (number | bigint | boolean)[]) };
}

type Scalar = Exclude<Nested, readonly Nested[]>;

function stringsValue(shape: Shape, flat: readonly Scalar[]): TensorValue {
  if (!flat.every((item) => typeof item === "string" || item instanceof Uint8Array)) {
    throw new InvalidArgumentError("Can't convert numbers to a tensor of string");
  }
  const bytes = flat.map((item) => (typeof item === "string" ? encoder.encode(item) : item));
  const data = flat.map((item) => (typeof item === "string" ? item : decoder.decode(item)));
  return { dtype: DataType.STRING, shape, data, bytes };
}

function convert(value: TensorValue, dtype: DataType | undefined): TensorValue {
  const elements = value.data.length / partCount(value.dtype);
  if (elements !== numElements(value.shape)) {
    throw new InvalidArgumentError(`${elements} elements don't fill the shape ${shapeString(value.shape)}`);
  }
  if (dtype === undefined || dtype === value.dtype) return value;
  const losesPart = isComplex(value.dtype) && !isComplex(dtype);
  if (value.dtype === DataType.STRING || dtype === DataType.STRING || losesPart) {
    throw new InvalidArgumentError(`Can't feed ${dtypeName(value.dtype)} where ${dtypeName(dtype)} is expected`);
  }
  const code = narrowCode(value.dtype);
  const numbers = Array.from(value.data as Iterable<number | bigint>, (one) => code?.decode(Number(one)) ?? one);
  return { dtype, shape: value.shape, data: fill(dtype, numbers, partCount(dtype) / partCount(value.dtype)) };
}

function isScalar(value: unknown): boolean {
  const type = typeof value;
  if (type === "number" || type === "bigint" || type === "boolean" || type === "string") return true;
  return value instanceof Uint8Array;
}

function flatten(value: Nested, shape: Shape, depth: number, into: Scalar[]): void {
  if (!Array.isArray(value)) {
    if (!isScalar(value)) {
      const text = `Attempt to convert a value (${value}) with an unsupported type (${typeof value}) to a Tensor.`;
      throw new InvalidArgumentError(text);
    }
    if (depth !== shape.length) throw new InvalidArgumentError("Nested arrays must all have the same shape");
    into.push(value as Scalar);
    return;
  }
  if (value.length !== shape[depth]) throw new InvalidArgumentError("Nested arrays must all have the same shape");
  for (const item of value as readonly Nested[]) flatten(item, shape, depth + 1, into);
}

function guess(flat: readonly unknown[]): DataType {
  const [first] = flat;
  if (typeof first === "string" || typeof first === "object") return DataType.STRING;
  if (typeof first === "boolean") return DataType.BOOL;
  if (typeof first === "bigint") return DataType.INT64;
  if (flat.length === 0 || !flat.every((item) => Number.isInteger(item))) return DataType.FLOAT;
  return flat.every((item) => (item as number) === ((item as number) | 0)) ? DataType.INT32 : DataType.INT64;
}

/** @param every the places from one number to the next: 2 makes complex numbers of real ones */
function fill(dtype: DataType, values: readonly (number | bigint | boolean)[], every = partCount(dtype)): NumericArray {
  const wide = dtype === DataType.INT64 || dtype === DataType.UINT64;
  const array = new (arrayTypeOf(dtype))(
    new ArrayBuffer((values.length * every * dtypeSize(dtype)) / partCount(dtype)),
  );
  const code = narrowCode(dtype);
  for (let i = 0; i < values.length; i++) {
    const value = wide ? BigInt(values[i]!) : Number(values[i]);
    array[i * every] = (code?.encode(value as number) ?? value) as never;
  }
  return array;
}

export function valueToProto(value: TensorValue): TensorProto {
  const proto = { ...TensorProto.create(), dtype: value.dtype, tensorShape: shapeToProto(value.shape) };
  if (value.dtype === DataType.STRING) {
    proto.stringVal = [...(value.bytes ?? (value.data as string[]).map((text) => encoder.encode(text)))];
  } else {
    const { buffer, byteOffset, byteLength } = value.data as NumericArray;
    proto.tensorContent = new Uint8Array(buffer, byteOffset, byteLength);
  }
  return proto;
}

/**
 * Copies out of the message (or heap) that the proto views.
 * @throws InvalidArgumentError for what stands for something in a server and has no elements
 */
export function valueFromProto(proto: TensorProto): TensorValue {
  const shape = shapeFromProto(proto.tensorShape);
  const { dtype } = proto;
  if (dtype === DataType.RESOURCE || dtype === DataType.VARIANT) {
    const hint = dtype === DataType.RESOURCE ? " (a variable is fetched by itself or by its `value`)" : "";
    throw new InvalidArgumentError(`A tensor of ${dtypeName(dtype)} has no value that could be fetched${hint}`);
  }
  if (dtype === DataType.STRING) {
    const strings =
      proto.tensorContent === null ? (proto.stringVal ?? []) : unpackStrings(proto.tensorContent, numElements(shape));
    const bytes = strings.map((text) => Uint8Array.from(text));
    return { dtype, shape, data: bytes.map((text) => decoder.decode(text)), bytes };
  }
  const content = proto.tensorContent ?? new Uint8Array(0);
  const bytes = new Uint8Array(content.length);
  bytes.set(content);
  return { dtype, shape, data: new (arrayTypeOf(dtype))(bytes.buffer) };
}

/** What a constant of integers holds; `null` for anything else. */
export function constantInts(output: Output): number[] | null {
  const proto = output.node.op.name === "Const" ? output.node.attrs.get("value")?.tensor : undefined;
  if (proto === undefined || (proto.dtype !== DataType.INT32 && proto.dtype !== DataType.INT64)) return null;
  if (proto.tensorContent !== null && proto.tensorContent.length > 0) {
    return Array.from(valueFromProto(proto).data as Iterable<number | bigint>, Number);
  }
  const given = Array.from<number | bigint, number>(proto.intVal ?? proto.int64Val ?? [], Number);
  const size = numElements(shapeFromProto(proto.tensorShape));
  return Array.from({ length: size }, (_, i) => given[Math.min(i, given.length - 1)] ?? 0);
}
