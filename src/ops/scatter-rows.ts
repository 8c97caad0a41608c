// Updates meeting the rows of a tensor that are there: put in their place, added to them, and so on, one after the other.
// Shared by scatters into tensors and into variables. Which rows they are is worked out elsewhere.
import type { KernelNode, KernelStep } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { DataType, dtypeSize, isComplex } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";
import { partsOf } from "./support/complex.js";
import { COMPLEX_BINARY, type OfTwo } from "./support/complex-functions.js";
import { type Elements, elementsOf } from "./support/elements.js";
import { conversions, isNarrow } from "./support/narrow-floats.js";
import { copyBytes } from "./support/rows.js";
import { withTemporaries } from "./support/temporaries.js";

const NARROW_BYTES = dtypeSize(DataType.HALF);

/** Slices that coordinates pick: the flat number of each, in rows of `width` elements. */
export interface Slices {
  readonly rows: number[];
  readonly width: number;
}

/** How an update meets the element that is there. Numbers and BigInts alike. */
export type Combine = "update" | "add" | "sub" | "mul" | "div" | "min" | "max" | "differ";

/** Combines one row of updates into a row of the target; `stride` 0 repeats one update for all of it. */
function combineRow(
  view: Elements["view"],
  to: number,
  from: number,
  width: number,
  stride: number,
  how: Combine,
): void {
  for (let i = 0; i < width; i++) {
    const a = view[to + i]!;
    const b = view[from + i * stride]!;
    if (how === "add") view[to + i] = a + b;
    else if (how === "sub") view[to + i] = a - b;
    else if (how === "mul") view[to + i] = a * b;
    else if (how === "div") view[to + i] = a / b;
    else if (how === "differ") view[to + i] = Number(a !== b);
    else if (how === "min") view[to + i] = b < a ? b : a;
    else view[to + i] = b > a ? b : a;
  }
}

/** Puts rows of updates into rows of y, one after the other: where a row is named twice both count. */
function scatterRows(heap: Heap, y: Tensor, updates: Tensor, { rows, width }: Slices, how: Combine): void {
  if (updates.size === 0 || width === 0) return;
  const stride = updates.size === 1 && rows.length * width > 1 ? 0 : 1;
  if (how === "update") {
    const size = y.bytes / y.size;
    const bytes = size * width;
    rows.forEach((row, i) => {
      const to = y.ptr + row * bytes;
      if (stride === 1) copyBytes(heap, updates.ptr + i * bytes, to, bytes);
      else for (let j = 0; j < width; j++) copyBytes(heap, updates.ptr, to + j * size, size);
    });
    return;
  }
  const { view, base: to } = elementsOf(heap, y);
  const from = elementsOf(heap, updates).base;
  rows.forEach((row, i) => {
    combineRow(view, to + row * width, from + i * width * stride, width, stride, how);
  });
}

/** How updates meet complex numbers; they have no order, and differ by nothing. */
const COMPLEX_COMBINE: Readonly<Partial<Record<Combine, OfTwo>>> = {
  add: COMPLEX_BINARY.Add!,
  sub: COMPLEX_BINARY.Sub!,
  mul: COMPLEX_BINARY.Mul!,
  div: COMPLEX_BINARY.RealDiv!,
};

function scatterComplex(heap: Heap, y: Tensor, updates: Tensor, { rows, width }: Slices, how: Combine): void {
  const combine = COMPLEX_COMBINE[how]!;
  const stride = updates.size === 1 && rows.length * width > 1 ? 0 : 2;
  const { view, base } = partsOf(heap, y);
  const from = partsOf(heap, updates).base;
  for (let i = 0; i < rows.length && updates.size > 0; i++)
    for (let k = 0; k < width; k++) {
      const at = base + 2 * (rows[i]! * width + k);
      const by = from + stride * (i * width + k);
      const [re, im] = combine(view[at]!, view[at + 1]!, view[by]!, view[by + 1]!);
      view[at] = re;
      view[at + 1] = im;
    }
}

export type Scatter = (step: KernelStep, y: Tensor, updates: Tensor, slices: Slices, how: Combine) => void;

/** Updates rows of the dtype; those of narrow floats in float, and rounded after each, as a row may be named twice. */
export function scatterOf(node: KernelNode, dtype: DataType): Scatter {
  const plain: Scatter = (step, y, updates, slices, how) => scatterRows(step.heap, y, updates, slices, how);
  if (isComplex(dtype)) {
    return (step, y, updates, slices, how) =>
      how === "update" ? plain(step, y, updates, slices, how) : scatterComplex(step.heap, y, updates, slices, how);
  }
  if (!isNarrow(dtype)) return plain;
  const { widen, narrow } = conversions(node, dtype);
  return (step, y, updates, slices, how) => {
    if (how === "update") return plain(step, y, updates, slices, how);
    const { rows, width } = slices;
    if (updates.size === 0 || width === 0) return;
    const repeated = updates.size === 1 && rows.length * width > 1;
    withTemporaries((keep) => {
      const there = keep(step.allocate(DataType.FLOAT, [width]));
      const update = keep(step.allocate(DataType.FLOAT, [repeated ? 1 : width]));
      const one: Slices = { rows: [0], width };
      rows.forEach((row, i) => {
        const at = y.ptr + row * width * NARROW_BYTES;
        widen(at, there.ptr, width);
        widen(updates.ptr + (repeated ? 0 : i * width * NARROW_BYTES), update.ptr, update.size);
        scatterRows(step.heap, there, update, one, how);
        narrow(there.ptr, at, width);
      });
    });
  };
}
