// Random ops with TensorFlow's values for the same seeds: a Philox generator a node, which goes on from run to run.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { ResourceHandle } from "../kernel/resource.js";
import { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { PhiloxState, STATE_BYTES } from "./random/philox.js";
import { readInt, readInts } from "./support/index-tensor.js";

/** TensorFlow reserves this many 128-bit results a number, whatever it needs. */
const RESERVED = 256;
export const REALS = ["float", "double", "half", "bfloat16"];

export function shapeFrom(step: KernelStep, index: number): number[] {
  const tensor = step.input(index);
  if (tensor.shape.length !== 1)
    throw new InvalidArgumentError(
      `shape must be a vector of {int32,int64}, got shape [${(tensor.shape as Shape).join(",")}]`,
    );
  const shape = readInts(step.heap, tensor);
  const negative = shape.find((dim) => dim < 0);
  if (negative !== undefined) throw new InvalidArgumentError(`Dimension ${negative} must be >= 0`);
  return shape;
}

export type Distribution = "uniform" | "normal" | "truncated_normal";
/** Fills y from the generator whose state is at the address. */
export type Fill = (step: KernelStep, state: number, y: Tensor) => void;

/** Narrow floats are drawn as f32 and rounded; their uniform numbers have as many bits as they hold. */
export function fillReals(node: KernelNode, distribution: Distribution): Fill {
  const wasm = wasmOf(node);
  const dtype = node.outputTypes[0]!;
  const wide = dtype === DataType.DOUBLE;
  const narrow = dtype === DataType.HALF || dtype === DataType.BFLOAT16;
  const fraction = dtype === DataType.HALF ? 10 : 7;
  const round = dtype === DataType.HALF ? wasm.f32_to_half : wasm.f32_to_bfloat16;
  const uniform = wide ? wasm.random_uniform_f64 : wasm.random_uniform_f32;
  const normal = wide ? wasm.random_normal_f64 : wasm.random_normal_f32;
  const truncated = wide ? wasm.random_truncated_normal_f64 : wasm.random_truncated_normal_f32;
  return (step, state, y) => {
    const held = narrow ? scratch(step, 4 * y.size + 12) : null;
    const to = held === null ? y.ptr : held.ptr;
    if (distribution === "normal") normal(state, to, y.size);
    else if (distribution === "truncated_normal") truncated(state, to, y.size, state + 32);
    else if (narrow) wasm.random_uniform_narrow(state, to, y.size, fraction);
    else uniform(state, to, y.size);
    if (held === null) return;
    round(to, y.ptr, y.size);
    held.release();
  };
}

const scalar = (name: string, { shape }: Tensor): void => {
  if (shape.length > 0) throw new InvalidArgumentError(`${name} must be 0-D, got shape [${shape.join(",")}]`);
};

/** Integers from one input up to the next one, which stay below it. */
export function fillIntegers(node: KernelNode, low: number): Fill {
  const wasm = wasmOf(node);
  const wide = node.outputTypes[0] === DataType.INT64;
  return (step, state, y) => {
    const { heap } = step;
    const lo = step.input(low);
    const hi = step.input(low + 1);
    if (wide) {
      const from = heap.i64[lo.ptr / 8]!;
      heap.i64[(state + 32) / 8] = from;
      heap.u64[(state + 40) / 8] = BigInt.asUintN(64, heap.i64[hi.ptr / 8]! - from);
      wasm.random_uniform_i64(state, y.ptr, y.size, state + 32);
    } else {
      const from = readInt(heap, lo);
      wasm.random_uniform_i32(state, y.ptr, y.size, from, (readInt(heap, hi) - from) >>> 0);
    }
  };
}

export function checkRange(step: KernelStep, low: number): void {
  scalar("minval", step.input(low));
  scalar("maxval", step.input(low + 1));
}

export function checkOrder(step: KernelStep, low: number): void {
  const { heap } = step;
  const [lo, hi] = [step.input(low), step.input(low + 1)];
  const wide = lo.dtype === DataType.INT64;
  const from = wide ? heap.i64[lo.ptr / 8]! : heap.i32[lo.ptr >>> 2]!;
  const to = wide ? heap.i64[hi.ptr / 8]! : heap.i32[hi.ptr >>> 2]!;
  if (from >= to) throw new InvalidArgumentError(`Need minval < maxval, got ${from} >= ${to}`);
}

/** Memory for a state and what a kernel wants beside it. */
export const stateBlock = (step: KernelStep) => scratch(step, STATE_BYTES + 40);

const seeds = (node: KernelNode): PhiloxState => PhiloxState.fromSeeds(node.bigint("seed"), node.bigint("seed2"));

const reals = (op: string, distribution: Distribution): Kernel =>
  kernel(op, "CPU", { dtype: REALS }, (node) => {
    const fill = fillReals(node, distribution);
    const state = seeds(node);
    return (step) => {
      const y = step.allocateOutput(0, shapeFrom(step, 0));
      if (y.size === 0) return DONE;
      const block = stateBlock(step);
      state.take(step.heap, block.ptr, y.size * RESERVED);
      fill(step, block.ptr, y);
      block.release();
      return DONE;
    };
  });

const uniformInt = kernel("RandomUniformInt", "CPU", { Tout: ["int32", "int64"] }, (node) => {
  const fill = fillIntegers(node, 1);
  const state = seeds(node);
  return (step) => {
    const shape = shapeFrom(step, 0);
    checkRange(step, 1);
    const y = step.allocateOutput(0, shape);
    if (y.size === 0) return DONE;
    checkOrder(step, 1);
    const block = stateBlock(step);
    state.take(step.heap, block.ptr, y.size * RESERVED);
    fill(step, block.ptr, y);
    block.release();
    return DONE;
  };
});

const SEEDS_TYPE = "N10tensorflow4data18DummySeedGeneratorE";

/** Stands for the seeds of a data set that needs none. */
const dummySeeds = kernel("DummySeedGenerator", "CPU", {}, () => (step) => {
  const { name } = step.device;
  const handle = new ResourceHandle(
    name,
    "localhost",
    step.resources.privateName("DummySeedGenerator"),
    SEEDS_TYPE,
    0n,
  );
  step.setOutput(0, Tensor.ofValues(DataType.RESOURCE, [], [handle]));
  return DONE;
});

export const randomKernels: readonly Kernel[] = [
  reals("RandomUniform", "uniform"),
  reals("RandomStandardNormal", "normal"),
  reals("TruncatedNormal", "truncated_normal"),
  uniformInt,
  dummySeeds,
];
