// Numbers written in text, as TensorFlow reads them: all of the text but white space around it, and in the dtype's range.
import { DataType } from "../../tensor/dtype.js";

/** Of a whole number of 64 bits, with its sign. */
const MOST_DIGITS = 20;
const FLOAT = /^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity|nan)$/i;
const INTEGER = /^[+-]?\d+$/;

/** `null` for what isn't a number of that dtype: float, double, int32 (a number) or int64 (a bigint). */
export type ParseNumber = (text: string) => number | bigint | null;

export function numberParser(dtype: DataType): ParseNumber {
  const bits = dtype === DataType.INT32 ? 32 : 64;
  return dtype === DataType.FLOAT || dtype === DataType.DOUBLE ? parseFloating : (text) => parseInteger(text, bits);
}

function parseFloating(text: string): number | null {
  const trimmed = text.trim();
  if (!FLOAT.test(trimmed)) return null;
  return Number(trimmed.replace(/inf(inity)?/i, "Infinity").replace(/nan/i, "NaN"));
}

function parseInteger(text: string, bits: number): number | bigint | null {
  const trimmed = text.trim();
  if (!INTEGER.test(trimmed)) return null;
  const digits = trimmed.replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1");
  // Reading very many digits would take hours.
  if (digits.length > MOST_DIGITS) return null;
  const value = BigInt(digits);
  if (BigInt.asIntN(bits, value) !== value) return null;
  return bits === 32 ? Number(value) : value;
}
