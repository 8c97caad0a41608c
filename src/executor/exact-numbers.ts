// Large numbers in the text of a kernel's error, as TensorFlow prints them: kernels read int64 as JavaScript's numbers,
// which are rounded beyond 2^53. What stands in the text is looked up among the call's inputs; a number that was computed
// from them stays as it is.
import { OpError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import { Tensor } from "../tensor/tensor.js";
import type { Call } from "./call.js";

const LARGE = /-?\d{16,}/g;

/** To be called while the call has its inputs. @returns the error itself where it names no such number */
export function withExactNumbers(error: unknown, { inputs, base, inputCount, heap }: Call): unknown {
  if (!(error instanceof OpError)) return error;
  const wanted = new Set((error.message.match(LARGE) ?? []).map(Number));
  if (wanted.size === 0) return error;
  const exact = new Map<number, bigint>();
  for (const entry of inputs.slice(base, base + inputCount)) {
    if (!(entry instanceof Tensor) || entry.dtype !== DataType.INT64) continue;
    for (let i = 0; i < entry.size; i++) {
      const value = heap.i64[entry.ptr / 8 + i]!;
      if (wanted.has(Number(value))) exact.set(Number(value), value);
    }
  }
  return error.withMessage(error.message.replace(LARGE, (text) => String(exact.get(Number(text)) ?? text)));
}
