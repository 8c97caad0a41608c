// What a shape function is and what it sees of a node (TensorFlow's `InferenceContext`): partial shapes of the inputs,
// attributes, the values of inputs that decide shapes where they are known, and what lies behind resource handles. It
// gives one partial shape per output, or throws InvalidArgumentError in TensorFlow's words.
import type { KernelNode } from "../../kernel/kernel.js";
import type { DataType } from "../../tensor/dtype.js";
import type { PartialShape } from "../../tensor/partial-shape.js";

/** What a node tells of itself; a kernel's node can be given as it is. */
export type ShapeNode = Pick<
  KernelNode,
  | "op"
  | "inputTypes"
  | "outputTypes"
  | "inputRange"
  | "outputRange"
  | "has"
  | "attr"
  | "int"
  | "bool"
  | "string"
  | "type"
  | "shape"
  | "ints"
  | "types"
  | "shapes"
>;

/** What a resource or variant holds, as far as the graph tells. */
export interface HandleShape {
  readonly dtype: DataType;
  readonly shape: PartialShape;
}

export interface ShapeContext {
  readonly node: ShapeNode;
  /** One per flattened input. */
  readonly inputs: readonly PartialShape[];
  /** The elements of a numeric input whose value is known, row by row. */
  constant(input: number): readonly number[] | null;
  /** A vector input read as a shape: −1 and unknown elements are unknown dimensions. */
  shapeFrom(input: number): PartialShape;
  /** What a handle holds: one entry, or several for a queue's components. */
  handle(input: number): readonly HandleShape[] | null;
  setHandle(output: number, handle: readonly HandleShape[] | null): void;
}

export type ShapeFunction = (context: ShapeContext) => readonly PartialShape[];

/** Shape functions by op. */
export type ShapeTable = Readonly<Record<string, ShapeFunction>>;

/** One function for many ops; the names are separated by blanks. */
export const forOps = (ops: string, shape: ShapeFunction): ShapeTable =>
  Object.fromEntries(
    ops
      .trim()
      .split(/\s+/)
      .map((op) => [op, shape]),
  );
