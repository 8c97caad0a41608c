// Shapes of ops on diagonals of matrices.
import {
  concatenate,
  dimOf,
  isFullyKnown,
  mergeDims,
  mergeShapes,
  type PartialShape,
  refuse,
  subshape,
  UNKNOWN,
  unknownOfRank,
  withRank,
  withRankAtLeast,
  withRankAtMost,
} from "../../tensor/partial-shape.js";
import { forOps, type ShapeContext, type ShapeTable } from "./context.js";

const least = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a < 0 || b < 0 ? UNKNOWN : Math.min(a, b));

/** First and last diagonal from an input, `null` when not known. */
function bounds(context: ShapeContext, input: number): readonly [lower: number, upper: number] | null {
  withRankAtMost(context.inputs[input]!, 1);
  const k = context.constant(input);
  if (k === null) return null;
  if (k.length !== 1 && k.length !== 2) {
    throw refuse(`diag_index must be a vector with one or two elements. It has ${k.length} elements.`);
  }
  const [lower, upper] = [k[0]!, k.at(-1)!];
  if (lower > upper) throw refuse("lower_diag_index is greater than upper_diag_index");
  return [lower, upper];
}

const longest = (rows: number, columns: number, [lower, upper]: readonly [number, number]): number =>
  Math.min(rows + Math.min(upper, 0), columns - Math.max(lower, 0));

function checkBounds([lower, upper]: readonly [number, number], rows: number, columns: number): void {
  const inside = (d: number) => (-rows < d && d < columns) || d === 0;
  if (rows >= 0 && columns >= 0) {
    if (!inside(lower)) throw refuse("lower_diag_index is out of bound.");
    if (!inside(upper)) throw refuse("upper_diag_index is out of bound.");
  }
}

function diagPart(context: ShapeContext): PartialShape {
  const input = withRankAtLeast(context.inputs[0]!, 2);
  const k = bounds(context, 1);
  if (input === null || k === null) return null;
  const [rows, columns] = [input.at(-2)!, input.at(-1)!];
  checkBounds(k, rows, columns);
  const output: number[] = [...input.slice(0, -2)];
  if (k[0] < k[1]) output.push(k[1] - k[0] + 1);
  output.push(rows < 0 || columns < 0 ? UNKNOWN : longest(rows, columns, k));
  return output;
}

function diag(context: ShapeContext): PartialShape {
  const diagonal = withRankAtLeast(context.inputs[0]!, 1);
  const k = bounds(context, 1);
  withRank(context.inputs[2]!, 0);
  withRank(context.inputs[3]!, 0);
  withRank(context.inputs[4]!, 0);
  if (diagonal === null) return null;
  if (k === null) return null;
  const [lower, upper] = k;
  let rows = context.constant(2)?.[0] ?? UNKNOWN;
  let columns = context.constant(3)?.[0] ?? UNKNOWN;
  const size = diagonal.at(-1)!;
  if (lower < upper) {
    withRankAtLeast(diagonal, 2);
    const count = diagonal.at(-2)!;
    if (count !== upper - lower + 1) {
      throw refuse(
        "The number of rows of `diagonal` doesn't match the number of diagonals implied from `d_lower` and `d_upper`.\n" +
          `num_diags = ${count}, d_lower = ${lower}, d_upper = ${upper} ${diagonal.length} ${size}`,
      );
    }
  }
  // An unknown size counts as −1 here, in TensorFlow too.
  const leastRows = size - Math.min(upper, 0);
  const leastColumns = size + Math.max(lower, 0);
  if (rows < 0 && columns < 0) {
    rows = Math.max(leastRows, leastColumns);
    columns = rows;
  } else if (rows < 0) rows = leastRows;
  else if (columns < 0) columns = leastColumns;
  if (rows < leastRows) throw refuse("num_rows is too small");
  if (columns < leastColumns) throw refuse("num_cols is too small.");
  if (rows !== leastRows && columns !== leastColumns) {
    throw refuse(
      "num_rows and num_cols are not consistent with lower_diag_index, upper_diag_index, and the length of the given " +
        `diagonals.\nnum_rows = ${rows} != min_num_rows = ${leastRows}, num_cols = ${columns} != min_num_cols = ${leastColumns}`,
    );
  }
  return [...diagonal.slice(0, lower < upper ? -2 : -1), rows, columns];
}

function setDiagV2(context: ShapeContext): PartialShape {
  const input = withRankAtLeast(context.inputs[0]!, 2);
  const diagonal = withRankAtLeast(context.inputs[1]!, 1);
  const k = bounds(context, 2);
  if (input !== null && k !== null) {
    const [rows, columns] = [input.at(-2)!, input.at(-1)!];
    checkBounds(k, rows, columns);
    withRank(diagonal, k[0] === k[1] ? input.length - 1 : input.length);
  } else if (input !== null) withRankAtMost(withRankAtLeast(diagonal, input.length - 1), input.length);
  if (diagonal === null || isFullyKnown(input)) return input;
  // Bounds that aren't known count as those of one diagonal.
  const batch = subshape(diagonal, 0, k === null || k[0] === k[1] ? -1 : -2);
  return mergeShapes(input, concatenate(batch, unknownOfRank(2)));
}

function setDiag({ inputs }: ShapeContext): PartialShape {
  let input: PartialShape = withRankAtLeast(inputs[0] ?? null, 2);
  const diagonal = withRankAtLeast(inputs[1]!, 1);
  if (input !== null) {
    const smallest = least(input.at(-2)!, input.at(-1)!);
    mergeDims(smallest, dimOf(diagonal, -1));
  }
  if (input === null && diagonal !== null) input = concatenate(subshape(diagonal, 0, -1), unknownOfRank(2));
  if (input !== null && diagonal !== null) {
    const batch = mergeShapes(input.slice(0, -2), diagonal.slice(0, -1));
    return concatenate(batch, input.slice(-2));
  }
  return input;
}

function diagPartOfAll({ inputs }: ShapeContext): PartialShape {
  const input = inputs[0]!;
  if (input === null) return null;
  if (input.length % 2 !== 0 || input.length <= 0) {
    throw refuse(`Input must have even and non-zero rank, input rank is ${input.length}`);
  }
  const half = input.length / 2;
  return Array.from({ length: half }, (_, i) => mergeDims(input[i]!, input[i + half]!));
}

export const matrixDiagShapes: ShapeTable = {
  MatrixDiag: ({ inputs }) => {
    const diagonal = withRankAtLeast(inputs[0]!, 1);
    return [diagonal === null ? null : [...diagonal, diagonal.at(-1)!]];
  },
  MatrixDiagPart: ({ inputs }) => {
    const input = withRankAtLeast(inputs[0]!, 2);
    return [input === null ? null : [...input.slice(0, -2), least(input.at(-2)!, input.at(-1)!)]];
  },
  MatrixSetDiag: (context) => [setDiag(context)],
  ...forOps("MatrixDiagV2 MatrixDiagV3", (context) => [diag(context)]),
  ...forOps("MatrixDiagPartV2 MatrixDiagPartV3", (context) => [diagPart(context)]),
  ...forOps("MatrixSetDiagV2 MatrixSetDiagV3", (context) => [setDiagV2(context)]),
  MatrixBandPart: ({ inputs }) => {
    withRank(inputs[1]!, 0);
    withRank(inputs[2]!, 0);
    return [withRankAtLeast(inputs[0]!, 2)];
  },
  Diag: ({ inputs }) => {
    const input = withRankAtLeast(inputs[0]!, 1);
    return [concatenate(input, input)];
  },
  DiagPart: (context) => [diagPartOfAll(context)],
};
