// Random ops with TensorFlow's values for the same seeds: a Philox generator a node, which goes on from run to run.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { readInt, readInts } from "./support/index-tensor.js";

/** Counter (128 bits) and key (64 bits) of Philox; TensorFlow's `GuardedPhiloxRandom`. */
export class PhiloxState {
  #counter: bigint;
  readonly #key: bigint;

  constructor(counter: bigint, key: bigint) {
    this.#counter = counter;
    this.#key = key;
  }

  /** seed is the key, seed2 the upper half of the counter; both 0 asks for a random start. */
  static fromSeeds(seed: bigint, seed2: bigint): PhiloxState {
    if (seed === 0n && seed2 === 0n) {
      const words = crypto.getRandomValues(new BigUint64Array(2));
      return new PhiloxState(words[1]! << 64n, words[0]!);
    }
    return new PhiloxState(BigInt.asUintN(64, seed2) << 64n, BigInt.asUintN(64, seed));
  }

  /** Writes the state where a kernel reads it, and moves on by `calls` of the generator. */
  take(step: KernelStep, at: number, calls: number): void {
    const { u32 } = step.heap;
    const base = at >>> 2;
    for (let i = 0; i < 4; i++) u32[base + i] = Number((this.#counter >> BigInt(32 * i)) & 0xffffffffn);
    u32[base + 4] = Number(this.#key & 0xffffffffn);
    u32[base + 5] = Number(this.#key >> 32n);
    this.#counter = BigInt.asUintN(128, this.#counter + BigInt(calls));
  }
}

const STATE_BYTES = 24;
/** TensorFlow reserves this many 128-bit results a number, whatever it needs. */
const RESERVED = 256;

function shapeFrom(step: KernelStep, index: number): number[] {
  const tensor = step.input(index);
  if (tensor.shape.length !== 1)
    throw new InvalidArgumentError(`shape must be a vector of {int32,int64}, got shape ${tensor.shape.length}`);
  const shape = readInts(step.heap, tensor);
  const negative = shape.find((dim) => dim < 0);
  if (negative !== undefined) throw new InvalidArgumentError(`Dimension ${negative} must be >= 0`);
  return shape;
}

const seeds = (node: KernelNode): PhiloxState => PhiloxState.fromSeeds(node.bigint("seed"), node.bigint("seed2"));

const distribution = (op: string, name: string): Kernel =>
  kernel(op, "CPU", { dtype: ["float", "double"] }, (node) => {
    const compute = wasmFunction(node, name, node.outputTypes[0]!);
    const state = seeds(node);
    return (step) => {
      const y = step.allocateOutput(0, shapeFrom(step, 0));
      if (y.size === 0) return DONE;
      const block = scratch(step, STATE_BYTES);
      state.take(step, block.ptr, y.size * RESERVED);
      compute(block.ptr, y.ptr, y.size);
      block.release();
      return DONE;
    };
  });

const uniformInt = kernel("RandomUniformInt", "CPU", { Tout: ["int32", "int64"] }, (node) => {
  const wasm = wasmOf(node);
  const state = seeds(node);
  const wide = node.outputTypes[0] === DataType.INT64;
  return (step) => {
    const shape = shapeFrom(step, 0);
    const [low, high] = [step.input(1), step.input(2)];
    if (low.shape.length > 0) throw new InvalidArgumentError(`minval must be 0-D, got shape [${low.shape.join(",")}]`);
    if (high.shape.length > 0)
      throw new InvalidArgumentError(`maxval must be 0-D, got shape [${high.shape.join(",")}]`);
    const lo = readInt(step.heap, low);
    const hi = readInt(step.heap, high);
    const y = step.allocateOutput(0, shape);
    if (y.size === 0) return DONE;
    if (lo >= hi) throw new InvalidArgumentError(`Need minval < maxval, got ${lo} >= ${hi}`);
    const block = scratch(step, STATE_BYTES + 24);
    state.take(step, block.ptr, y.size * RESERVED);
    if (wide) {
      const bounds = block.ptr + 32;
      step.heap.i64[bounds / 8] = step.heap.i64[low.ptr / 8]!;
      step.heap.u64[bounds / 8 + 1] = BigInt.asUintN(64, step.heap.i64[high.ptr / 8]! - step.heap.i64[low.ptr / 8]!);
      wasm.random_uniform_i64(block.ptr, y.ptr, y.size, bounds);
    } else {
      wasm.random_uniform_i32(block.ptr, y.ptr, y.size, lo, (hi - lo) >>> 0);
    }
    block.release();
    return DONE;
  };
});

/** Normal numbers within two standard deviations: what falls outside is drawn again, in order. */
const truncatedNormal = kernel("TruncatedNormal", "CPU", { dtype: ["float"] }, (node) => {
  const wasm = wasmOf(node);
  const state = seeds(node);
  return (step) => {
    const y = step.allocateOutput(0, shapeFrom(step, 0));
    if (y.size === 0) return DONE;
    const block = scratch(step, STATE_BYTES);
    state.take(step, block.ptr, y.size * RESERVED);
    const start = step.heap.u32.slice(block.ptr >>> 2, (block.ptr >>> 2) + 6);
    const drawn = scratch(step, 4 * GROUP);
    const { f32, u32 } = step.heap;
    let filled = 0;
    // Each group of four outputs skips this many calls ahead, so that groups don't depend on each other.
    for (let group = 0; filled < y.size; group++) {
      let counter =
        (BigInt(start[3]!) << 96n) | (BigInt(start[2]!) << 64n) | (BigInt(start[1]!) << 32n) | BigInt(start[0]!);
      counter += BigInt(group * RESERVED);
      for (let kept = 0; kept < GROUP && filled < y.size; ) {
        for (let i = 0; i < 4; i++) u32[(block.ptr >>> 2) + i] = Number((counter >> BigInt(32 * i)) & 0xffffffffn);
        wasm.random_normal_f32(block.ptr, drawn.ptr, GROUP);
        counter++;
        for (let i = 0; i < GROUP && kept < GROUP && filled < y.size; i++) {
          const value = f32[(drawn.ptr >>> 2) + i]!;
          if (Math.abs(value) >= 2) continue;
          f32[(y.ptr >>> 2) + filled++] = value;
          kept++;
        }
      }
    }
    drawn.release();
    block.release();
    return DONE;
  };
});

const GROUP = 4;

export const randomKernels: readonly Kernel[] = [
  distribution("RandomUniform", "random_uniform"),
  distribution("RandomStandardNormal", "random_normal"),
  uniformInt,
  truncatedNormal,
];
