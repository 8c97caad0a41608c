// Shapes of sparse tensors' parts (indices, values, shape), of sets, and of quantized floats with their ranges.
import {
  dimOf,
  mergeDims,
  mergeShapes,
  type PartialShape,
  refuse,
  subshape,
  UNKNOWN,
  vector,
  withRank,
  withRankAtLeast,
  withValue,
} from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import { requireRanks } from "./common.js";
import type { ShapeContext, ShapeFunction, ShapeTable } from "./context.js";

/** Parts of a sparse tensor of this rank with any number of values. */
const anySparse = (rank: number): readonly PartialShape[] => [[UNKNOWN, rank], vector(UNKNOWN), vector(rank)];

const reshape: ShapeFunction = ({ inputs }) => {
  const indices = withRank(inputs[0]!, 2);
  withRank(inputs[1]!, 1);
  const asked = withRank(inputs[2]!, 1);
  return [[indices[0]!, asked[0]!], asked];
};

const matmul: ShapeFunction = (context) => {
  requireRanks(context, [0, 2], [1, 1]);
  const a = withRank(context.shapeFrom(2), 2);
  const b = withRank(context.inputs[3]!, 2);
  const [rows, inner] = context.node.bool("adjoint_a") ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [own, columns] = context.node.bool("adjoint_b") ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  mergeDims(inner, own);
  return [[rows, columns]];
};

/** Indices, values and shape of a sparse tensor, from input `first` on. @returns its rank */
function sparseRank({ inputs }: ShapeContext, first: number): number {
  const indices = withRank(inputs[first]!, 2);
  const values = withRank(inputs[first + 1]!, 1);
  const shape = withRank(inputs[first + 2]!, 1);
  const apart = (a: number, b: number) => a >= 0 && b >= 0 && a !== b;
  if (apart(indices[0]!, values[0]!))
    throw refuse(`Number of elements in index (${indices[0]}) and values (${values[0]}) do not match.`);
  if (apart(indices[1]!, shape[0]!))
    throw refuse(`Index rank (${indices[1]}) and shape rank (${shape[0]}) do not match.`);
  return shape[0]!;
}

/** Sets lie along the last dimension: all others are alike. */
function denseSets({ inputs: [a, b] }: ShapeContext): readonly PartialShape[] {
  withRankAtLeast(a!, 2);
  if (a === null) return anySparse(withRankAtLeast(b!, 2)?.length ?? UNKNOWN);
  const rank = a!.length;
  if (b !== null) mergeShapes(subshape(a!, 0, rank - 1), subshape(withRank(b!, rank), 0, rank - 1));
  return anySparse(rank);
}

const denseToSparseSets: ShapeFunction = (context) => {
  const rank = sparseRank(context, 1);
  const dense = withRankAtLeast(context.inputs[0]!, 2);
  if (dense === null) return anySparse(rank);
  withValue(rank, dense.length);
  return anySparse(dense.length);
};

const sparseSets: ShapeFunction = (context) => anySparse(mergeDims(sparseRank(context, 0), sparseRank(context, 3)));

const quantize: ShapeFunction = ({ node, inputs }) => {
  const axis = node.int("axis");
  if (axis < -1) throw refuse(`axis should be at least -1, got ${axis}`);
  const range = withRank(inputs[1]!, axis < 0 ? 0 : 1);
  withRank(inputs[2]!, axis < 0 ? 0 : 1);
  if (axis >= 0) mergeDims(range[0]!, dimOf(withRankAtLeast(inputs[0]!, axis + 1), axis));
  return [inputs[0]!, range, range];
};

export const sparseShapes: ShapeTable = {
  SparseReshape: reshape,
  SparseReorder: (context) => {
    withRank(context.inputs[2]!, 1);
    return [withRank(context.inputs[0]!, 2), withRank(context.inputs[1]!, 1)];
  },
  SparseTensorDenseMatMul: matmul,
  AddSparseToTensorsMap: () => [SCALAR],
  AddManySparseToTensorsMap: () => [vector(UNKNOWN)],
  TakeManySparseFromTensorsMap: () => anySparse(UNKNOWN),
  DenseToDenseSetOperation: denseSets,
  DenseToSparseSetOperation: denseToSparseSets,
  SparseToSparseSetOperation: sparseSets,
  SetSize: () => [null],
  QuantizeV2: quantize,
};
