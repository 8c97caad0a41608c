// `tf.while_loop` in TensorFlow's first form: the variables of a loop go round through Merge, Switch and NextIteration, in
// a frame of their own, nodes and names as Python makes them.
import { InvalidArgumentError } from "../../errors/index.js";
import { DataType } from "../../tensor/dtype.js";
import type { PartialShape } from "../attributes.js";
import type { Graph } from "../graph.js";
import { type Input, type Inputs, isReadable } from "../inputs.js";
import { Output } from "../output.js";
import { addControl } from "../scopes.js";
import type { Feedable } from "../values.js";
import { addBackEdge, type ControlFlowContext, identityOf, isConstantEnter, mergeOf } from "./context.js";
import { type LoopOptions, WhileContext } from "./while-context.js";

export interface WhileLoopOptions extends LoopOptions {
  readonly name?: string;
  /** What stays true of the variables' shapes in every iteration, where it is less than what they begin with. */
  readonly shapeInvariants?: readonly PartialShape[];
  /** So many iterations at most. */
  readonly maximumIterations?: number;
}

/** A function of the loop's variables. */
export type LoopFunction<R> = (...variables: Output[]) => R;

/**
 * Repeats `body` while `condition` is true (`tf.compat.v1.while_loop`). Both get the variables, `body` gives their next
 * values; tensors from outside may be used in both.
 * @returns the variables after the last iteration
 * @throws InvalidArgumentError in TensorFlow's words for a variable whose dtype or shape changes
 */
export function whileLoop(
  graph: Graph,
  condition: LoopFunction<Input>,
  body: LoopFunction<Input | Inputs>,
  variables: Inputs,
  options: WhileLoopOptions = {},
): Output[] {
  const { maximumIterations, shapeInvariants } = options;
  if (variables.length === 0) throw new InvalidArgumentError("'loop_vars' must be provided.");
  return graph.nameScope(options.name ?? "while", () => {
    if (maximumIterations === undefined) return buildLoop(graph, condition, body, variables, options);
    const limit = graph.constant(maximumIterations, DataType.INT32, "maximum_iterations");
    const counter = graph.constant(0, DataType.INT32, "iteration_counter");
    const { ops } = graph;
    const counted: WhileLoopOptions =
      shapeInvariants === undefined ? options : { ...options, shapeInvariants: [[], ...shapeInvariants] };
    const [, ...results] = buildLoop(
      graph,
      (i, ...rest) => ops.logicalAnd(ops.less(i!, limit), condition(...rest)),
      (i, ...rest) => [ops.addV2(i!, 1, { name: "add" }), ...asList(body(...rest))],
      [counter, ...variables],
      counted,
    );
    return results;
  });
}

const asList = (values: Input | Inputs): Inputs => (Array.isArray(values) ? (values as Inputs) : [values as Input]);

function toOutput(graph: Graph, value: Input): Output {
  if (value instanceof Output) return value;
  return isReadable(value) ? value.value : graph.constant(value as Feedable);
}

function buildLoop(
  graph: Graph,
  condition: LoopFunction<Input>,
  body: LoopFunction<Input | Inputs>,
  variables: Inputs,
  options: WhileLoopOptions,
): Output[] {
  const context = new WhileContext(graph, options);
  const given = variables.map((value) => toOutput(graph, value));
  return context.enter(() => {
    const enters = enterAll(context, given, options.shapeInvariants);
    const merges = enters.map((enter) => mergeOf([enter, enter]));
    context.pivotForPred = merges[0]!;
    const pred = toOutput(graph, condition(...merges));
    context.condition = graph.ops.loopCond(pred, { name: "LoopCond" });
    const switches = merges.map((merge) => context.switch(merge));
    const inside = switches.map(([, goesOn]) => identityOf(goesOn));
    context.pivotForBody = inside[0]!;
    const next = asList(body(...inside)).map((value) => toOutput(graph, value));
    if (next.length !== merges.length) throw structure(merges.length, next.length);
    next.forEach((value, i) => {
      checkInvariant(given[i]!, enters[i]!, value);
      addBackEdge(merges[i]!, value);
    });
    return switches.map(([leaves]) => context.exit(leaves));
  });
}

/** The variables as the loop begins; made outside of it. */
function enterAll(context: WhileContext, values: readonly Output[], shapes?: readonly PartialShape[]): Output[] {
  const { graph, outer } = context;
  const real = values.map((value) => outer?.addValue(value) ?? value);
  const enters = graph.controlDependencies(null, () => real.map((value) => context.enterOf(value, false)));
  const pivot = outerPivot(outer);
  enters.forEach((enter, i) => {
    if (pivot !== null && isConstantEnter(real[i]!.node)) addControl(enter.node, pivot.node);
    context.adoptEnter(enter);
    if (shapes === undefined) return;
    const shape = shapes[i] ?? null;
    if (!fits(real[i]!.shape, shape)) throw incompatible(real[i]!, shape);
    graph.setShape(enter, shape);
  });
  return enters;
}

const outerPivot = (outer: ControlFlowContext | null): Output | null => outer?.pivot ?? null;

/** Whether all shapes that the first may stand for are ones that the second may. */
const fits = (shape: PartialShape, invariant: PartialShape): boolean =>
  invariant === null ||
  (shape !== null && shape.length === invariant.length && invariant.every((dim, i) => dim < 0 || dim === shape[i]));

/** As Python writes it: `(2,)`, `(None, 3)`, `<unknown>`. */
function pythonShape(shape: PartialShape): string {
  if (shape === null) return "<unknown>";
  const dims = shape.map((dim) => (dim < 0 ? "None" : String(dim)));
  return `(${dims.join(", ")}${dims.length === 1 ? "," : ""})`;
}

function checkInvariant(given: Output, enter: Output, next: Output): void {
  if (fits(next.shape, enter.shape)) return;
  throw new InvalidArgumentError(
    `Input tensor '${given.name}' enters the loop with shape ${pythonShape(given.shape)}, but has shape ` +
      `${pythonShape(next.shape)} after one iteration. To allow the shape to vary across iterations, use the ` +
      "`shape_invariants` argument of tf.while_loop to specify a less-specific shape.",
  );
}

const incompatible = (given: Output, invariant: PartialShape): Error =>
  new InvalidArgumentError(
    `The shape invariant specified for ${given.name} is not compatible with the initial shape of the loop variable. It ` +
      `enters the loop with shape ${pythonShape(given.shape)}, but the specified shape invariant is ${pythonShape(invariant)}.`,
  );

const structure = (expected: number, found: number): Error =>
  new InvalidArgumentError(
    `The two structures don't have the same number of elements. First structure: ${expected} loop variables. Second ` +
      `structure: ${found} results of the body.`,
  );
