// An einsum's equation: the labels of its operands and of its result, and what an ellipsis stands for. For the kernel
// and for the shape function.
import { InvalidArgumentError } from "../../errors/index.js";

export const ELLIPSIS = "...";

export interface Equation {
  /** Labels of each operand, and of the result. */
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** As TensorFlow reads it: any dot is an ellipsis and skips two more characters, anything else is a label. */
function labelsOf(subscripts: string): string[] {
  const labels: string[] = [];
  for (let i = 0; i < subscripts.length; i++) {
    const dots = subscripts[i] === ".";
    labels.push(dots ? ELLIPSIS : subscripts[i]!);
    if (dots) i += 2;
  }
  return labels;
}

export function parseEquation(equation: string): Equation {
  const sides = equation.split("->");
  if (sides.length !== 2) throw new InvalidArgumentError(`Expecting exactly one '->' in einsum equation: ${equation}`);
  const inputs = sides[0]!.split(",");
  if (inputs.length > 2)
    throw new InvalidArgumentError(
      `Expecting 1 or 2 input subscripts in equation '${equation}' but got: ${inputs.length}`,
    );
  return { inputs: inputs.map(labelsOf), output: labelsOf(sides[1]!) };
}

/** The label of one of the dimensions that an ellipsis stands for, counted from the last. */
const broadcastLabel = (fromLast: number): string => `${ELLIPSIS}${fromLast}`;
export const isBroadcast = (label: string): boolean => label.startsWith(ELLIPSIS);

/** Puts labels in place of an ellipsis. */
export const expand = (labels: readonly string[], dimensions: number): string[] =>
  labels.flatMap((label) =>
    label === ELLIPSIS ? Array.from({ length: dimensions }, (_, i) => broadcastLabel(dimensions - 1 - i)) : [label],
  );
