// Shape of a slice in Python's way, of shapes and bounds that may be known in part only.
import { dimOf, mergeShapes, type PartialShape, refuse, UNKNOWN, withRank } from "../../tensor/partial-shape.js";
import { unchanged } from "./common.js";
import { forOps, type ShapeContext, type ShapeTable } from "./context.js";

const bit = (mask: number, i: number): boolean => (mask & (1 << i)) !== 0;

/** What the slice does with one dimension of its input; a whole one takes all of it. */
interface Cut {
  readonly whole: boolean;
  /** Position in begin, end and strides. */
  readonly at: number;
}

function stridedSlice(context: ShapeContext): PartialShape {
  const { node, inputs } = context;
  let index: PartialShape = withRank(inputs[1]!, 1);
  index = mergeShapes(index, withRank(inputs[2]!, 1));
  index = mergeShapes(index, withRank(inputs[3]!, 1));
  const input = inputs[0]!;
  const count = dimOf(index, 0);
  const strides = context.constant(3);
  if (input === null || count < 0 || strides === null) return null;
  const ellipsis = node.int("ellipsis_mask");
  const newAxis = node.int("new_axis_mask");
  const shrink = node.int("shrink_axis_mask");
  if ((ellipsis & (ellipsis - 1)) !== 0) throw refuse("Multiple ellipses in slice spec not allowed");
  const begins = context.constant(1);
  const ends = context.constant(2);

  // Which entry cuts which dimension; new axes stand in the result only.
  const cuts: Cut[] = [];
  const result: ("new" | number)[] = [];
  const take = (cut: Cut) => {
    if (cuts.length >= input.length) {
      throw refuse(`Index out of range using input dim ${cuts.length}; input has only ${input.length} dims`);
    }
    result.push(cuts.length);
    cuts.push(cut);
  };
  const fillUp = (later: number) => {
    while (cuts.length < input.length - later) take({ whole: true, at: -1 });
  };
  for (let i = 0; i < count; i++) {
    if (bit(ellipsis, i)) {
      let later = 0;
      for (let j = i + 1; j < count; j++) if (!bit(newAxis, j)) later++;
      fillUp(later);
    } else if (bit(newAxis, i)) result.push("new");
    else take({ whole: false, at: i });
  }
  if (ellipsis === 0 || !Array.from({ length: count }, (_, i) => bit(ellipsis, i)).includes(true)) fillUp(0);

  const sizes = cuts.map(({ whole, at }, axis) => {
    const dim = input[axis]!;
    if (whole) return dim;
    const stride = strides[at]!;
    if (stride === 0) throw refuse(`strides[${axis}] must be non-zero`);
    const shrinks = bit(shrink, at);
    if (dim < 0) return shrinks ? 1 : UNKNOWN;
    if (shrinks && stride <= 0) throw refuse("only stride 1 allowed on non-range indexing.");
    const masked = { begin: bit(node.int("begin_mask"), at), end: bit(node.int("end_mask"), at) };
    if (begins !== null && ends !== null) {
      const begin = begins[at]!;
      if (shrinks) {
        const from = begin < 0 ? begin + dim : begin;
        if (from < 0 || from >= dim) throw refuse(`slice index ${from} of dimension ${axis} out of bounds.`);
        return 1;
      }
      const low = stride > 0 ? 0 : -1;
      const high = stride > 0 ? dim : dim - 1;
      const clamp = (value: number) => Math.min(Math.max(value < 0 ? value + dim : value, low), high);
      const from = masked.begin ? (stride > 0 ? 0 : dim - 1) : clamp(begin);
      const to = masked.end ? (stride > 0 ? dim : -1) : clamp(ends[at]!);
      return Math.max(0, Math.ceil((to - from) / stride));
    }
    if (shrinks) return 1;
    return masked.begin && masked.end ? Math.ceil(dim / Math.abs(stride)) : UNKNOWN;
  });
  return result.flatMap((axis) => {
    if (axis === "new") return [1];
    const { whole, at } = cuts[axis]!;
    return !whole && bit(shrink, at) ? [] : [sizes[axis]!];
  });
}

export const stridedSliceShapes: ShapeTable = {
  StridedSlice: (context) => {
    context.setHandle(0, context.handle(0));
    return [stridedSlice(context)];
  },
  StridedSliceGrad: (context) => [context.shapeFrom(0)],
  ...forOps("StridedSliceAssign", unchanged),
  ResourceStridedSliceAssign: () => [],
};
