// Random order and random choice: RandomShuffle of rows, Multinomial from unnormalized log-probabilities. The generator
// lives with the node, as random.ts has it.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import { retainValue } from "../tensor/tensor.js";
import { wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { PhiloxState, STATE_BYTES } from "./random/philox.js";
import { readInt } from "./support/index-tensor.js";
import { withTemporaries } from "./support/temporaries.js";

const STATE = 64;
/** TensorFlow reserves this many 128-bit results a number. */
const RESERVED = 256;

/** Fisher and Yates from the front: each place swaps with one that a word, modulo what is left, chooses. */
function shuffle({ u32, i32 }: Heap, words: number, order: number, n: number): void {
  const at = order >>> 2;
  for (let i = 0; i < n; i++) i32[at + i] = i;
  for (let i = 0; i + 1 < n; i++) {
    const j = i + (u32[(words >>> 2) + i]! % (n - i));
    const held = i32[at + i]!;
    i32[at + i] = i32[at + j]!;
    i32[at + j] = held;
  }
}

const randomShuffle = kernel("RandomShuffle", "CPU", {}, (node) => {
  const wasm = wasmOf(node);
  const state = PhiloxState.fromSeeds(node.bigint("seed"), node.bigint("seed2"));
  const size = dtypeSize(node.type("T"));
  return (step) => {
    const x = step.input(0);
    const rows = x.shape[0] ?? 1;
    if (x.size <= 1 || rows <= 1) {
      step.forwardInput(0, 0);
      return DONE;
    }
    // The last place has nothing to swap with: it draws no word, so 9 rows take two results of four words, not three.
    const draws = rows - 1;
    const calls = Math.ceil(draws / 4);
    return withTemporaries((keep) => {
      const block = keep(scratch(step, STATE + 16 * calls + 4 * rows));
      state.take(step.heap, block.ptr, calls);
      const words = block.ptr + STATE;
      const order = words + 16 * calls;
      wasm.random_bits(block.ptr, words, draws);
      shuffle(step.heap, words, order, rows);
      const width = x.size / rows;
      if (x.values === null) {
        const y = step.allocateOutput(0, x.shape);
        wasm.gather_i32(x.ptr, order, y.ptr, rows, rows, width * size);
      } else {
        const { i32 } = step.heap;
        const values = x.values.map(
          (_, i) => x.values![i32[(order >>> 2) + Math.floor(i / width)]! * width + (i % width)]!,
        );
        for (const value of values) retainValue(value);
        step.setOutput(0, step.tensorOf(x.dtype, x.shape, values));
      }
      return DONE;
    });
  };
});

/** Running sums of e^(logit − largest); what isn't finite has no probability. */
function distribution(at: (i: number) => number, classes: number, sums: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < classes; i++) if (Number.isFinite(at(i)) && at(i) > largest) largest = at(i);
  let total = 0;
  for (let i = 0; i < classes; i++) {
    if (Number.isFinite(at(i))) total += Math.exp(at(i) - largest);
    sums[i] = total;
  }
  return total;
}

/** The first class whose running sum is beyond `target`. */
function choose(sums: Float64Array, target: number): number {
  let low = 0;
  let high = sums.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sums[middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

const multinomial = kernel("Multinomial", "CPU", { T: ["float", "double"] }, (node) => {
  const wasm = wasmOf(node);
  const state = PhiloxState.fromSeeds(node.bigint("seed"), node.bigint("seed2"));
  return (step) => {
    const logits = step.input(0);
    const count = step.input(1);
    if (logits.shape.length !== 2)
      throw new InvalidArgumentError(`logits should be a matrix, got shape ${shapeString(logits.shape)}`);
    if (count.shape.length > 0)
      throw new InvalidArgumentError(`num_samples should be a scalar, got shape ${shapeString(count.shape)}`);
    const samples = readInt(step.heap, count);
    if (samples < 0) throw new InvalidArgumentError(`num_samples should be nonnegative, got ${samples}`);
    const [batch, classes] = logits.shape as readonly [number, number];
    if (samples > 0 && classes <= 0) throw new InvalidArgumentError(`num_classes should be positive, got ${classes}`);
    const y = step.allocateOutput(0, [batch, samples]);
    if (y.size === 0) return DONE;
    const block = scratch(step, STATE + 8 * y.size + STATE_BYTES);
    // A number is a double here, of two words; rows are rounded up to four of them.
    state.take(step.heap, block.ptr, batch * Math.ceil(samples / 4) * 8 * RESERVED);
    const drawn = block.ptr + STATE;
    wasm.random_uniform_f64(block.ptr, drawn, y.size);
    const { f32, f64, i32, i64 } = step.heap;
    const wide = logits.dtype === DataType.DOUBLE;
    const sums = new Float64Array(classes);
    for (let row = 0; row < batch; row++) {
      const start = row * classes;
      const at = (i: number): number =>
        wide ? f64[logits.ptr / 8 + start + i]! : f32[(logits.ptr >>> 2) + start + i]!;
      const total = distribution(at, classes, sums);
      for (let i = row * samples; i < (row + 1) * samples; i++) {
        const chosen = choose(sums, f64[drawn / 8 + i]! * total);
        if (y.dtype === DataType.INT64) i64[y.ptr / 8 + i] = BigInt(chosen);
        else i32[(y.ptr >>> 2) + i] = chosen;
      }
    }
    block.release();
    return DONE;
  };
});

export const randomChoiceKernels: readonly Kernel[] = [randomShuffle, multinomial];
