// Partial shapes of all outputs of a graph, from its shape functions (TensorFlow's `ShapeRefiner`). Producers come first,
// without recursion; a Merge doesn't wait for the edge that closes a loop, whose value says nothing of its shape.

import { InvalidArgumentError, NotFoundError } from "../../errors/index.js";
import {
  attr,
  boolAttr,
  intAttr,
  intsAttr,
  shapeAttr,
  shapesAttr,
  stringAttr,
  typeAttr,
  typesAttr,
} from "../../graph/attr.js";
import type { FunctionBody, FunctionLibrary } from "../../graph/function-library.js";
import type { Graph, Node, Output } from "../../graph/graph.js";
import type { ArgDef } from "../../graph/op-def.js";
import { summarizeNode } from "../../graph/summarize.js";
import type { PartialShape } from "../../tensor/partial-shape.js";
import { isFullyKnown } from "../../tensor/partial-shape.js";
import { partialShapeString } from "../../tensor/shape.js";
import type { HandleShape, ShapeContext, ShapeFunction, ShapeNode, ShapeTable } from "./context.js";
import { type Known, type Values, valuesOf } from "./values.js";

/** The caller of a function, and how many calls it is in. */
interface Call {
  readonly context: ShapeContext;
  readonly depth: number;
}

/** Deeper calls tell nothing: a function may call itself. */
const MAX_DEPTH = 16;

/** What is known of one node. */
interface Inferred {
  readonly shapes: readonly PartialShape[];
  readonly handles: (readonly HandleShape[] | null)[];
  values: readonly Values[];
}

/** Shapes of a graph's outputs; a graph may grow and be asked again. */
export class ShapeInference implements Known {
  readonly #nodes = new Map<Node, Inferred>();

  /** @param call what a function's body is called with; its `_Arg`s take it over */
  constructor(
    readonly table: ShapeTable,
    readonly library: FunctionLibrary,
    readonly call: Call | null = null,
  ) {}

  /** `null` for an output of which nothing is known. */
  shape({ node, index }: Output): PartialShape {
    return this.#nodes.get(node)?.shapes[index] ?? null;
  }

  /** Says of an output what its op doesn't. */
  setShape({ node, index }: Output, shape: PartialShape): void {
    const inferred = this.#nodes.get(node)!;
    this.#nodes.set(node, { ...inferred, shapes: inferred.shapes.with(index, shape) });
  }

  /** Says of a handle what its op doesn't. */
  setHandle({ node, index }: Output, handle: readonly HandleShape[] | null): void {
    this.#nodes.get(node)!.handles[index] = handle;
  }

  values({ node, index }: Output): Values {
    return this.#nodes.get(node)?.values[index] ?? null;
  }

  handle({ node, index }: Output): readonly HandleShape[] | null {
    return this.#nodes.get(node)?.handles[index] ?? null;
  }

  /**
   * Infers the outputs of a node whose inputs were added before; those that weren't are unknown.
   * @throws InvalidArgumentError in TensorFlow's words
   */
  add(node: Node): readonly PartialShape[] {
    const context = new NodeContext(node, this);
    const infer = this.#functionOf(node);
    let shapes: readonly PartialShape[] = node.outputTypes.map(() => null);
    // Values are given only to a function that did without them before, as TensorFlow does, so what it refuses for the
    // shapes alone it refuses for those.
    if (infer !== undefined)
      do shapes = explained(infer, context);
      while (context.reveal());
    const inferred: Inferred = { shapes, handles: context.handles, values: [] };
    this.#nodes.set(node, inferred);
    inferred.values = valuesOf(node, this);
    return shapes;
  }

  #functionOf(node: Node): ShapeFunction | undefined {
    const { name } = node.op;
    const { call } = this;
    if (call !== null && name === "_Arg") {
      return (context) => {
        const index = context.node.int("index");
        context.setHandle(0, call.context.handle(index));
        return [call.context.inputs[index]!];
      };
    }
    if (this.library.has(name)) return (context) => this.#called(this.library.instantiate(name, node.attrs), context);
    const callee = CALLS.includes(name) ? attr(node, "f").func : undefined;
    if (callee === undefined || !this.library.has(callee.name)) return this.table[name];
    return (context) => this.#called(this.library.instantiate(callee.name, callee.attr), context);
  }

  /** What a function gives for these inputs. */
  #called(body: FunctionBody, context: ShapeContext): readonly PartialShape[] {
    const depth = (this.call?.depth ?? 0) + 1;
    if (depth > MAX_DEPTH) return body.rets.map(() => null);
    const inner = new ShapeInference(this.table, this.library, { context, depth });
    for (const node of inOrder(body.graph.nodes)) inner.add(node);
    return body.rets.map((ret, i) => {
      context.setHandle(i, inner.handle(ret.inputs[0]!));
      return inner.shape(ret.inputs[0]!);
    });
  }
}

/** Runs a shape function; what it refuses says of which node. */
function explained(infer: ShapeFunction, context: NodeContext): readonly PartialShape[] {
  try {
    return infer(context);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(`${error.message}${context.describe()}`, { cause: error });
  }
}

const CALLS: readonly string[] = ["PartitionedCall", "StatefulPartitionedCall"];

/** Shapes of all nodes of a graph. */
export function inferShapes(graph: Graph, table: ShapeTable): ShapeInference {
  const inference = new ShapeInference(table, graph.library);
  for (const node of inOrder(graph.nodes)) inference.add(node);
  return inference;
}

/** Producers before consumers, but for edges that close loops. */
export function inOrder(nodes: readonly Node[]): Node[] {
  const done = new Set<Node>();
  const order: Node[] = [];
  const stack: { node: Node; next: number }[] = [];
  for (const root of nodes) {
    if (done.has(root)) continue;
    done.add(root);
    stack.push({ node: root, next: 0 });
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.node.inputs[top.next++]?.node;
      if (input === undefined) {
        order.push(top.node);
        stack.pop();
      } else if (!done.has(input) && !closesLoop(input, top.node)) {
        done.add(input);
        stack.push({ node: input, next: 0 });
      }
    }
  }
  return order;
}

const closesLoop = (from: Node, to: Node): boolean =>
  from.op.name.endsWith("NextIteration") && to.op.name.endsWith("Merge");

class NodeContext implements ShapeContext, ShapeNode {
  readonly node: ShapeNode = this;
  readonly inputs: readonly PartialShape[];
  readonly handles: (readonly HandleShape[] | null)[] = [];
  readonly op: string;
  readonly inputTypes;
  readonly outputTypes;
  /** Inputs whose values the function wanted, and those that it was shown. */
  readonly #asked = new Set<number>();
  readonly #askedAsShape = new Set<number>();
  #shown: ReadonlySet<number> = new Set();

  constructor(
    readonly source: Node,
    readonly known: ShapeInference,
  ) {
    this.op = source.op.name;
    this.inputTypes = source.inputTypes;
    this.outputTypes = source.outputTypes;
    this.inputs = source.inputs.map((input) => known.shape(input));
  }

  constant(input: number): readonly number[] | null {
    this.#asked.add(input);
    const values = this.#shown.has(input) ? this.#values(input) : null;
    return values?.some(Number.isNaN) ? null : values;
  }

  shapeFrom(input: number): PartialShape {
    this.#askedAsShape.add(input);
    return shapeFromValues(this.#shown.has(input) ? this.#values(input) : null, this.inputs[input]!);
  }

  /** Shows the values that were asked for; whether there are any that weren't shown before. */
  reveal(): boolean {
    for (const input of this.#askedAsShape) if (this.inputs[input]?.length === 0) checkScalarShape(this.#values(input));
    const known = [...new Set([...this.#asked, ...this.#askedAsShape])]
      .sort((a, b) => a - b)
      .filter((input) => this.#values(input) !== null);
    const more = known.some((input) => !this.#shown.has(input));
    this.#shown = new Set(known);
    return more;
  }

  #values = (input: number): Values => this.known.values(this.source.inputs[input]!);

  handle = (input: number): readonly HandleShape[] | null => this.known.handle(this.source.inputs[input]!);

  setHandle = (output: number, handle: readonly HandleShape[] | null): void => {
    this.handles[output] = handle;
  };

  /** What TensorFlow adds to a refusal: the node, the shapes of its inputs, and the values that it looked at. */
  describe(): string {
    const shapes = this.inputs.map(inputString).join(", ");
    const values: string[] = [];
    const asShapes: string[] = [];
    for (const i of this.#shown) {
      const shape = this.#askedAsShape.has(i) ? shapeFromValues(this.#values(i), this.inputs[i]!) : null;
      if (shape !== null) asShapes.push(`input[${i}] = ${inputString(shape)}`);
      else if (this.#asked.has(i)) values.push(`input[${i}] = <${summarize(this.constant(i)!, this.inputs[i]!)}>`);
    }
    let text = ` for '${summarizeNode(this.source)}' with input shapes: ${shapes}`;
    if (values.length > 0) text += ` and with computed input tensors: ${values.join(", ")}`;
    if (asShapes.length > 0) text += ` and with input tensors computed as partial shapes: ${asShapes.join(",")}`;
    return `${text}.`;
  }

  inputRange = (argument: string): readonly [number, number] => this.#range(this.source.op.inputs, argument);
  outputRange = (argument: string): readonly [number, number] => this.#range(this.source.op.outputs, argument);
  has = (name: string): boolean => this.source.attrs.has(name);
  attr = (name: string) => attr(this.source, name);
  int = (name: string): number => intAttr(this.source, name);
  bool = (name: string): boolean => boolAttr(this.source, name);
  string = (name: string): string => stringAttr(this.source, name);
  type = (name: string) => typeAttr(this.source, name);
  shape = (name: string): PartialShape => shapeAttr(this.source, name);
  ints = (name: string): number[] => intsAttr(this.source, name);
  types = (name: string): number[] => typesAttr(this.source, name);
  shapes = (name: string): PartialShape[] => shapesAttr(this.source, name);

  #range(args: readonly ArgDef[], argument: string): readonly [number, number] {
    let start = 0;
    for (const { name, numberAttr, typeListAttr } of args) {
      let count = 1;
      if (numberAttr !== "") count = this.int(numberAttr);
      else if (typeListAttr !== "") count = this.types(typeListAttr).length;
      if (name === argument) return [start, count];
      start += count;
    }
    throw new NotFoundError(`${this.op} has no argument '${argument}'`);
  }
}

/** A vector read as a shape: what isn't known of it is unknown; a scalar can only be −1, any shape. */
export function shapeFromValues(values: Values, shape: PartialShape): PartialShape {
  if (shape !== null && shape.length > 1) {
    throw new InvalidArgumentError(`Shape must be at most rank 1 but is rank ${shape.length}`);
  }
  if (values === null) {
    const rank = shape?.[0] ?? -1;
    return rank < 0 ? null : new Array<number>(rank).fill(-1);
  }
  if (shape?.length === 0) return null;
  return values.map((value) => {
    if (Number.isNaN(value)) return -1;
    if (value < -1) throw new InvalidArgumentError(`Invalid value in tensor used for shape: ${value}`);
    return value;
  });
}

/** A scalar stands for a shape only when it is −1: any shape. */
function checkScalarShape(values: Values): void {
  const value = values?.[0];
  if (value === -1) return;
  throw new InvalidArgumentError(
    value === undefined
      ? "Received a shape scalar with unknown static value.  A static value of '-1' is required to represent an unknown shape."
      : `Received an invalid shape scalar with a static value that is not '-1': ${value}`,
  );
}

const inputString = (shape: PartialShape): string => (shape === null ? "?" : partialShapeString(shape));

/** Values by row, as TensorFlow shows them. */
function summarize(values: readonly number[], shape: PartialShape): string {
  if (!isFullyKnown(shape) || shape!.length <= 1) return values.join(" ");
  const row = shape!.at(-1)!;
  const rows: string[] = [];
  for (let i = 0; i < values.length; i += row) rows.push(`[${values.slice(i, i + row).join(" ")}]`);
  return rows.join("");
}
