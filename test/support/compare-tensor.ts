// Compares a tensor with the recorded one under the case's rule and says precisely what differs first.
// NaN equals NaN of any sign and payload: WebAssembly leaves both open. Must not know where tensors come from.
import { DataType, dtypeName, dtypeSize } from "../../src/tensor/dtype.js";
import type { CaseTensor, Rule } from "./op-cases.js";

interface Limits {
  readonly ulp: number;
  readonly rel: number;
  readonly abs: number;
}

export function parseRule(rule: Rule): Limits {
  const limits = { ulp: 0, rel: 0, abs: 0 };
  if (rule === "bits") return limits;
  for (const part of rule.split(",")) {
    const [kind, value] = part.split(":");
    if (kind !== "ulp" && kind !== "rel" && kind !== "abs") throw new Error(`unknown comparison rule ${rule}`);
    limits[kind] = Number(value);
    if (!(limits[kind] > 0)) throw new Error(`unknown comparison rule ${rule}`);
  }
  return limits;
}

/** A complex number is compared part by part. */
const PARTS: ReadonlyMap<number, DataType> = new Map([
  [DataType.COMPLEX64, DataType.FLOAT],
  [DataType.COMPLEX128, DataType.DOUBLE],
]);

/** @returns what differs, or null */
export function difference(actual: CaseTensor, expected: CaseTensor, rule: Rule): string | null {
  if (actual.dtype !== expected.dtype) {
    return `dtype is ${dtypeName(actual.dtype)}, expected ${dtypeName(expected.dtype)}`;
  }
  if (actual.shape.join() !== expected.shape.join()) {
    return `shape is [${actual.shape}], expected [${expected.shape}]`;
  }
  if (expected.strings !== null) return stringDifference(actual.strings ?? [], expected.strings, expected.shape);
  if (actual.bytes.length !== expected.bytes.length) {
    return `has ${actual.bytes.length} bytes, expected ${expected.bytes.length}`;
  }
  const limits = parseRule(rule);
  const reader = readers.get(PARTS.get(expected.dtype) ?? expected.dtype) ?? rawReader(dtypeSize(expected.dtype));
  const actualView = viewOf(actual.bytes);
  const expectedView = viewOf(expected.bytes);
  let first: string | null = null;
  let wrong = 0;
  const count = expected.bytes.length / reader.size;
  for (let i = 0; i < count; i++) {
    const offset = i * reader.size;
    if (reader.bits(actualView, offset) === reader.bits(expectedView, offset)) continue;
    const a = reader.value(actualView, offset);
    const b = reader.value(expectedView, offset);
    if (reader.float && within(Number(a), Number(b), ulps(reader, actualView, expectedView, offset), limits)) continue;
    wrong++;
    first ??= `at ${position(i, expected.shape)}: ${shown(a)}, expected ${shown(b)} (${
      reader.float ? `${ulps(reader, actualView, expectedView, offset)} ulp, ` : ""
    }rule ${rule})`;
  }
  return first === null ? null : `${wrong} of ${count} elements differ, first ${first}`;
}

function within(actual: number, expected: number, ulp: number, { ulp: most, rel, abs }: Limits): boolean {
  if (Number.isNaN(actual) || Number.isNaN(expected)) return Number.isNaN(actual) && Number.isNaN(expected);
  // Zeros of either sign are no unit apart, but they aren't the same bits.
  if (most > 0 && ulp <= most) return true;
  if (!Number.isFinite(actual) || !Number.isFinite(expected)) return actual === expected;
  return rel + abs > 0 && Math.abs(actual - expected) <= rel * Math.abs(expected) + abs;
}

const shown = (value: number | bigint): string => (Object.is(value, -0) ? "-0" : String(value));

function position(index: number, shape: readonly number[]): string {
  const at: number[] = [];
  let rest = index;
  for (const dim of [...shape].reverse()) {
    at.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return `[${at}]`;
}

function stringDifference(
  actual: readonly Uint8Array[],
  expected: readonly Uint8Array[],
  shape: readonly number[],
): string | null {
  const text = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? "nothing" : JSON.stringify(Buffer.from(bytes).toString("latin1"));
  const wrong = expected.findIndex((bytes, i) => text(actual[i]) !== text(bytes));
  if (wrong === -1 && actual.length === expected.length) return null;
  return `string at ${position(wrong, shape)} is ${text(actual[wrong])}, expected ${text(expected[wrong])}`;
}

interface ElementReader {
  readonly size: number;
  readonly float: boolean;
  bits(view: DataView, offset: number): bigint | number;
  value(view: DataView, offset: number): number | bigint;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** How many representable values lie between the two; they are ordered as sign and magnitude. */
function ulps(reader: ElementReader, a: DataView, b: DataView, offset: number): number {
  const sign = 1n << BigInt(8 * reader.size - 1);
  const ordered = (bits: bigint) => (bits & sign ? -(bits ^ sign) : bits);
  const distance = ordered(BigInt(reader.bits(a, offset))) - ordered(BigInt(reader.bits(b, offset)));
  return Number(distance < 0n ? -distance : distance);
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** The upper half of a float. */
function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

const u8: ElementReader = integer(1, (view, at) => view.getUint8(at));
const i64: ElementReader = integer(8, (view, at) => view.getBigInt64(at, true));

function integer(size: number, read: (view: DataView, offset: number) => number | bigint): ElementReader {
  return { size, float: false, bits: read, value: read };
}

/** Of a dtype whose values nothing here can read: it has bits only. */
function rawReader(size: number): ElementReader {
  if (size < 2) return u8;
  if (size === 2) return integer(2, (view, at) => view.getUint16(at, true));
  throw new Error(`no comparison of elements of ${size} bytes`);
}

const readers: ReadonlyMap<number, ElementReader> = new Map<number, ElementReader>([
  [
    DataType.FLOAT,
    {
      size: 4,
      float: true,
      bits: (view, at) => view.getUint32(at, true),
      value: (view, at) => view.getFloat32(at, true),
    },
  ],
  [
    DataType.DOUBLE,
    {
      size: 8,
      float: true,
      bits: (view, at) => view.getBigUint64(at, true),
      value: (view, at) => view.getFloat64(at, true),
    },
  ],
  [
    DataType.HALF,
    {
      size: 2,
      float: true,
      bits: (view, at) => view.getUint16(at, true),
      value: (view, at) => halfToNumber(view.getUint16(at, true)),
    },
  ],
  [
    DataType.BFLOAT16,
    {
      size: 2,
      float: true,
      bits: (view, at) => view.getUint16(at, true),
      value: (view, at) => bfloatToNumber(view.getUint16(at, true)),
    },
  ],
  [DataType.BOOL, u8],
  [DataType.UINT8, u8],
  [DataType.QUINT8, u8],
  [DataType.QINT8, integer(1, (view, at) => view.getInt8(at))],
  [DataType.QINT32, integer(4, (view, at) => view.getInt32(at, true))],
  [DataType.INT8, integer(1, (view, at) => view.getInt8(at))],
  [DataType.INT16, integer(2, (view, at) => view.getInt16(at, true))],
  [DataType.UINT16, integer(2, (view, at) => view.getUint16(at, true))],
  [DataType.INT32, integer(4, (view, at) => view.getInt32(at, true))],
  [DataType.UINT32, integer(4, (view, at) => view.getUint32(at, true))],
  [DataType.INT64, i64],
  [DataType.UINT64, integer(8, (view, at) => view.getBigUint64(at, true))],
]);
