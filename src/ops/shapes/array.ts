// Shapes of ops that lay out elements anew: reshape, transpose, join, cut, repeat.

import { dtypeSize } from "../../tensor/dtype.js";
import {
  addDims,
  concatenate,
  dimOf,
  divideDims,
  elementsOf,
  mergeDims,
  mergeShapes,
  multiplyDims,
  type PartialShape,
  refuse,
  replaceDim,
  subshape,
  UNKNOWN,
  unknownOfRank,
  vector,
  withoutDim,
  withRank,
  withRankAtLeast,
  withRankAtMost,
  withValue,
} from "../../tensor/partial-shape.js";
import { partialShapeString, SCALAR, type Shape } from "../../tensor/shape.js";
import { axisFrom, mergeAll, requireRanks, scalar, unchanged, within } from "./common.js";
import { forOps, type ShapeContext, type ShapeTable } from "./context.js";

const rankVector = (shape: PartialShape): Shape => vector(shape?.length ?? UNKNOWN);

/** The product of the known dimensions, and which one is unknown: −1 for none, `null` for several. */
function openElements(shape: Shape): { known: number; open: number | null } {
  const all = elementsOf(shape);
  if (all >= 0) return { known: all, open: -1 };
  const open = shape.indexOf(UNKNOWN);
  return {
    known: shape.reduce((n, dim) => (dim < 0 ? n : multiplyDims(n, dim)), 1),
    open: open === shape.lastIndexOf(UNKNOWN) ? open : null,
  };
}

function reshape(context: ShapeContext): PartialShape {
  const input = context.inputs[0]!;
  const output = context.shapeFrom(1);
  if (output === null || input === null) return output;
  const from = openElements(input);
  const to = openElements(output);
  if (from.open === null || to.open === null) return output;
  if (from.open < 0 && to.open < 0) {
    if (from.known === to.known) return output;
    throw refuse(
      `Cannot reshape a tensor with ${from.known} elements to shape ${partialShapeString(output)} (${to.known} elements)`,
    );
  }
  if (from.open < 0) {
    return to.known > 0 ? replaceDim(output, to.open, divideDims(from.known, to.known, true)) : output;
  }
  if (to.open < 0 && from.known !== 0) divideDims(to.known, from.known, true);
  return output;
}

function expandDims(context: ShapeContext): PartialShape {
  const input = context.inputs[0]!;
  const value = context.constant(1);
  if (value !== null && value.length !== 1) throw refuse("'dim' input must be a tensor with a single value");
  if (input === null) return null;
  const rank = input.length;
  if (value === null) return null;
  const dim = value[0]!;
  if (dim < -rank - 1 || dim > rank) throw refuse(`dim ${dim} not in the interval [${-rank - 1}, ${rank}].`);
  return input.toSpliced(dim < 0 ? dim + rank + 1 : dim, 0, 1);
}

function squeeze({ node, inputs: [input] }: ShapeContext): PartialShape {
  if (input === null || input === undefined) return null;
  const rank = input.length;
  const dims = node.ints("squeeze_dims").map((dim, i) => {
    if (dim < -rank || dim >= rank) throw refuse(`squeeze_dims[${i}] not in [${-rank},${rank}).`);
    return dim < 0 ? dim + rank : dim;
  });
  if (dims.length === 0) return input.includes(UNKNOWN) ? null : input.filter((dim) => dim !== 1);
  return input.filter((dim, i) => {
    if (!dims.includes(i)) return true;
    if (dim !== 1 && dim !== UNKNOWN) throw refuse(`Can not squeeze dim[${i}], expected a dimension of 1, got ${dim}`);
    return false;
  });
}

function transpose(context: ShapeContext): PartialShape {
  const [input, permShape] = context.inputs as [PartialShape, PartialShape];
  const perm = context.constant(1);
  const permSize = elementsOf(permShape);
  if (input === null && permSize < 0 && perm === null) return null;
  const rank = input?.length ?? (permSize >= 0 ? permSize : perm!.length);
  if (input === null && rank < 2) return input;
  withRank(permShape, 1);
  withValue(permSize, rank);
  if (perm === null) return unknownOfRank(rank);
  const shape = withRank(input, rank);
  return perm.map((from) => {
    if (from >= rank || from < -rank) throw refuse(`perm dim ${from} is out of range of input rank ${rank}`);
    return shape.at(from)!;
  });
}

function concat(context: ShapeContext, values: readonly PartialShape[], axisInput: number): PartialShape {
  withRank(context.inputs[axisInput]!, 0);
  const axis = context.constant(axisInput)?.[0];
  if (axis === undefined) {
    const rank = values.find((shape) => shape !== null)?.length;
    if (rank === undefined) return null;
    if (rank === 0) throw refuse("Can't concatenate scalars (use tf.stack instead)");
    for (const shape of values) withRank(shape, rank);
    return unknownOfRank(rank);
  }
  const least = axis < 0 ? -axis : axis + 1;
  const cut = (shape: PartialShape) => {
    withRankAtLeast(shape, least);
    return {
      before: subshape(shape, 0, axis),
      middle: dimOf(shape, axis),
      after: axis === -1 ? SCALAR : subshape(shape, axis + 1),
    };
  };
  let { before, middle, after } = cut(values.at(-1)!);
  for (let i = values.length - 2; i >= 0; i--) {
    const next = cut(values[i]!);
    before = mergeShapes(next.before, before);
    middle = addDims(middle, next.middle);
    after = mergeShapes(next.after, after);
  }
  return concatenate(before, vector(middle), after);
}

function checkedAxis({ node }: ShapeContext, rank: number): number {
  const axis = node.int("axis");
  if (axis < -rank || axis >= rank) throw refuse(`Invalid axis: ${axis}; must be in [${-rank},${rank})`);
  return axis < 0 ? axis + rank : axis;
}

function pack(context: ShapeContext): PartialShape {
  const merged = mergeAll(context.inputs);
  if (merged === null) return null;
  return merged.toSpliced(checkedAxis(context, merged.length + 1), 0, context.inputs.length);
}

function unpack(context: ShapeContext): readonly PartialShape[] {
  const count = context.node.outputTypes.length;
  const input = context.inputs[0]!;
  if (input === null) return new Array<PartialShape>(count).fill(null);
  const axis = checkedAxis(context, input.length);
  withValue(input[axis]!, count);
  return new Array<PartialShape>(count).fill(withoutDim(input, axis));
}

function split(context: ShapeContext): readonly PartialShape[] {
  const input = context.inputs[1]!;
  const count = context.node.outputTypes.length;
  const axis = axisFrom(context, 0, input?.length ?? -1);
  let shape: PartialShape = input === null ? null : unknownOfRank(input.length);
  if (axis !== null) {
    withRankAtLeast(input, axis + 1);
    const size = within("Number of ways to split should evenly divide the split dimension", () =>
      divideDims(dimOf(input, axis), count, true),
    );
    shape = replaceDim(input, axis, size);
  }
  return new Array<PartialShape>(count).fill(shape);
}

function splitV(context: ShapeContext): readonly PartialShape[] {
  const input = context.inputs[0]!;
  const count = context.node.outputTypes.length;
  const axis = axisFrom(context, 2, input?.length ?? -1);
  const all = (shape: PartialShape) => new Array<PartialShape>(count).fill(shape);
  const sizes = context.constant(1);
  if (input === null) return count === 1 ? [input] : all(null);
  if (input.length === 0) throw refuse("Can't split scalars");
  if (axis === null) return all(unknownOfRank(input.length));
  if (sizes === null) return all(replaceDim(input, axis, UNKNOWN));
  if (sizes.length !== count) throw refuse("Length of size_splits should be equal to num_outputs");
  const whole = input[axis]!;
  if (sizes.indexOf(-1) !== sizes.lastIndexOf(-1)) throw refuse("size_splits can only have one -1");
  const given = sizes.reduce((sum, size) => (size === -1 ? sum : sum + size), 0);
  const shapes = sizes.map((size, i) => {
    const real = size === -1 && whole >= 0 ? whole - given : size;
    if (real < -1 || (real === -1 && whole >= 0)) throw refuse(`Split size at index ${i} must be >= 0. Got: ${real}`);
    return replaceDim(input, axis, real);
  });
  const total = sizes.includes(-1) ? whole : given;
  if (whole >= 0 && total !== whole) {
    throw refuse(`can't split axis of size ${whole} into pieces of size [${sizes.join(",")}]`);
  }
  return shapes;
}

function broadcastTo(context: ShapeContext): PartialShape {
  withRank(context.inputs[1]!, 1);
  const output = context.shapeFrom(1);
  const input = context.inputs[0]!;
  if (output === null || input === null) return output;
  withRankAtMost(input, output.length);
  const start = output.length - input.length;
  return output.map((dim, i) => (i >= start && input[i - start]! > 1 ? mergeDims(input[i - start]!, dim) : dim));
}

function tile(context: ShapeContext): PartialShape {
  const input = context.inputs[0]!;
  let multiples = context.shapeFrom(1);
  if (input !== null) {
    multiples = withRank(multiples, input.length);
    mergeShapes(context.inputs[1]!, vector(input.length));
  }
  if (multiples === null) return null;
  return withRank(input, multiples.length).map((dim, i) =>
    multiples[i]! === UNKNOWN ? UNKNOWN : multiplyDims(dim, multiples[i]!),
  );
}

function bitcast({ node, inputs: [input] }: ShapeContext): PartialShape {
  if (input === null || input === undefined) return null;
  const from = dtypeSize(node.inputTypes[0]!);
  const to = dtypeSize(node.outputTypes[0]!);
  if (from === to) return input;
  if (from > to) return [...input, from / to];
  withRankAtLeast(input, 1);
  const last = input.at(-1)!;
  if (last >= 0 && last !== to / from) {
    throw refuse(
      `Cannot bitcast from ${node.inputTypes[0]} to ${node.outputTypes[0]} due to shape. ${last} does not match ${to / from}`,
    );
  }
  return input.slice(0, -1);
}

function fill(context: ShapeContext): PartialShape {
  requireRanks(context, [0, 1], [1, 0]);
  const dims = context.constant(0);
  if (dims?.some((dim) => dim < 0)) throw refuse("Fill dimensions must be >= 0");
  return context.shapeFrom(0);
}

function reverse(context: ShapeContext): PartialShape {
  const count = dimOf(withRank(context.inputs[1]!, 1), 0);
  const input = count >= 0 ? withRank(context.inputs[0]!, count) : context.inputs[0]!;
  if (input !== null && input.length > 8) throw refuse("reverse does not work on tensors with more than 8 dimensions");
  return input;
}

function reverseV2(context: ShapeContext): PartialShape {
  const input = context.inputs[0]!;
  withRank(context.inputs[1]!, 1);
  if (input === null) return input;
  if (input.length > 8) throw refuse("reverse does not work on tensors with more than 8 dimensions");
  const seen = new Set<number>();
  context.constant(1)?.forEach((axis, i) => {
    const canonical = axis < 0 ? axis + input.length : axis;
    if (canonical < 0 || canonical >= input.length) {
      throw refuse(`'axis'[${i}] = ${axis} is out of valid range [0, ${input.length - 1}`);
    }
    if (seen.has(canonical)) throw refuse(`axis ${canonical} specified more than once.`);
    seen.add(canonical);
  });
  return input;
}

function reverseSequence({ node, inputs: [input, lengths] }: ShapeContext): PartialShape {
  const lengthsShape = withRank(lengths!, 1);
  if (input === null || input === undefined) return null;
  const rank = input.length;
  const batch = node.int("batch_dim");
  const seq = node.int("seq_dim");
  if (batch >= rank) throw refuse(`batch_dim must be < input rank: ${batch} vs. ${rank}`);
  if (seq >= rank) throw refuse(`seq_dim must be < input rank: ${seq} vs. ${rank}`);
  return replaceDim(input, batch, mergeDims(dimOf(input, batch), lengthsShape[0]!));
}

function broadcastArgs(context: ShapeContext): PartialShape {
  requireRanks(context, [0, 1], [1, 1]);
  const [a, b] = [dimOf(context.inputs[0]!, 0), dimOf(context.inputs[1]!, 0)];
  return vector(a < 0 || b < 0 ? UNKNOWN : Math.max(a, b));
}

/** Position and size of the parts of an image layout. */
export function blockShape({ node, inputs: [input] }: ShapeContext, toDepth: boolean): PartialShape {
  const [n, h, w, c] = node.string("data_format") === "NCHW" ? ([0, 2, 3, 1] as const) : ([0, 1, 2, 3] as const);
  const shape = withRank(input!, 4);
  const block = node.int("block_size");
  const output = [...shape];
  output[n] = shape[n]!;
  output[h] = toDepth ? divideDims(shape[h]!, block, true) : multiplyDims(shape[h]!, block);
  output[w] = toDepth ? divideDims(shape[w]!, block, true) : multiplyDims(shape[w]!, block);
  output[c] = toDepth ? multiplyDims(shape[c]!, block * block) : divideDims(shape[c]!, block * block, true);
  return output;
}

export const arrayShapes: ShapeTable = {
  Shape: ({ inputs }) => inputs.map(rankVector),
  ShapeN: ({ inputs }) => inputs.map(rankVector),
  Size: scalar,
  Rank: scalar,
  Reshape: (context) => [reshape(context)],
  ExpandDims: (context) => [expandDims(context)],
  Squeeze: (context) => [squeeze(context)],
  EnsureShape: ({ node, inputs }) => {
    const shape = node.shape("shape");
    return [mergeShapes(shape, shape === null ? inputs[0]! : withRank(inputs[0]!, shape.length))];
  },
  Bitcast: (context) => [bitcast(context)],
  BroadcastArgs: (context) => [broadcastArgs(context)],
  BroadcastGradientArgs: (context) => {
    requireRanks(context, [0, 1], [1, 1]);
    return [vector(UNKNOWN), vector(UNKNOWN)];
  },
  ConcatOffset: ({ inputs }) => inputs.slice(1),
  InvertPermutation: ({ inputs }) => [withRank(inputs[0]!, 1)],
  ...forOps("Transpose ConjugateTranspose", (context) => [transpose(context)]),
  BroadcastTo: (context) => [broadcastTo(context)],
  Tile: (context) => [tile(context)],
  Fill: (context) => [fill(context)],
  Empty: (context) => {
    withRank(context.inputs[0]!, 1);
    return [context.shapeFrom(0)];
  },
  Reverse: (context) => [reverse(context)],
  ReverseV2: (context) => [reverseV2(context)],
  ReverseSequence: (context) => [reverseSequence(context)],
  Concat: (context) => [concat(context, context.inputs.slice(1), 0)],
  ConcatV2: (context) => [concat(context, context.inputs.slice(0, -1), context.inputs.length - 1)],
  Pack: (context) => [pack(context)],
  Unpack: unpack,
  Split: split,
  SplitV: splitV,
  SpaceToDepth: (context) => [blockShape(context, true)],
  DepthToSpace: (context) => [blockShape(context, false)],
  RandomShuffle: unchanged,
};
