// Shape functions that many families share, and readers of inputs that decide shapes.
import { UnknownError } from "../../errors/index.js";
import {
  broadcastPartial,
  mergeShapes,
  type PartialShape,
  refuse,
  UNKNOWN,
  withRank,
} from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import type { ShapeContext, ShapeFunction } from "./context.js";

export const unchanged: ShapeFunction = ({ inputs }) => [inputs[0]!];
/** Every input as an output. */
export const allUnchanged: ShapeFunction = ({ inputs }) => inputs;
export const scalar: ShapeFunction = ({ node }) => node.outputTypes.map(() => SCALAR);
export const unknown: ShapeFunction = ({ node }) => node.outputTypes.map(() => null);
export const noOutputs: ShapeFunction = () => [];
export const broadcast: ShapeFunction = ({ inputs }) => [broadcastPartial(inputs[0]!, inputs[1]!)];
export const mergeBoth: ShapeFunction = ({ inputs }) => [mergeShapes(inputs[0]!, inputs[1]!)];
export const unchangedOfRank =
  (rank: number): ShapeFunction =>
  ({ inputs }) => [withRank(inputs[0]!, rank)];
/** The shape that an attribute gives. */
export const declared: ShapeFunction = ({ node }) => [node.shape("shape")];

/** All of them alike. Merges from the last to the first, as TensorFlow does, which decides what an error says. */
export function mergeAll(shapes: readonly PartialShape[]): PartialShape {
  let merged = shapes.at(-1) ?? null;
  for (let i = shapes.length - 2; i >= 0; i--) {
    merged = within(`From merging shape ${i} with other shapes.`, () => mergeShapes(shapes[i] ?? null, merged));
  }
  return merged;
}

/** Says in which part of the work something was refused. */
export function within<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw refuse(`${error instanceof Error ? error.message : new UnknownError(String(error)).message}\n\t${where}`);
  }
}

/** The value of a scalar input as a dimension. */
export function dimFrom(context: ShapeContext, input: number): number {
  const value = scalarFrom(context, input);
  if (value === null) return UNKNOWN;
  if (value < 0) throw refuse(`Dimension size, given by scalar input ${input}, must be non-negative but is ${value}`);
  return value;
}

/** An axis of something of this rank (−1 when unknown) from a scalar input; `null` when it isn't known. */
export function axisFrom(context: ShapeContext, input: number, rank: number): number | null {
  const value = scalarFrom(context, input);
  if (value === null) return null;
  if (rank < 0) return value < 0 ? null : value;
  if (value < -rank || value >= rank) {
    throw refuse(`Dimension size, given by scalar input ${value} must be in range [-${rank}, ${rank})`);
  }
  return value < 0 ? value + rank : value;
}

function scalarFrom(context: ShapeContext, input: number): number | null {
  const value = context.constant(input);
  if (value === null) return null;
  const rank = context.inputs[input]?.length ?? 0;
  if (rank !== 0) throw refuse(`Input must be scalar but has rank ${rank}`);
  return value[0]!;
}

/** Inputs that must have these ranks. */
export function requireRanks(
  { inputs }: ShapeContext,
  ...ranks: readonly (readonly [input: number, rank: number])[]
): void {
  for (const [input, rank] of ranks) withRank(inputs[input]!, rank);
}
