// The shape of an einsum: every label has one size, and ellipses broadcast.
import {
  broadcastPartial,
  mergeDims,
  type PartialShape,
  refuse,
  subshape,
  UNKNOWN,
  withRank,
  withRankAtLeast,
  withRankAtMost,
} from "../../tensor/partial-shape.js";
import { ELLIPSIS, parseEquation } from "../support/einsum-equation.js";
import { within } from "./common.js";
import type { ShapeContext, ShapeTable } from "./context.js";

/** The dimensions under an operand's ellipsis; those under its labels go into `sizes`. */
function readOperand(shape: PartialShape, labels: readonly string[], sizes: Map<string, number>): PartialShape {
  const dots = labels.indexOf(ELLIPSIS);
  const spread = shape === null ? 0 : shape.length - labels.length;
  labels.forEach((label, i) => {
    if (label === ELLIPSIS) return;
    const dim = shape === null ? UNKNOWN : shape[dots >= 0 && i > dots ? i + spread : i]!;
    sizes.set(label, mergeDims(sizes.get(label) ?? UNKNOWN, dim));
  });
  if (dots < 0) return [];
  return subshape(shape, dots, dots + spread + 1);
}

function einsum({ node, inputs }: ShapeContext): PartialShape {
  const text = node.string("equation");
  const equation = parseEquation(text);
  if (equation.inputs.length !== inputs.length)
    throw refuse(`Expected ${equation.inputs.length} inputs for equation ${text} but got: ${inputs.length}`);
  const sizes = new Map<string, number>();
  const [first, second] = equation.inputs.map((labels, i) => {
    const shape = inputs[i]!;
    within(` for ${i}th input and equation: ${text}`, () => {
      if (labels.includes(ELLIPSIS)) withRankAtLeast(shape, labels.length - 1);
      else withRank(shape, labels.length);
    });
    return readOperand(shape, labels, sizes);
  });
  const broadcast = second === undefined ? first! : broadcastPartial(first!, second);
  const { output } = equation;
  if (output.includes(ELLIPSIS)) {
    if (broadcast === null) return null;
  } else
    within(
      ` for einsum equation '${text}' without ellipsis (...) in the output subscripts where input(s) have non-empty broadcasting shape`,
      () => withRankAtMost(broadcast, 0),
    );
  return output.flatMap((label) => {
    if (label === ELLIPSIS) return broadcast!;
    const size = sizes.get(label);
    if (size === undefined)
      throw refuse(
        `Einsum output subscripts for equation '${text}' has label '${label}' which is not present in the input subscripts`,
      );
    return [size];
  });
}

export const einsumShapes: ShapeTable = { Einsum: (context) => [einsum(context)] };
