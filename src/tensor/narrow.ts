// The bits of half and bfloat16 numbers, which JavaScript has no arrays of: from numbers, to the nearest and of two as near
// to the even one, and back.
import { DataType } from "./dtype.js";

interface NarrowCode {
  readonly encode: (value: number) => number;
  readonly decode: (bits: number) => number;
}

const view = new DataView(new ArrayBuffer(8));

/** Below it the exponent of half stays and the mantissa shrinks. */
const LEAST_EXPONENT = -14;
const LEAST_INFINITE = 65520;

function toEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

const half: NarrowCode = {
  encode: (value) => {
    if (Number.isNaN(value)) return 0x7e00;
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const size = Math.abs(value);
    if (size >= LEAST_INFINITE) return sign | 0x7c00;
    view.setFloat64(0, size);
    const exponent = Math.max((view.getUint16(0) >> 4) - 1023, LEAST_EXPONENT);
    // The leading one of the mantissa adds one to the exponent's bits.
    return sign | (((exponent - LEAST_EXPONENT) << 10) + toEven(size / 2 ** (exponent - 10)));
  },
  decode: (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const [exponent, mantissa] = [(bits >> 10) & 31, bits & 1023];
    if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (exponent === 0 ? mantissa : 1024 + mantissa) * 2 ** (Math.max(exponent, 1) - 25);
  },
};

const bfloat16: NarrowCode = {
  encode: (value) => {
    if (Number.isNaN(value)) return 0x7fc0;
    view.setFloat32(0, value);
    const bits = view.getUint32(0);
    return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  },
  decode: (bits) => {
    view.setUint32(0, bits << 16);
    return view.getFloat32(0);
  },
};

/** `null` for dtypes whose arrays hold the numbers themselves. */
export const narrowCode = (dtype: DataType): NarrowCode | null =>
  dtype === DataType.HALF ? half : dtype === DataType.BFLOAT16 ? bfloat16 : null;
