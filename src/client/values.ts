// Values on the client's side: typed arrays with a shape, or strings; and what callers may give for one.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType, dtypeName, dtypeSize } from "../tensor/dtype.js";
import { shapeFromProto, shapeToProto, unpackStrings } from "../tensor/proto.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import { TensorProto } from "../wire/core.js";

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

/** A tensor as a client sees it: its own copy of the elements. Complex numbers are pairs, half floats raw bits. */
export interface TensorValue {
  readonly dtype: DataType;
  readonly shape: Shape;
  readonly data: NumericArray | string[];
}

export type Nested = number | bigint | boolean | string | readonly Nested[];
/** What may be fed or made a constant. */
export type Feedable = TensorValue | NumericArray | Nested;

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

const isTensorValue = (value: object): value is TensorValue => "dtype" in value && "shape" in value && "data" in value;

/** @param dtype what is wanted; guessed as TensorFlow does when left out (numbers: float, unless all are integers) */
export function toTensorValue(value: Feedable, dtype?: DataType): TensorValue {
  if (ArrayBuffer.isView(value)) {
    const array = value as NumericArray;
    const own = dtype !== undefined && dtypeSize(dtype) === array.BYTES_PER_ELEMENT ? dtype : dtypeOfArray(array);
    return convert({ dtype: own, shape: [array.length], data: array }, dtype);
  }
  if (typeof value === "object" && !Array.isArray(value) && isTensorValue(value as object)) {
    return convert(value as TensorValue, dtype);
  }
  const shape: number[] = [];
  for (let level: Nested = value as Nested; Array.isArray(level); level = level[0] as Nested) shape.push(level.length);
  const flat: (number | bigint | boolean | string)[] = [];
  flatten(value as Nested, shape, 0, flat);
  const wanted = dtype ?? guess(flat);
  if (wanted === DataType.STRING) return { dtype: wanted, shape, data: flat.map(String) };
  return { dtype: wanted, shape, data: fill(wanted, flat as (number | bigint | boolean)[]) };
}

function convert(value: TensorValue, dtype: DataType | undefined): TensorValue {
  if (value.data.length !== numElements(value.shape)) {
    throw new InvalidArgumentError(`${value.data.length} elements don't fill the shape ${shapeString(value.shape)}`);
  }
  if (dtype === undefined || dtype === value.dtype) return value;
  if (value.dtype === DataType.STRING || dtype === DataType.STRING) {
    throw new InvalidArgumentError(`Can't feed ${dtypeName(value.dtype)} where ${dtypeName(dtype)} is expected`);
  }
  return { dtype, shape: value.shape, data: fill(dtype, [...(value.data as Iterable<number | bigint>)]) };
}

function flatten(value: Nested, shape: Shape, depth: number, into: (number | bigint | boolean | string)[]): void {
  if (!Array.isArray(value)) {
    if (depth !== shape.length) throw new InvalidArgumentError("Nested arrays must all have the same shape");
    into.push(value as number);
    return;
  }
  if (value.length !== shape[depth]) throw new InvalidArgumentError("Nested arrays must all have the same shape");
  for (const item of value as readonly Nested[]) flatten(item, shape, depth + 1, into);
}

function guess(flat: readonly unknown[]): DataType {
  const [first] = flat;
  if (typeof first === "string") return DataType.STRING;
  if (typeof first === "boolean") return DataType.BOOL;
  if (typeof first === "bigint") return DataType.INT64;
  return flat.length > 0 && flat.every((item) => Number.isInteger(item)) ? DataType.INT32 : DataType.FLOAT;
}

function fill(dtype: DataType, values: readonly (number | bigint | boolean)[]): NumericArray {
  const wide = dtype === DataType.INT64 || dtype === DataType.UINT64;
  const array = new (arrayTypeOf(dtype))(new ArrayBuffer(values.length * dtypeSize(dtype)));
  for (let i = 0; i < values.length; i++) array[i] = (wide ? BigInt(values[i]!) : Number(values[i])) as never;
  return array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function valueToProto(value: TensorValue): TensorProto {
  const proto = { ...TensorProto.create(), dtype: value.dtype, tensorShape: shapeToProto(value.shape) };
  if (value.dtype === DataType.STRING) proto.stringVal = (value.data as string[]).map((text) => encoder.encode(text));
  else {
    const { buffer, byteOffset, byteLength } = value.data as NumericArray;
    proto.tensorContent = new Uint8Array(buffer, byteOffset, byteLength);
  }
  return proto;
}

/** Copies out of the message (or heap) that the proto views. */
export function valueFromProto(proto: TensorProto): TensorValue {
  const shape = shapeFromProto(proto.tensorShape);
  const { dtype } = proto;
  if (dtype === DataType.STRING) {
    const strings =
      proto.tensorContent === null ? (proto.stringVal ?? []) : unpackStrings(proto.tensorContent, numElements(shape));
    return { dtype, shape, data: strings.map((bytes) => decoder.decode(bytes)) };
  }
  const content = proto.tensorContent ?? new Uint8Array(0);
  const bytes = new Uint8Array(content.length);
  bytes.set(content);
  return { dtype, shape, data: new (arrayTypeOf(dtype))(bytes.buffer) };
}
