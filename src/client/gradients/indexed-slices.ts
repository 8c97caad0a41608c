// `tf.IndexedSlices`: rows of a tensor that is zero elsewhere, as gradients of gathers are. A row may come more than once.
import { DataType } from "../../tensor/dtype.js";
import type { Output } from "../output.js";

export class IndexedSlices {
  constructor(
    readonly values: Output,
    readonly indices: Output,
    /** Of the whole tensor. */
    readonly denseShape: Output,
  ) {}

  get graph() {
    return this.values.graph;
  }

  /** The whole tensor. */
  toDense(): Output {
    const { ops } = this.graph;
    const rows = ops.stridedSlice(this.denseShape, [0], [1], [1], { shrinkAxisMask: 1 });
    return ops.unsortedSegmentSum(this.values, this.indices, rows);
  }

  /** Each row once, its values summed. */
  unique(): { readonly values: Output; readonly indices: Output } {
    const { ops } = this.graph;
    const { y: indices, idx } = ops.unique(this.indices);
    return { values: ops.unsortedSegmentSum(this.values, idx, ops.size(indices)), indices };
  }
}

/** A gradient, of all elements or of some rows. */
export type Gradient = Output | IndexedSlices;

export const toDense = (gradient: Gradient): Output =>
  gradient instanceof IndexedSlices ? gradient.toDense() : gradient;

/** What the indices of several gradients are when they have to be alike. */
export const indexTypeOf = (gradients: readonly Gradient[]): DataType =>
  gradients.some((gradient) => gradient instanceof IndexedSlices && gradient.indices.dtype === DataType.INT64)
    ? DataType.INT64
    : DataType.INT32;

/** A gradient as rows: all of them, of a whole tensor. @param indexType of the indices; the shape is always int32 */
export function rowsOf(gradient: Gradient, indexType: DataType): IndexedSlices {
  const { ops } = gradient.graph;
  const cast = (output: Output, dstT: DataType) => (output.dtype === dstT ? output : ops.cast(output, { dstT }));
  if (gradient instanceof IndexedSlices) {
    const { values, indices, denseShape } = gradient;
    return new IndexedSlices(values, cast(indices, indexType), cast(denseShape, DataType.INT32));
  }
  const shape = ops.shape(gradient);
  const count = ops.stridedSlice(shape, [0], [1], [1], { shrinkAxisMask: 1 });
  return new IndexedSlices(gradient, cast(ops.range(0, count, 1), indexType), shape);
}

export const dtypeOf = (gradient: Gradient): DataType =>
  (gradient instanceof IndexedSlices ? gradient.values : gradient).dtype;

/** The sum of what comes back from several consumers: rows stay rows when all are. */
export function sumOf(gradients: readonly Gradient[]): Gradient {
  if (gradients.length === 1) return gradients[0]!;
  const [first] = gradients as readonly [Gradient];
  const { ops } = first.graph;
  const slices = gradients.filter((gradient) => gradient instanceof IndexedSlices);
  if (slices.length < gradients.length) return ops.addN(gradients.map(toDense));
  const concat = (parts: readonly Output[]) => ops.concatV2(parts, 0);
  const indices = slices.map((slice) => ops.cast(slice.indices, { dstT: slices[0]!.indices.dtype }));
  return new IndexedSlices(concat(slices.map(({ values }) => values)), concat(indices), slices[0]!.denseShape);
}
