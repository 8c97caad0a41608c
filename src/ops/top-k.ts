// Ops that rank: the k largest elements of rows, whether a target is among them, and where values belong in sorted rows.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Elements, elementsOf } from "./support/elements.js";
import { checkListed, readInt, readInts, writeInts } from "./support/index-tensor.js";
import { copyBytes } from "./support/rows.js";

const REALS = ["float", "double", "int32", "int64", "uint8", "int16", "int8", "uint16", "uint32", "uint64"];

/** Above this a full sort is quicker than keeping a short list in order. */
const SHORT_LIST = 64;

/** Positions of the k largest (or smallest) of n elements from `start` on; of equal ones the first comes first. */
function best({ view }: Elements, start: number, n: number, k: number, largest: boolean): number[] {
  const precedes = (a: number, b: number): boolean => {
    const [x, y] = largest ? [view[start + b]!, view[start + a]!] : [view[start + a]!, view[start + b]!];
    return x < y || (!(x > y) && a < b);
  };
  if (k > SHORT_LIST) {
    const order = Array.from({ length: n }, (_, i) => i);
    return order.sort((a, b) => (precedes(a, b) ? -1 : 1)).slice(0, k);
  }
  const list: number[] = [];
  for (let i = 0; i < n && k > 0; i++) {
    if (list.length === k && !precedes(i, list[k - 1]!)) continue;
    if (list.length === k) list.pop();
    let at = list.length;
    while (at > 0 && precedes(i, list[at - 1]!)) at--;
    list.splice(at, 0, i);
  }
  return list;
}

/** Both results of a top-k: the elements and where they were. */
function emitBest(step: KernelStep, x: Tensor, k: number, largest: boolean): void {
  if (k < 0) throw new InvalidArgumentError(`Need k >= 0, got ${k}`);
  if (x.shape.length < 1) throw new InvalidArgumentError(`input must be >= 1-D, got shape ${shapeString(x.shape)}`);
  const n = x.shape.at(-1)!;
  if (n < k) throw new InvalidArgumentError(`input must have at least k columns. Had ${n}, needed ${k}`);
  const shape = [...x.shape.slice(0, -1), k];
  const values = step.allocateOutput(0, shape);
  const indices = step.allocateOutput(1, shape);
  if (values.size === 0) return;
  const elements = elementsOf(step.heap, x);
  const size = x.bytes / x.size;
  if (k > SHORT_LIST) checkListed(x);
  const all = new Int32Array(indices.size);
  let found = 0;
  for (let row = 0; row < values.size / k; row++) {
    for (const index of best(elements, elements.base + row * n, n, k, largest)) {
      copyBytes(step.heap, x.ptr + (row * n + index) * size, values.ptr + found * size, size);
      all[found++] = index;
    }
  }
  writeInts(step.heap, indices, all);
}

const topK = kernel("TopK", "CPU", { T: REALS }, (node) => {
  const k = node.int("k");
  return (step) => {
    emitBest(step, step.input(0), k, true);
    return DONE;
  };
});

const topKV2 = kernel("TopKV2", "CPU", { T: REALS, index_type: ["int32", "int64"] }, () => (step) => {
  const k = step.input(1);
  if (k.shape.length > 0) throw new InvalidArgumentError(`k must be scalar, got shape ${shapeString(k.shape)}`);
  emitBest(step, step.input(0), readInt(step.heap, k), true);
  return DONE;
});

/** Along the last dimension only; as TensorFlow's on a CPU, it is exact. */
const approxTopK = kernel("ApproxTopK", "CPU", { T: ["float"] }, (node) => {
  const k = node.int("k");
  const dimension = node.int("reduction_dimension");
  const largest = node.bool("is_max_k");
  return (step) => {
    const x = step.input(0);
    if (dimension !== -1 && dimension !== x.shape.length - 1)
      throw new InvalidArgumentError(`reduction_dimension must be the last one here, got ${dimension}`);
    emitBest(step, x, k, largest);
    return DONE;
  };
});

const inTopK = (op: string): Kernel =>
  kernel(op, "CPU", { T: ["int32", "int64"] }, (node) => {
    const fixed = op === "InTopK" ? node.int("k") : -1;
    return (step) => {
      const predictions = step.input(0);
      const targets = step.input(1);
      if (predictions.shape.length !== 2) throw new InvalidArgumentError("predictions must be 2-dimensional");
      if (targets.shape.length !== 1) throw new InvalidArgumentError("targets must be 1-dimensional");
      const [rows, classes] = predictions.shape as [number, number];
      if (targets.size !== rows)
        throw new InvalidArgumentError(
          `First dimension of predictions ${rows} must match length of targets ${targets.size}`,
        );
      if (op === "InTopKV2" && step.input(2).shape.length > 0)
        throw new InvalidArgumentError(`k must be 0-D, got shape ${shapeString(step.input(2).shape)}`);
      const k = op === "InTopK" ? fixed : readInt(step.heap, step.input(2));
      const y = step.allocateOutput(0, [rows]);
      const { f32, u8 } = step.heap;
      readInts(step.heap, targets).forEach((target, row) => {
        const start = (predictions.ptr >>> 2) + row * classes;
        const own = f32[start + target];
        let says = target >= 0 && target < classes && Number.isFinite(own);
        let above = 0;
        for (let c = 0; says && c < classes; c++) {
          const other = f32[start + c]!;
          if (!Number.isFinite(other)) says = false;
          else if (other > own!) above++;
        }
        u8[y.ptr + row] = Number(says && above < k);
      });
      return DONE;
    };
  });

const bound = (op: "LowerBound" | "UpperBound"): Kernel =>
  kernel(op, "CPU", { T: REALS }, () => (step) => {
    const sorted = step.input(0);
    const wanted = step.input(1);
    if (sorted.shape.length !== 2) throw new InvalidArgumentError("sorted input argument must be a matrix");
    if (wanted.shape.length !== 2) throw new InvalidArgumentError("search argument must be a matrix");
    const [rows, n] = sorted.shape as [number, number];
    if (wanted.shape[0] !== rows) throw new InvalidArgumentError("Leading dim_size of both tensors must match.");
    const y = step.allocateOutput(0, wanted.shape);
    if (y.size === 0) return DONE;
    const [list, values] = [elementsOf(step.heap, sorted), elementsOf(step.heap, wanted)];
    const columns = wanted.shape[1]!;
    const places = new Int32Array(y.size).map((_, i) => {
      const value = values.view[values.base + i]!;
      const start = list.base + Math.floor(i / columns) * n;
      let low = 0;
      let high = n;
      while (low < high) {
        const middle = (low + high) >>> 1;
        const here = list.view[start + middle]!;
        if (op === "LowerBound" ? here < value : !(value < here)) low = middle + 1;
        else high = middle;
      }
      return low;
    });
    writeInts(step.heap, y, places);
    return DONE;
  });

export const topKKernels: readonly Kernel[] = [
  topK,
  topKV2,
  approxTopK,
  inTopK("InTopK"),
  inTopK("InTopKV2"),
  bound("LowerBound"),
  bound("UpperBound"),
];
