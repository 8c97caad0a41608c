// The gradient of a loop whose condition and body are functions, as TensorFlow's second form has it: a loop that counts
// down the rounds of the first. What a round's gradient needs of it the first loop puts into lists, one for each tensor, that
// this one takes from their ends.
import type { Node } from "../../graph/graph.js";
import { DataType } from "../../tensor/dtype.js";
import { isFullyKnown, type PartialShape } from "../../tensor/partial-shape.js";
import type { AttrInput } from "../attributes.js";
import type { GraphFunction } from "../functions.js";
import type { Output } from "../output.js";
import { constantInts, type TensorValue } from "../values.js";
import { type Argument, argumentOf, Body, type GradientsOf, onlyRead } from "./body.js";
import { carries, type GradientContext, type GradientFunction, isOpaque } from "./context.js";
import { type Gradient, toDense } from "./indexed-slices.js";
import { shapeOf, zerosOf } from "./loop-state.js";

/** Loops in bodies of loops: a function that is its own loop's body has no end of gradients. */
const MAX_DEPTH = 16;

const { INT32, RESOURCE, VARIANT } = DataType;

export const whileGradient =
  (gradientsOf: GradientsOf): GradientFunction =>
  (context) =>
    new WhileGradient(context, gradientsOf).build();

class WhileGradient {
  readonly body: Body;
  /** Values that gradients go through, by their places. */
  readonly through: readonly number[];
  /** Places of values that stay what they are. */
  readonly fixed: ReadonlySet<number>;

  constructor(
    readonly context: GradientContext,
    readonly gradientsOf: GradientsOf,
  ) {
    const { graph, x, y } = context;
    if (graph.depth >= MAX_DEPTH) throw context.unsupported("a body that calls itself");
    const args = x.map((input, i): Argument => {
      const fixed = argumentOf(input);
      return input.dtype === RESOURCE ? fixed : { ...fixed, shape: y[i]!.shape };
    });
    this.body = new Body(graph, context.attr("body").func!, args);
    this.fixed = new Set(x.flatMap((_, i) => (this.#passes(i) ? [i] : [])));
    this.through = this.#through();
  }

  build(): (Gradient | null)[] {
    const { context, body, through, gradientsOf } = this;
    const { graph, node, x, y } = context;
    const starts = through.map((i) => this.#start(i));
    const seeds = starts.map((start, j): Argument => {
      const { shape } = x[through[j]!]!.dtype === RESOURCE ? start : y[through[j]!]!;
      return { dtype: start.dtype, shape: isFullyKnown(shape) ? shape : null, handle: null };
    });
    const found = body.differentiate(through, seeds, through, gradientsOf);
    const grads = found.map((grad, j) =>
      grad === null ? (body.zeros(through[j]!) ?? body.graph.ops.zerosLike(body.seeds[j]!)) : toDense(grad),
    );
    const cut = body.cut(grads);
    // A resource stays the same; so does what every round hands on.
    const kept = cut.args.filter((i) => this.fixed.has(i));
    const changing = cut.args.filter((i) => !this.fixed.has(i)).map((i) => body.args[i]!);
    const saved = [...changing, ...cut.inner];
    if (saved.some(({ dtype }) => dtype === RESOURCE)) throw context.unsupported("a resource that its body makes");
    const { rounds, lists } = this.#forwards(saved);
    const backwards = this.#backwards(grads, saved, kept, cut.nodes);
    const inputs = [rounds, ...starts, ...lists, ...kept.map((i) => x[i]!)];
    const condition = graph.function(
      `${backwards.name}_cond`,
      inputs.map(({ dtype }) => dtype),
      ({ ops }, left) => ops.greater(left!, 0),
    );
    const unknown = (count: number) => new Array<PartialShape>(count).fill(null);
    const shapes = [[], ...seeds.map(({ shape }) => shape), ...unknown(lists.length), ...kept.map((i) => x[i]!.shape)];
    const type = backwards.isStateful ? "While" : "StatelessWhile";
    const { outputs } = graph.op(type, [inputs], {
      cond: condition.name,
      body: backwards.name,
      output_shapes: shapes,
      parallel_iterations: node.attrs.get("parallel_iterations")?.i ?? 10n,
    });
    return x.map((input, i) => {
      const at = through.indexOf(i);
      if (!context.wanted[i]) return null;
      if (at >= 0) return outputs[at + 1]!;
      // A loop depends on all that goes through it, as TensorFlow sees it.
      return carries(input.dtype) && !isOpaque(input.dtype) ? graph.ops.zerosLike(input) : null;
    });
  }

  /** One round back: the count, gradients, lists, and what stays. */
  #backwards(
    grads: readonly Output[],
    saved: readonly Output[],
    kept: readonly number[],
    nodes: readonly Node[],
  ): GraphFunction {
    const { body } = this;
    const { graph } = body;
    const { ops } = graph;
    const first = graph.runtime.nodes.length;
    const left = graph.placeholder(INT32, [], "left");
    const next = ops.sub(left, 1);
    const lists = saved.map(() => graph.placeholder(VARIANT, [], "list"));
    const popped = saved.map((tensor, k) => {
      const shape = elementShape(tensor);
      return ops.tensorListPopBack(lists[k]!, shape, { elementDtype: tensor.dtype });
    });
    const more = graph.runtime.nodes.slice(first).filter(({ op }) => op.name !== "Placeholder");
    const keptArgs = kept.map((i) => body.args[i]!);
    const args = [left, ...body.seeds, ...lists, ...keptArgs];
    const results = [next, ...grads, ...popped.map(({ outputHandle }) => outputHandle), ...keptArgs];
    const instead = new Map(saved.map((tensor, k) => [tensor.name, popped[k]!.tensor]));
    const given = (output: Output) => instead.get(output.name) ?? output;
    // These nodes are the gradients' alone: what they take of the forward body they now take from the lists.
    for (const node of nodes) {
      node.inputs.forEach(({ node: source, index }, i) => {
        const list = instead.get(`${source.name}:${index}`);
        if (list !== undefined) node.inputs[i] = { node: list.node, index: list.index };
      });
    }
    return body.backwards(args, results.map(given), [...nodes, ...more]);
  }

  /** Makes the loop count its rounds and put tensors into lists, unless it does already. */
  #forwards(saved: readonly Output[]): { readonly rounds: Output; readonly lists: readonly Output[] } {
    const { body, context } = this;
    const { graph, node, x, y } = context;
    const counted = this.#counter();
    const listed = saved.map((tensor) => this.#listOf(tensor));
    const missing = saved.filter((_, k) => listed[k]! < 0);
    if (counted >= 0 && missing.length === 0) {
      return { rounds: y[counted]!, lists: listed.map((i) => y[i]!) };
    }
    const { ops } = body.graph;
    const counter = body.graph.placeholder(INT32, [], "rounds");
    const lists = missing.map(() => body.graph.placeholder(VARIANT, [], "list"));
    const next = ops.addV2(counter, 1);
    const pushed = missing.map((tensor, k) => ops.tensorListPushBack(lists[k]!, tensor));
    const counts = counted < 0;
    const forwards = body.forwards([...(counts ? [counter] : []), ...lists], [...(counts ? [next] : []), ...pushed]);
    const condition = new Body(graph, context.attr("cond").func!, [...x.map((input) => argumentOf(input, null))]);
    const unused = forwards.inputTypes.slice(x.length).map((dtype) => condition.unused(dtype));
    const attrs: Record<string, AttrInput> = {
      cond: condition.forwards(unused, []).name,
      body: forwards.name,
      T: [...forwards.inputTypes],
    };
    const shapes = node.attrs.get("output_shapes")?.list?.shape ?? [];
    const all = y.map(({ shape }) => shape);
    if (shapes.length > 0) attrs.output_shapes = [...all, ...unused.map((): PartialShape => null)];
    const starts = graph.controlDependencies(null, () =>
      graph.inControlFlow(graph.controlFlowOf(node), () => [
        ...(counts ? [graph.constant(0, INT32)] : []),
        ...missing.map((tensor) => graph.ops.emptyTensorList(elementShape(tensor), -1, { elementDtype: tensor.dtype })),
      ]),
    );
    const { outputs } = graph.rewrite(node, attrs, onlyRead(graph, [body.f, condition.f]), starts);
    const added = outputs.slice(x.length);
    const rounds = counts ? added.shift()! : y[counted]!;
    return { rounds, lists: listed.map((i) => (i < 0 ? added.shift()! : y[i]!)) };
  }

  /** A value that counts rounds from zero. */
  #counter(): number {
    const { body, context } = this;
    const isConstant = (output: Output, value: number) => {
      const found = output.op.type === "Const" ? constantInts(output) : null;
      return found?.length === 1 && found[0] === value;
    };
    return context.x.findIndex((input, i) => {
      const { op } = body.rets[i]!;
      if (input.dtype !== INT32 || !["AddV2", "Add"].includes(op.type)) return false;
      const [a, b] = op.inputs as [Output, Output];
      return a.name === body.args[i]!.name && isConstant(b, 1) && isConstant(input, 0);
    });
  }

  /** The value that is a list of this tensor, round by round. */
  #listOf(tensor: Output): number {
    const { rets, args } = this.body;
    return rets.findIndex(({ op }, i) => {
      if (op.type !== "TensorListPushBack") return false;
      const [list, element] = op.inputs as [Output, Output];
      return list.name === args[i]!.name && element.name === tensor.name;
    });
  }

  /** Values that something came back for, and those that they come from. */
  #through(): number[] {
    const { body, context } = this;
    const found = new Set(context.grads.flatMap((grad, i) => (grad === null ? [] : [i])));
    const places = new Map(body.args.map(({ name }, i) => [name, i]));
    for (const start of found) {
      const seen = new Set<Node>();
      const open = [body.rets[start]!];
      for (let at = open.pop(); at !== undefined; at = open.pop()) {
        const place = places.get(at.name);
        if (place !== undefined) found.add(place);
        if (place !== undefined || seen.has(at.node)) continue;
        seen.add(at.node);
        open.push(...at.op.inputs.filter(({ dtype }) => carries(dtype)));
      }
    }
    return [...found].sort((a, b) => a - b);
  }

  /** Whether every round hands an argument on as it is. */
  #passes(place: number): boolean {
    let at = this.body.rets[place]!;
    while (at.op.type === "Identity") at = at.op.inputs[0]!;
    return at.name === this.body.args[place]!.name;
  }

  /** What has come back for a value after the last round. */
  #start(place: number): Output {
    const { context, body } = this;
    const { graph, grads, x, y } = context;
    const grad = grads[place];
    if (grad) return toDense(grad);
    const input = x[place]!;
    if (input.dtype !== RESOURCE) return context.zeros(place);
    const [held] = body.graph.handleOf(body.args[place]!) ?? [];
    if (held === undefined) throw context.unsupported(`a resource of unknown dtype (${y[place]!.name})`);
    return zerosOf(graph, shapeOf(input), held.dtype);
  }
}

/** As lists are told: −1 for any shape. */
const elementShape = ({ shape }: Output): TensorValue => ({
  dtype: INT32,
  shape: shape === null ? [] : [shape.length],
  data: Int32Array.from(shape ?? [-1]),
});
