// `tf.IndexedSlices`: rows of a tensor that is zero elsewhere, as gradients of gathers are. A row may come more than once.
import type { DataType } from "../../tensor/dtype.js";
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

/** All rows of a whole tensor. */
export function rowsOf(gradient: Gradient): IndexedSlices {
  if (gradient instanceof IndexedSlices) return gradient;
  const { ops } = gradient.graph;
  const shape = ops.shape(gradient);
  const count = ops.stridedSlice(shape, [0], [1], [1], { shrinkAxisMask: 1 });
  return new IndexedSlices(gradient, ops.range(0, count, 1), shape);
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
