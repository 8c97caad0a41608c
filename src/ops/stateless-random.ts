// Stateless random ops: what they draw depends on their seed inputs alone. The first generation takes two seeds, the
// second one a key, a counter and an algorithm; both end in the same Philox generator.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { wasmOf } from "./cpu.js";
import { scramble, writeState } from "./random/philox.js";
import {
  checkOrder,
  checkRange,
  type Distribution,
  type Fill,
  fillIntegers,
  fillReals,
  REALS,
  shapeFrom,
  stateBlock,
} from "./random.js";

const PHILOX = 1;
const AUTO = 3;

/** Writes the generator's state at the address, from the inputs. */
type Start = (step: KernelStep, at: number) => void;
/** Checks the inputs that say where to start. */
type Check = (step: KernelStep) => void;

function checkSeed(step: KernelStep, index: number): void {
  const { shape } = step.input(index);
  if (shape.length !== 1 || shape[0] !== 2)
    throw new InvalidArgumentError(`seed must have shape [2], not [${shape.join(",")}]`);
}

function mixed(step: KernelStep, index: number) {
  const { heap } = step;
  const seed = step.input(index);
  const at = (i: number): bigint =>
    seed.dtype === DataType.INT64 ? heap.i64[seed.ptr / 8 + i]! : BigInt(heap.i32[(seed.ptr >>> 2) + i]!);
  return scramble(at(0), at(1));
}

const fromSeed: Start = (step, at) => {
  const { key, counter } = mixed(step, 1);
  writeState(step.heap, at, counter << 64n, key);
};

const algorithm = (step: KernelStep): number => step.heap.i32[step.input(3).ptr >>> 2]!;

function checkKey(step: KernelStep): void {
  const alg = step.input(3).shape;
  if (alg.length > 0) throw new InvalidArgumentError(`algorithm must be of shape [], not [${alg.join(",")}]`);
  const key = step.input(1).shape;
  if (key.length !== 1 || key[0] !== 1)
    throw new InvalidArgumentError(
      `key must have shape [1], not [${key.join(",")}]. (Note that batched keys are not supported yet.)`,
    );
  const counter = step.input(2).shape;
  // TensorFlow asks for as many as the algorithm's number says.
  const needed = algorithm(step) === AUTO ? PHILOX : algorithm(step);
  if (counter.length !== 1 || counter[0]! < needed)
    throw new InvalidArgumentError(
      `counter must be a vector with length at least ${needed}; got shape: [${counter.join(",")}]. (Note that batched counters are not supported yet.)`,
    );
}

const fromKey: Start = (step, at) => {
  const id = algorithm(step);
  if (id !== PHILOX && id !== AUTO) throw new InvalidArgumentError(`Unsupported algorithm id: ${id}`);
  const { u64 } = step.heap;
  const counter = step.input(2);
  const low = u64[counter.ptr / 8]!;
  const high = counter.size > 1 ? u64[counter.ptr / 8 + 1]! : 0n;
  writeState(step.heap, at, (high << 64n) | low, u64[step.input(1).ptr / 8]!);
};

/** `bounds`: index of minval, when there are bounds. */
const draw = (
  op: string,
  types: Readonly<Record<string, readonly string[]>>,
  second: boolean,
  makeFill: (node: KernelNode) => Fill,
  bounds?: number,
): Kernel =>
  kernel(op, "CPU", types, (node) => {
    const fill = makeFill(node);
    const check: Check = second ? checkKey : (step) => checkSeed(step, 1);
    const start = second ? fromKey : fromSeed;
    return (step) => {
      const shape = shapeFrom(step, 0);
      check(step);
      if (bounds !== undefined) {
        checkRange(step, bounds);
        checkOrder(step, bounds);
      }
      const y = step.allocateOutput(0, shape);
      if (y.size === 0) return DONE;
      const block = stateBlock(step);
      try {
        start(step, block.ptr);
        fill(step, block.ptr, y);
      } finally {
        block.release();
      }
      return DONE;
    };
  });

const reals = (op: string, distribution: Distribution): Kernel[] => [
  draw(op, { dtype: REALS }, false, (node) => fillReals(node, distribution)),
  draw(`${op}V2`, { dtype: REALS }, true, (node) => fillReals(node, distribution)),
];

/** Every value of the integer type: the generator's words as they come. */
function fillBits(node: KernelNode): Fill {
  const wasm = wasmOf(node);
  const words = node.outputTypes[0] === DataType.INT64 || node.outputTypes[0] === DataType.UINT64 ? 2 : 1;
  return (_step, state, y) => wasm.random_bits(state, y.ptr, words * y.size);
}

const INTEGERS = ["int32", "int64", "uint32", "uint64"];

const getKeyCounter = kernel("StatelessRandomGetKeyCounter", "CPU", { Tseed: ["int32", "int64"] }, () => (step) => {
  checkSeed(step, 0);
  const { key, counter } = mixed(step, 0);
  const keyOut = step.allocateOutput(0, [1]);
  const counterOut = step.allocateOutput(1, [2]);
  const { u64 } = step.heap;
  u64[keyOut.ptr / 8] = key;
  u64[counterOut.ptr / 8] = 0n;
  u64[counterOut.ptr / 8 + 1] = counter;
  return DONE;
});

const getKey = kernel("StatelessRandomGetKeyCounterAlg", "CPU", { Tseed: ["int32", "int64"] }, () => (step) => {
  checkSeed(step, 0);
  const { key, counter } = mixed(step, 0);
  const keyOut = step.allocateOutput(0, [1]);
  const counterOut = step.allocateOutput(1, [2]);
  const algOut = step.allocateOutput(2, []);
  const { u64, i32 } = step.heap;
  u64[keyOut.ptr / 8] = key;
  u64[counterOut.ptr / 8] = 0n;
  u64[counterOut.ptr / 8 + 1] = counter;
  i32[algOut.ptr >>> 2] = PHILOX;
  return DONE;
});

const getAlg = kernel("StatelessRandomGetAlg", "CPU", {}, () => (step) => {
  const alg = step.allocateOutput(0, []);
  step.heap.i32[alg.ptr >>> 2] = PHILOX;
  return DONE;
});

export const statelessRandomKernels: readonly Kernel[] = [
  ...reals("StatelessRandomUniform", "uniform"),
  ...reals("StatelessRandomNormal", "normal"),
  ...reals("StatelessTruncatedNormal", "truncated_normal"),
  draw("StatelessRandomUniformInt", { dtype: ["int32", "int64"] }, false, (node) => fillIntegers(node, 2), 2),
  draw("StatelessRandomUniformIntV2", { dtype: ["int32", "int64"] }, true, (node) => fillIntegers(node, 4), 4),
  draw("StatelessRandomUniformFullInt", { dtype: INTEGERS }, false, fillBits),
  draw("StatelessRandomUniformFullIntV2", { dtype: INTEGERS }, true, fillBits),
  getKeyCounter,
  getKey,
  getAlg,
];
