// Shapes of sparse tensors' parts (indices, values, shape), of sets, and of quantized floats with their ranges.
import {
  dimOf,
  mergeDims,
  mergeShapes,
  type PartialShape,
  refuse,
  UNKNOWN,
  vector,
  withRank,
  withRankAtLeast,
} from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import { requireRanks } from "./common.js";
import { forOps, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

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

/** The rank that either of two dense tensors has. */
function denseSets({ inputs }: ShapeContext): readonly PartialShape[] {
  const known = inputs.filter((shape) => shape !== null);
  for (const shape of known) if (shape.length < 2) throw refuse(`Input expected rank >= 2, got ${shape.length}.`);
  return anySparse(known[0]?.length ?? UNKNOWN);
}

const quantize: ShapeFunction = ({ node, inputs }) => {
  const axis = node.int("axis");
  if (axis < -1) throw refuse(`axis should be at least -1, got ${axis}`);
  let range: PartialShape = withRank(inputs[1]!, axis < 0 ? 0 : 1);
  if (axis >= 0) range = mergeShapes(range, vector(dimOf(withRankAtLeast(inputs[0]!, axis + 1), axis)));
  withRank(inputs[2]!, axis < 0 ? 0 : 1);
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
  ...forOps("DenseToSparseSetOperation", ({ inputs }) => anySparse(inputs[0]?.length ?? UNKNOWN)),
  SparseToSparseSetOperation: ({ inputs }) => {
    const sizes = [dimOf(inputs[2]!, 0), dimOf(inputs[5]!, 0)];
    return anySparse(sizes.find((rank) => rank >= 0) ?? UNKNOWN);
  },
  SetSize: () => [null],
  QuantizeV2: quantize,
};
