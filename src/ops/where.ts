// Ops whose result's size depends on values: where elements are true, which are unique, which are missing elsewhere.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { dtypeSize } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkListed, writeInts } from "./support/index-tensor.js";

/** Coordinates of the elements that aren't zero. */
const where = kernel("Where", "CPU", {}, () => (step) => {
  const x = step.input(0);
  if (x.shape.length === 0) throw new InvalidArgumentError("WhereOp : Unhandled input dimensions: 0");
  const size = dtypeSize(x.dtype);
  const { u8, f32, f64 } = step.heap;
  // A float is zero with either sign; of other types all bytes are.
  const isTrue = (i: number): boolean => {
    if (x.dtype === 1) return f32[(x.ptr >>> 2) + i] !== 0;
    if (x.dtype === 2) return f64[x.ptr / 8 + i] !== 0;
    for (let b = 0; b < size; b++) if (u8[x.ptr + i * size + b] !== 0) return true;
    return false;
  };
  let count = 0;
  for (let i = 0; i < x.size; i++) if (isTrue(i)) count++;
  const rank = x.shape.length;
  const y = step.allocateOutput(0, [count, rank]);
  const coordinates = step.heap.i64;
  let row = y.ptr / 8;
  for (let i = 0; count > 0 && i < x.size; i++) {
    if (!isTrue(i)) continue;
    for (let d = rank - 1, rest = i; d >= 0; d--) {
      coordinates[row + d] = BigInt(rest % x.shape[d]!);
      rest = Math.floor(rest / x.shape[d]!);
    }
    row += rank;
  }
  return DONE;
});

/** Bytes as a text of as many characters: unlike any text decoder it can be turned back. */
function byteText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** A key for each element of a tensor: equal keys, equal elements. */
export function keysOf(step: KernelStep, x: Tensor): (string | number | bigint)[] {
  if (x.values !== null) return x.values.map((value) => byteText(value as Uint8Array));
  checkListed(x);
  const size = dtypeSize(x.dtype);
  const { heap } = step;
  if (x.dtype === 1) return Array.from({ length: x.size }, (_, i) => heap.f32[(x.ptr >>> 2) + i]!);
  if (x.dtype === 2) return Array.from({ length: x.size }, (_, i) => heap.f64[x.ptr / 8 + i]!);
  if (size === 8) return Array.from({ length: x.size }, (_, i) => heap.i64[x.ptr / 8 + i]!);
  if (size === 4) return Array.from({ length: x.size }, (_, i) => heap.i32[(x.ptr >>> 2) + i]!);
  if (size === 2) return Array.from({ length: x.size }, (_, i) => heap.i16[(x.ptr >>> 1) + i]!);
  return Array.from({ length: x.size }, (_, i) => heap.u8[x.ptr + i]!);
}

/** The elements at these positions as a vector. */
function pick(step: KernelStep, x: Tensor, positions: readonly number[], output: number): void {
  if (x.values !== null) {
    const values = positions.map((i) => x.values![i]!);
    step.setOutput(output, step.tensorOf(x.dtype, [values.length], values));
    return;
  }
  const y = step.allocateOutput(output, [positions.length]);
  const size = dtypeSize(x.dtype);
  positions.forEach((from, to) => {
    step.heap.u8.copyWithin(y.ptr + to * size, x.ptr + from * size, x.ptr + (from + 1) * size);
  });
}

const unique = (op: string, counts: boolean): Kernel =>
  kernel(op, "CPU", {}, () => (step) => {
    const x = step.input(0);
    if (x.shape.length !== 1) throw new InvalidArgumentError("unique expects a 1D vector.");
    const index = new Map<string | number | bigint, number>();
    const first: number[] = [];
    const times: number[] = [];
    const ids = keysOf(step, x).map((key, i) => {
      let id = index.get(key);
      if (id === undefined) {
        id = first.push(i) - 1;
        times.push(0);
        index.set(key, id);
      }
      times[id]!++;
      return id;
    });
    pick(step, x, first, 0);
    writeInts(step.heap, step.allocateOutput(1, [ids.length]), ids);
    if (counts) writeInts(step.heap, step.allocateOutput(2, [times.length]), times);
    return DONE;
  });

const listDiff = kernel("ListDiff", "CPU", {}, () => (step) => {
  const x = step.input(0);
  const y = step.input(1);
  if (x.shape.length !== 1) throw new InvalidArgumentError(`x should be a 1D vector.`);
  if (y.shape.length !== 1) throw new InvalidArgumentError(`y should be a 1D vector.`);
  const gone = new Set(keysOf(step, y));
  const kept = keysOf(step, x).flatMap((key, i) => (gone.has(key) ? [] : [i]));
  pick(step, x, kept, 0);
  writeInts(step.heap, step.allocateOutput(1, [kept.length]), kept);
  return DONE;
});

export const whereKernels: readonly Kernel[] = [
  where,
  unique("Unique", false),
  unique("UniqueWithCounts", true),
  listDiff,
];
