// TensorFlow's element types: their numbers on the wire, names, and sizes in bytes.
// A reference type is its base type plus 100. Everything here is a table look-up by number.

/** Numbers of `tensorflow.DataType` (types.proto), without the `DT_` prefix. */
export const DataType = {
  INVALID: 0,
  FLOAT: 1,
  DOUBLE: 2,
  INT32: 3,
  UINT8: 4,
  INT16: 5,
  INT8: 6,
  STRING: 7,
  COMPLEX64: 8,
  INT64: 9,
  BOOL: 10,
  QINT8: 11,
  QUINT8: 12,
  QINT32: 13,
  BFLOAT16: 14,
  QINT16: 15,
  QUINT16: 16,
  UINT16: 17,
  COMPLEX128: 18,
  HALF: 19,
  RESOURCE: 20,
  VARIANT: 21,
  UINT32: 22,
  UINT64: 23,
  FLOAT8_E5M2: 24,
  FLOAT8_E4M3FN: 25,
  FLOAT8_E4M3FNUZ: 26,
  FLOAT8_E4M3B11FNUZ: 27,
  FLOAT8_E5M2FNUZ: 28,
  INT4: 29,
  UINT4: 30,
  INT2: 31,
  UINT2: 32,
  FLOAT4_E2M1FN: 33,
} as const;

/** A `tensorflow.DataType` number; reference types are `base + 100`. */
export type DataType = number;

const REF_OFFSET = 100;

const names: string[] = Object.keys(DataType).map((name) => name.toLowerCase());
const numbers = new Map(names.map((name, number) => [name, number]));

// Sub-byte types take a whole byte an element, as in TensorFlow's tensors.
const sizes = Uint8Array.of(
  0,
  4,
  8,
  4,
  1,
  2,
  1,
  0,
  8,
  8,
  1,
  1,
  1,
  4,
  2,
  2,
  2,
  2,
  16,
  2,
  0,
  0,
  4,
  8,
  1,
  1,
  1,
  1,
  1,
  1,
  1,
  1,
  1,
  1,
);

/** TensorFlow's `DataTypeString`: `float`, `int32`, `float_ref`, … */
export function dtypeName(dtype: DataType): string {
  if (dtype > REF_OFFSET) return `${dtypeName(dtype - REF_OFFSET)}_ref`;
  return names[dtype] ?? `unknown dtype enum (${dtype})`;
}

/** The number for a name as `dtypeName` gives it, `INVALID` when there is none. */
export function dtypeFromName(name: string): DataType {
  if (name.endsWith("_ref")) return makeRef(dtypeFromName(name.slice(0, -4)));
  return numbers.get(name) ?? DataType.INVALID;
}

/** Bytes of one element; 0 for string, resource and variant, whose elements are JavaScript values. */
export function dtypeSize(dtype: DataType): number {
  return sizes[dtype > REF_OFFSET ? dtype - REF_OFFSET : dtype] ?? 0;
}

export const isRef = (dtype: DataType): boolean => dtype > REF_OFFSET;
export const baseDtype = (dtype: DataType): DataType => (dtype > REF_OFFSET ? dtype - REF_OFFSET : dtype);
export const makeRef = (dtype: DataType): DataType => (dtype > REF_OFFSET || dtype === 0 ? dtype : dtype + REF_OFFSET);
export const isKnownDtype = (dtype: DataType): boolean => dtype > 0 && baseDtype(dtype) < names.length;

export const isComplex = (dtype: DataType): boolean => dtype === DataType.COMPLEX64 || dtype === DataType.COMPLEX128;

/** How many numbers an element is. */
export const partCount = (dtype: DataType): number => (isComplex(dtype) ? 2 : 1);
