// Moves rows of a tensor by a list of positions: result row i is source row `sources[i]`, or filler where that is
// negative. Every fixed-size dtype goes by its bytes, strings and other JavaScript values one by one.
import { ResourceExhaustedError } from "../../errors/index.js";
import type { KernelStep } from "../../kernel/kernel.js";
import type { Heap } from "../../memory/heap.js";
import { dtypeSize } from "../../tensor/dtype.js";
import { numElements, type Shape, shapeString } from "../../tensor/shape.js";
import { MAX_VALUES, retainValue, type Tensor, type Value } from "../../tensor/tensor.js";

const EMPTY = new Uint8Array(0);

/** Below this many bytes a loop over words is quicker than a call of `copyWithin`. */
const SHORT_ROW = 64;

/** Copies `bytes` within the heap; the two places don't overlap. */
export function copyBytes(heap: Heap, from: number, to: number, bytes: number): void {
  if (bytes > SHORT_ROW) heap.u8.copyWithin(to, from, from + bytes);
  else if (((from | to | bytes) & 3) === 0) {
    const { u32 } = heap;
    for (let i = 0; i < bytes >>> 2; i++) u32[(to >>> 2) + i] = u32[(from >>> 2) + i]!;
  } else {
    const { u8 } = heap;
    for (let i = 0; i < bytes; i++) u8[to + i] = u8[from + i]!;
  }
}

/** A list for that many JavaScript values. @throws ResourceExhaustedError */
export function allocateValues(step: KernelStep, shape: Shape, value?: Value): Value[] {
  const count = numElements(shape);
  if (count > MAX_VALUES)
    throw new ResourceExhaustedError(
      `OOM when allocating tensor with shape${shapeString(shape)} of JavaScript values on ${step.device.name}`,
    );
  const values = new Array<Value>(count);
  return value === undefined ? values : values.fill(value);
}

/**
 * Sets an output to rows of `width` elements of x.
 * @param sources one position for each row of the result, or what writes them once there is memory for the result;
 * rows at negative ones are filler, or zero without one
 * @param filler a scalar of x's dtype
 */
export function emitRows(
  step: KernelStep,
  output: number,
  x: Tensor,
  shape: Shape,
  width: number,
  sources: ArrayLike<number> | ((sources: Int32Array) => void),
  filler: Tensor | null = null,
): void {
  const listed = (): ArrayLike<number> => {
    if (typeof sources !== "function") return sources;
    const list = new Int32Array(numElements(shape) / width);
    sources(list);
    return list;
  };
  if (x.values !== null) {
    const values = allocateValues(step, shape);
    const from = values.length === 0 ? [] : listed();
    const blank = filler?.values?.[0] ?? EMPTY;
    for (let i = 0; i < values.length; i++) {
      const source = from[Math.floor(i / width)]!;
      const value = source < 0 ? blank : x.values[source * width + (i % width)]!;
      retainValue(value);
      values[i] = value;
    }
    step.setOutput(output, step.tensorOf(x.dtype, shape, values));
    return;
  }
  const y = step.allocateOutput(output, shape);
  if (y.size === 0) return;
  const { heap } = step;
  const size = dtypeSize(x.dtype);
  const bytes = width * size;
  const from = listed();
  for (let i = 0; i < y.size / width; i++) {
    const source = from[i]!;
    const to = y.ptr + i * bytes;
    if (source >= 0) copyBytes(heap, x.ptr + source * bytes, to, bytes);
    else if (filler === null) heap.u8.fill(0, to, to + bytes);
    else for (let j = 0; j < width; j++) copyBytes(heap, filler.ptr, to + j * size, size);
  }
}
