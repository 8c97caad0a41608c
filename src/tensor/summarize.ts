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

function elementText(tensor: Tensor, heap: Heap, i: number): string {
  if (tensor.values !== null) {
    const value = tensor.values[i];
    return value instanceof Uint8Array ? escaped(decoder.decode(value)) : "?";
  }
  switch (tensor.dtype) {
    case DataType.FLOAT:
      return shortest(heap.f32[(tensor.ptr >>> 2) + i]!);
    case DataType.DOUBLE:
      return shortest(heap.f64[tensor.ptr / 8 + i]!);
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

/** C++'s default: six significant digits. */
export function shortest(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  // Whether it is written with an exponent shows after rounding: 9.99999974e-05 is 0.0001.
  const rounded = Number(value.toPrecision(6));
  const size = Math.abs(rounded);
  if (Object.is(value, -0)) return "-0";
  if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(rounded);
  const [digits, exponent] = rounded.toExponential(5).split("e") as [string, string];
  return `${Number(digits)}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}
