// A tensor's first elements as text, as TensorFlow's `SummarizeValue` shows them in messages: `[1 2]...`, `1`.
import type { Heap } from "../memory/heap.js";
import { DataType } from "./dtype.js";
import type { Tensor } from "./tensor.js";

const decoder = new TextDecoder();

/** @param most elements to show, all if negative; three unless told otherwise */
export function summarize(tensor: Tensor, heap: Heap, most: number): string {
  const limit = most < 0 ? tensor.size : Math.min(most, tensor.size);
  if (tensor.shape.length === 0) return elementText(tensor, heap, 0);
  let next = 0;
  const visit = (depth: number): string => {
    const size = tensor.shape[depth]!;
    const last = depth === tensor.shape.length - 1;
    const parts: string[] = [];
    for (let i = 0; i < size && next < limit; i++)
      parts.push(last ? elementText(tensor, heap, next++) : visit(depth + 1));
    const body = parts.join(last ? " " : "");
    // The innermost row that was cut says so.
    const cut = last && parts.length < size;
    return `[${body}${cut ? "..." : ""}]`;
  };
  // The whole tensor stands without brackets of its own.
  const text = tensor.shape.length === 1 ? flat(tensor, heap, limit) : visit(0).slice(1, -1);
  return tensor.size > limit && tensor.shape.length > 1 ? `${text}...` : text;
}

/** A vector's elements. */
function flat(tensor: Tensor, heap: Heap, limit: number): string {
  const parts = Array.from({ length: limit }, (_, i) => elementText(tensor, heap, i));
  return `${parts.join(" ")}${limit < tensor.size ? "..." : ""}`;
}

/**
 * The whole tensor over several lines, as `print` and `StringFormat` show it: `ends` elements at both ends of each
 * dimension, all if negative.
 */
export function layOut(tensor: Tensor, heap: Heap, ends: number): string {
  const { shape } = tensor;
  const most = ends < 0 ? tensor.size : Math.min(ends, tensor.size);
  const visit = (depth: number, at: number, width: number): string => {
    if (depth === shape.length) return elementText(tensor, heap, at, true);
    const size = shape[depth]!;
    const below = width / Math.max(size, 1);
    const inner = shape.length - depth - 1;
    const gap = inner === 0 ? " " : "\n".repeat(inner) + " ".repeat(depth + 1);
    const element = (i: number) => visit(depth + 1, at + i * below, below);
    let text = "";
    for (let i = 0; i < Math.min(most, size); i++) text += (i > 0 ? gap : "") + element(i);
    if (size > 2 * most) text += `${gap}...`;
    for (let i = Math.max(most, size - most); i < size; i++) text += gap + element(i);
    return `[${text}]`;
  };
  return visit(0, 0, tensor.size);
}

function elementText(tensor: Tensor, heap: Heap, i: number, quotes = false): string {
  if (tensor.values !== null) {
    const value = tensor.values[i];
    const text = value instanceof Uint8Array ? escaped(decoder.decode(value)) : "?";
    return quotes ? `"${text}"` : text;
  }
  switch (tensor.dtype) {
    case DataType.FLOAT:
      return floatText(heap.f32[(tensor.ptr >>> 2) + i]!);
    case DataType.DOUBLE:
      return shortest(heap.f64[tensor.ptr / 8 + i]!, 15, 17, (x) => x);
    case DataType.INT32:
      return String(heap.i32[(tensor.ptr >>> 2) + i]);
    case DataType.INT64:
      return String(heap.i64[tensor.ptr / 8 + i]);
    case DataType.UINT64:
      return String(heap.u64[tensor.ptr / 8 + i]);
    case DataType.INT16:
      return String(heap.i16[(tensor.ptr >>> 1) + i]);
    case DataType.UINT16:
      return String(heap.u16[(tensor.ptr >>> 1) + i]);
    case DataType.INT8:
      return String(heap.i8[tensor.ptr + i]);
    default:
      return String(heap.u8[tensor.ptr + i]);
  }
}

const ESCAPES: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "'": "\\'", "\\": "\\\\" };

/** As a C string literal has it; what is beyond ASCII stays. */
function escaped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is escaped
  return text.replace(/[\x00-\x1f\x7f"'\\]/g, (letter) => {
    return ESCAPES[letter] ?? `\\${letter.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
}

/** A float of 32 bits. */
export const floatText = (value: number): string => shortest(value, 6, 9, Math.fround);

/** The shorter of two precisions, unless only the longer one gives the value back. */
function shortest(value: number, fewest: number, most: number, round: (x: number) => number): string {
  const text = significant(value, fewest);
  return round(Number(text)) === value ? text : significant(value, most);
}

/** C's `%.<digits>g`. */
function significant(value: number, digits: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e") as [string, string];
  const power = Number(exponent);
  const strip = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < digits) return strip(value.toFixed(digits - 1 - power));
  return `${strip(mantissa)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}
