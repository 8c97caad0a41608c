// Ops that move blocks of space into the batch or the depth of a tensor, and back; tensors rolled along their axes;
// sequences turned round in place. Each works out where every row of its result comes from.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { readInts } from "./support/index-tensor.js";
import { emitRows } from "./support/rows.js";
import { stridesOf } from "./support/strided.js";

/** Visits every index of a shape in order. The array is the same each time. */
export function eachIndex(shape: Shape, visit: (index: readonly number[], at: number) => void): void {
  const count = numElements(shape);
  const index = new Array<number>(shape.length).fill(0);
  for (let at = 0; at < count; at++) {
    visit(index, at);
    for (let d = shape.length - 1; d >= 0 && ++index[d]! === shape[d]; d--) index[d] = 0;
  }
}

interface Blocks {
  readonly sizes: readonly number[];
  /** Before and after, by blocked dimension: padding or crops. */
  readonly edges: readonly (readonly [number, number])[];
}

function readBlocks(step: KernelStep, x: Tensor, edgesName: string): Blocks {
  const sizes = readInts(step.heap, step.input(1));
  const given = step.input(2);
  const n = sizes.length;
  if (step.input(1).shape.length !== 1)
    throw new InvalidArgumentError(`block_shape rank should be 1 instead of ${step.input(1).shape.length}`);
  if (x.shape.length < 1 + n)
    throw new InvalidArgumentError(`input rank should be >= ${1 + n} instead of ${x.shape.length}`);
  if (given.shape.length !== 2 || given.shape[0] !== n || given.shape[1] !== 2)
    throw new InvalidArgumentError(`${edgesName} should have shape [${n}, 2] instead of ${shapeString(given.shape)}`);
  const flat = readInts(step.heap, given);
  return { sizes, edges: sizes.map((_, i) => [flat[2 * i]!, flat[2 * i + 1]!] as const) };
}

const spaceToBatch = kernel("SpaceToBatchND", "CPU", {}, () => (step) => {
  const x = step.input(0);
  const { sizes, edges } = readBlocks(step, x, "paddings");
  const n = sizes.length;
  const zero = sizes.findIndex((size) => size < 1);
  if (zero >= 0)
    throw new InvalidArgumentError(
      `All values in block_shape must be positive, got value, ${sizes[zero]} at index ${zero}.`,
    );
  const outer = sizes.map((size, i) => {
    const [before, after] = edges[i]!;
    if (before < 0 || after < 0) throw new InvalidArgumentError("paddings must be non-negative");
    const padded = x.shape[1 + i]! + before + after;
    if (padded % size !== 0)
      throw new InvalidArgumentError(`padded_shape[${i}]=${padded} is not divisible by block_shape[${i}]=${size}`);
    return padded / size;
  });
  const [batch] = x.shape as [number];
  const rest = x.shape.slice(1 + n);
  const rows = [...sizes, batch, ...outer];
  const space = x.shape.slice(1, 1 + n);
  const strides = stridesOf([batch, ...space]);
  emitBlocks(step, x, [numElements(sizes) * batch, ...outer, ...rest], rest, rows, (index) => {
    let at = index[n]! * strides[0]!;
    for (let i = 0; i < n; i++) {
      const place = index[n + 1 + i]! * sizes[i]! + index[i]! - edges[i]![0];
      if (place < 0 || place >= space[i]!) return -1;
      at += place * strides[i + 1]!;
    }
    return at;
  });
  return DONE;
});

const batchToSpace = kernel("BatchToSpaceND", "CPU", {}, () => (step) => {
  const x = step.input(0);
  const { sizes, edges } = readBlocks(step, x, "crops");
  const n = sizes.length;
  const product = numElements(sizes);
  if (product <= 0) throw new InvalidArgumentError(`Product of block sizes must be positive, got ${product}`);
  const [all] = x.shape as [number];
  if (all % product !== 0)
    throw new InvalidArgumentError(
      `Input batch dimension (${all}) is not divisible by product of block sizes (${product})`,
    );
  const space = sizes.map((size, i) => {
    const [before, after] = edges[i]!;
    if (before < 0 || after < 0) throw new InvalidArgumentError("Crops must be non-negative");
    const cropped = x.shape[1 + i]! * size - before - after;
    if (cropped < 0) throw new InvalidArgumentError(`cropped_shape[${i}]=${cropped} must be non-negative`);
    return cropped;
  });
  const batch = all / product;
  const rest = x.shape.slice(1 + n);
  const strides = stridesOf([...sizes, batch, ...x.shape.slice(1, 1 + n)]);
  emitBlocks(step, x, [batch, ...space, ...rest], rest, [batch, ...space], (index) => {
    let at = index[0]! * strides[n]!;
    for (let i = 0; i < n; i++) {
      const place = index[1 + i]! + edges[i]![0];
      at += (place % sizes[i]!) * strides[i]! + Math.floor(place / sizes[i]!) * strides[n + 1 + i]!;
    }
    return at;
  });
  return DONE;
});

/** Rows of shape `rest`, one for each index of `rows`, in that order. */
function emitBlocks(
  step: KernelStep,
  x: Tensor,
  shape: Shape,
  rest: Shape,
  rows: Shape,
  sourceOf: (index: readonly number[]) => number,
): void {
  const width = numElements(rest);
  emitRows(step, 0, x, shape, width, (sources) => {
    eachIndex(rows, (index, at) => {
      sources[at] = sourceOf(index);
    });
  });
}

const toDepth = (op: "SpaceToDepth" | "DepthToSpace"): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const size = node.int("block_size");
    const channelsFirst = node.string("data_format") === "NCHW";
    const intoDepth = op === "SpaceToDepth";
    return (step) => {
      const x = step.input(0);
      if (x.shape.length !== 4) throw new InvalidArgumentError(`Input rank should be: 4 instead of: ${x.shape.length}`);
      const [n, a, b, c] = x.shape as [number, number, number, number];
      const [height, width, depth] = channelsFirst ? [b, c, a] : [a, b, c];
      if (intoDepth && (height % size !== 0 || width % size !== 0))
        throw new InvalidArgumentError(
          `Image width ${width} and height ${height} should be divisible by block_size: ${size}`,
        );
      if (!intoDepth && depth % (size * size) !== 0)
        throw new InvalidArgumentError(`Input depth dimension ${depth} should be divisible by: ${size * size}`);
      const inner = intoDepth ? depth : depth / (size * size);
      const shape = intoDepth
        ? ([n, height / size, width / size, depth * size * size] as const)
        : ([n, height * size, width * size, inner] as const);
      const [, newHeight, newWidth, newDepth] = shape;
      const result = channelsFirst ? [n, newDepth, newHeight, newWidth] : shape;
      // Elements one by one where channels are apart, rows of them where they lie together.
      const row = channelsFirst ? 1 : inner;
      const steps = newDepth / (channelsFirst ? 1 : inner);
      const at = (image: number, y: number, x2: number, channel: number) =>
        channelsFirst ? ((image * depth + channel) * height + y) * width + x2 : (image * height + y) * width + x2;
      const source = (image: number, y: number, x2: number, channel: number): number => {
        const block = intoDepth ? Math.floor(channel / inner) : (y % size) * size + (x2 % size);
        if (intoDepth) {
          const [down, right] = [Math.floor(block / size), block % size];
          return at(image, y * size + down, x2 * size + right, channel % inner);
        }
        const base = at(image, Math.floor(y / size), Math.floor(x2 / size), block * inner + channel);
        return channelsFirst ? base : base * size * size + block;
      };
      const order = channelsFirst ? result : [n, newHeight, newWidth, steps];
      emitRows(step, 0, x, result, row, (sources) => {
        eachIndex(order, (index, position) => {
          const [i, p, q, r] = index as [number, number, number, number];
          sources[position] = channelsFirst ? source(i, q, r, p) : source(i, p, q, r * (intoDepth ? inner : 1));
        });
      });
      return DONE;
    };
  });

const roll = kernel("Roll", "CPU", {}, () => (step) => {
  const [x, shifts, axes] = [step.input(0), step.input(1), step.input(2)];
  const { shape } = x;
  if (shape.length < 1) throw new InvalidArgumentError("input must be 1-D or higher");
  for (const [name, given] of [
    ["shift", shifts],
    ["axis", axes],
  ] as const) {
    if (given.shape.length > 1)
      throw new InvalidArgumentError(`${name} must be a scalar or a 1-D vector. Found: ${shapeString(given.shape)}`);
  }
  if (!sameShape(shifts.shape, axes.shape)) throw new InvalidArgumentError("shift and axis must have the same size");
  const moved = new Array<number>(shape.length).fill(0);
  const by = readInts(step.heap, shifts);
  readInts(step.heap, axes).forEach((given, i) => {
    const axis = given < 0 ? given + shape.length : given;
    if (axis < 0 || axis >= shape.length) throw new InvalidArgumentError(`axis ${axis} is out of range`);
    const size = Math.max(shape[axis]!, 1);
    moved[axis] = (((moved[axis]! + by[i]!) % size) + size) % size;
  });
  const strides = stridesOf(shape);
  emitRows(step, 0, x, shape, 1, (sources) => {
    eachIndex(shape, (index, position) => {
      let at = 0;
      for (let d = 0; d < index.length; d++) at += ((index[d]! - moved[d]! + shape[d]!) % shape[d]!) * strides[d]!;
      sources[position] = at;
    });
  });
  return DONE;
});

const reverseSequence = kernel("ReverseSequence", "CPU", {}, (node) => {
  const seqDim = node.int("seq_dim");
  const batchDim = node.int("batch_dim");
  return (step) => {
    const x = step.input(0);
    const given = step.input(1);
    if (given.shape.length !== 1)
      throw new InvalidArgumentError(`seq_lens input must be 1-dim, not ${given.shape.length}`);
    if (batchDim === seqDim) throw new InvalidArgumentError(`batch_dim == seq_dim == ${seqDim}`);
    if (seqDim >= x.shape.length || seqDim < 0)
      throw new InvalidArgumentError(`seq_dim must be < input rank ( ${seqDim} vs. ${x.shape.length})`);
    if (batchDim >= x.shape.length || batchDim < 0)
      throw new InvalidArgumentError(`batch_dim must be < input rank ( ${batchDim} vs. ${x.shape.length})`);
    if (given.size !== x.shape[batchDim])
      throw new InvalidArgumentError(
        `Length of seq_lengths != input.dims(${batchDim}), (${given.size} vs. ${x.shape[batchDim]})`,
      );
    const lengths = readInts(step.heap, given);
    lengths.forEach((length, i) => {
      if (length < 0) throw new InvalidArgumentError(`seq_lens(${i}) < 0`);
      if (length > x.shape[seqDim]!) throw new InvalidArgumentError(`seq_lens(${i}) > input.dims(${seqDim})`);
    });
    const last = Math.max(seqDim, batchDim);
    const rows = x.shape.slice(0, last + 1);
    const strides = stridesOf(rows);
    emitRows(step, 0, x, x.shape, numElements(x.shape.slice(last + 1)), (sources) => {
      eachIndex(rows, (index, at) => {
        const length = lengths[index[batchDim]!]!;
        const place = index[seqDim]!;
        sources[at] = place < length ? at + (length - 1 - 2 * place) * strides[seqDim]! : at;
      });
    });
    return DONE;
  };
});

export const blockKernels: readonly Kernel[] = [
  spaceToBatch,
  batchToSpace,
  toDepth("SpaceToDepth"),
  toDepth("DepthToSpace"),
  roll,
  reverseSequence,
];
