// Gradients of ops that take and put elements by index. Rows that were gathered come back as rows (IndexedSlices).
import { DataType } from "../../tensor/dtype.js";
import type { Output } from "../output.js";
import { constantInts } from "../values.js";
import { forAll, type GradientContext, type GradientFunction, type Gradients } from "./context.js";
import { IndexedSlices } from "./indexed-slices.js";

const int32 = ({ ops }: GradientContext, input: Output) => ops.cast(input, { dstT: DataType.INT32 });

/** Rows along the first axis. */
function rows(context: GradientContext, shape: Output): IndexedSlices {
  const { ops, x, dy } = context;
  const indices = x[1]!;
  const rest = ops.stridedSlice(shape, [1], [0], [1], { endMask: 1 });
  const values = ops.reshape(dy, ops.concatV2([ops.expandDims(ops.size(indices), 0), rest], 0));
  return new IndexedSlices(values, ops.reshape(indices, [-1]), shape);
}

/** Along another axis: laid in front, summed by index, laid back. */
function alongAxis(context: GradientContext, axis: number): Output {
  const { ops, x, dy } = context;
  const [params, indices] = x as [Output, Output];
  const shape = ops.shape(params);
  const rank = ops.rank(params);
  const at = axis < 0 ? ops.add(rank, axis) : axis;
  const before = ops.range(0, at, 1);
  const behind = ops.range(ops.add(at, 1), rank, 1);
  const sizes = ops.concatV2([ops.gatherV2(shape, before, 0), [ops.size(indices)], ops.gatherV2(shape, behind, 0)], 0);
  const front = ops.concatV2([[at], before, behind], 0);
  const values = ops.transpose(ops.reshape(dy, sizes), front);
  const sums = ops.unsortedSegmentSum(values, ops.reshape(indices, [-1]), ops.gatherV2(shape, at, 0));
  return ops.transpose(sums, ops.invertPermutation(front));
}

const gather: GradientFunction = (context) => {
  const [params, , axisInput] = context.x;
  const axis = axisInput === undefined ? 0 : constantInts(axisInput)?.[0];
  if (axis === undefined) throw context.unsupported("an axis that isn't constant");
  if ((context.node.attrs.get("batch_dims")?.i ?? 0n) !== 0n) throw context.unsupported("batch_dims");
  if (axis !== 0) return [alongAxis(context, axis)];
  return [rows(context, int32(context, context.ops.shape(params!, { outType: DataType.INT64 })))];
};

export const gatherGradients: Gradients = {
  Gather: gather,
  GatherV2: gather,
  ResourceGather: (context) => [rows(context, context.ops.variableShape(context.x[0]!))],
  GatherNd: ({ ops, x, dy }) => {
    const [params, indices] = x as [Output, Output];
    const shape = ops.shape(params, { outType: indices.dtype });
    const isOfRows = indices.shape?.length === 2 && indices.shape[1] === 1;
    if (isOfRows) return [new IndexedSlices(dy, ops.squeeze(indices, { squeezeDims: [-1] }), shape)];
    return [ops.scatterNd(indices, dy, shape)];
  },
  ScatterNd: ({ ops, x, dy }) => [null, ops.gatherNd(dy, x[0]!)],
  TensorScatterUpdate: ({ ops, x, dy }) => {
    const [, indices, updates] = x as [Output, Output, Output];
    return [ops.tensorScatterUpdate(dy, indices, ops.zerosLike(updates)), null, ops.gatherNd(dy, indices)];
  },
  TensorScatterAdd: ({ ops, x, dy }) => [dy, null, ops.gatherNd(dy, x[1]!)],
  TensorScatterSub: ({ ops, x, dy }) => [dy, null, ops.neg(ops.gatherNd(dy, x[1]!))],
  DynamicPartition: (context) => {
    const { ops, x, y } = context;
    const [data, partitions] = x as [Output, Output];
    const positions = ops.reshape(ops.range(0, ops.size(partitions), 1), ops.shape(partitions));
    const parts = ops.dynamicPartition(positions, partitions, { numPartitions: y.length });
    const stitched = ops.dynamicStitch(
      parts,
      y.map((_, i) => context.grad(i)),
    );
    return [ops.reshape(stitched, ops.shape(data))];
  },
  ...forAll(["DynamicStitch", "ParallelDynamicStitch"], ({ ops, x, dy }) => {
    const indices = x.slice(0, x.length / 2);
    return [...indices.map(() => null), ...indices.map((index) => ops.gatherV2(dy, index, 0))];
  }),
  TopKV2: ({ ops, x, y, dy }) => {
    const [input, indices] = [x[0]!, y[1]!];
    const shape = ops.shape(input);
    const last = (of: Output) => ops.stridedSlice(of, [-1], [0], [1], { endMask: 1, shrinkAxisMask: 1 });
    const width = last(shape);
    const flat = ops.reshape(indices, ops.pack([-1, last(ops.shape(indices))]));
    const starts = ops.range(0, ops.size(input), width);
    const at = ops.reshape(ops.add(flat, ops.expandDims(starts, 1)), [-1, 1]);
    const sums = ops.scatterNd(at, ops.reshape(dy, [-1]), ops.expandDims(ops.size(input), 0));
    return [ops.reshape(sums, shape)];
  },
};
