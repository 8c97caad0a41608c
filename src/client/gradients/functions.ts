// Gradients of calls, and of branches that are functions (If, Case): a node of the same kind calls the functions of the
// gradients. The first node is changed to give what they need of its bodies, so that nothing is computed twice; only a
// function that calls itself is computed again by its gradient. Loops are in while.ts.
import { UnimplementedError } from "../../errors/index.js";
import type { Node } from "../../graph/graph.js";
import { DataType } from "../../tensor/dtype.js";
import type { NameAttrList } from "../../wire/core.js";
import type { AttrInput, PartialShape } from "../attributes.js";
import { freeName, GraphFunction } from "../functions.js";
import type { Output } from "../output.js";
import { type Argument, argumentOf, Body, type GradientsOf, onlyRead } from "./body.js";
import { carries, forAll, type GradientContext, type GradientFunction, type Gradients, isOpaque } from "./context.js";
import { dtypeOf, type Gradient, IndexedSlices, indexTypeOf, rowsOf, toDense } from "./indexed-slices.js";
import { whileGradient } from "./while.js";

/** Ops that call one of their functions. */
interface Kind {
  /** The op where one of the functions has state, and where none has. */
  readonly types: readonly [stateful: string, stateless: string];
  /** Inputs before those of the functions. */
  readonly first: number;
  readonly functionsOf: (node: Node) => readonly NameAttrList[];
  readonly attrs: (names: readonly string[]) => Readonly<Record<string, AttrInput>>;
  /** Its functions can't be others. */
  readonly isFixed?: boolean;
}

const CALL: Kind = {
  types: ["StatefulPartitionedCall", "PartitionedCall"],
  first: 0,
  functionsOf: ({ attrs }) => [attrs.get("f")!.func!],
  attrs: ([f]) => ({ f: f! }),
};

/** An op that has a function's name: TensorFlow computes the function again, too. */
const BY_NAME: Kind = { ...CALL, functionsOf: ({ op, attrs }) => [{ name: op.name, attr: attrs }], isFixed: true };

const IF: Kind = {
  types: ["If", "StatelessIf"],
  first: 1,
  functionsOf: ({ attrs }) => [attrs.get("then_branch")!.func!, attrs.get("else_branch")!.func!],
  attrs: ([onTrue, onFalse]) => ({ then_branch: onTrue!, else_branch: onFalse! }),
};

const CASE: Kind = {
  types: ["Case", "StatelessCase"],
  first: 1,
  functionsOf: ({ attrs }) => attrs.get("branches")!.list!.func,
  attrs: (branches) => ({ branches: [...branches] }),
};

/** A tensor of one of the bodies, which the node is to give. */
interface Inner {
  readonly body: number;
  readonly tensor: Output;
}

/** Inputs of the functions that a gradient is wanted of. */
const wantedOf = ({ wanted, x }: GradientContext, first: number): number[] =>
  x.slice(first).flatMap(({ dtype }, i) => (wanted[i + first] && carries(dtype) ? [i] : []));

class BranchGradient {
  readonly inputs: readonly Output[];
  readonly wanted: readonly number[];
  /** Outputs that something came back for, and what. */
  readonly seeded: readonly number[];
  readonly seeds: readonly Output[];

  constructor(
    readonly context: GradientContext,
    readonly kind: Kind,
    readonly functions: readonly NameAttrList[],
    readonly gradientsOf: GradientsOf,
  ) {
    this.inputs = context.x.slice(kind.first);
    this.wanted = wantedOf(context, kind.first);
    this.seeded = context.grads.flatMap((grad, i) => (grad === null ? [] : [i]));
    this.seeds = this.seeded.map((i) => context.grad(i));
  }

  build(): (Gradient | null)[] {
    const { openGradients } = this.context.graph;
    const names = this.functions.map(({ name }) => name);
    if (this.kind.isFixed || names.some((name) => openGradients.has(name))) return this.#again();
    for (const name of names) openGradients.set(name, null);
    try {
      return this.#once();
    } finally {
      for (const name of names) openGradients.delete(name);
    }
  }

  /** Takes what the gradients need out of the bodies. */
  #once(): (Gradient | null)[] {
    const { functions, inputs, wanted, seeded, seeds, gradientsOf, context } = this;
    const known = inputs.map((input) => argumentOf(input));
    const made = functions.map((f) => new Body(context.graph, f, known));
    const found = made.map((body) =>
      body.differentiate(
        seeded,
        seeds.map((seed) => argumentOf(seed)),
        wanted,
        gradientsOf,
      ),
    );
    const has = (_: unknown, i: number) => found.some((grads) => grads[i] !== null);
    if (!wanted.some(has)) return [];
    // All that a call is given counts as connected, as TensorFlow sees it; of branches what one of them uses.
    const isConnected = (i: number) => this.kind === CALL && !isOpaque(inputs[i]!.dtype);
    const of = wanted.filter((i, j) => has(i, j) || isConnected(i));
    const places = of.map((i) => wanted.indexOf(i));
    const layouts = places.map((place) => layoutOf(found.map((each) => each[place]!)));
    const grads = made.map((body, k) =>
      of.flatMap((i, j) => layouts[j]!.parts(found[k]![places[j]!] ?? this.#zeros(body, i, found, places[j]!))),
    );
    const cuts = made.map((body, k) => body.cut(grads[k]!));
    const inner = cuts.flatMap((cut, k) => cut.inner.map((tensor): Inner => ({ body: k, tensor })));
    const args = [...new Set(cuts.flatMap((cut) => cut.args))].sort((a, b) => a - b);
    const backwards = made.map((body, k) => {
      const own = inner.map((each) => (each.body === k ? each.tensor : body.unused(each.tensor.dtype)));
      const taken = [...args.map((i) => body.args[i]!), ...own, ...body.seeds];
      return body.backwards(taken, grads[k]!, cuts[k]!.nodes);
    });
    const given = [...args.map((i) => inputs[i]!), ...this.#outputsFor(made, inner), ...seeds];
    const outputs = this.#call(backwards, given);
    return this.#spread(
      of,
      layouts.map((layout) => layout.whole(outputs)),
    );
  }

  /** Computes the bodies again: for functions that the gradients being built come from. */
  #again(): (Gradient | null)[] {
    const { functions, inputs, wanted, seeds } = this;
    const known = inputs.map((input) => argumentOf(input));
    const backwards = functions.map((f) => this.#recomputed(f, known));
    return this.#spread(wanted, this.#call(backwards, [...inputs, ...seeds]));
  }

  /** A function of arguments and seeds, known by its name before it is done: its body may call it. */
  #recomputed(f: NameAttrList, known: readonly Argument[]): GraphFunction {
    const { wanted, seeded, seeds, gradientsOf, context } = this;
    const { graph } = context;
    const key = `${f.name} of ${wanted} by ${seeded}`;
    const done = graph.openGradients.get(key);
    if (done) return done;
    const name = freeName(graph.runtime.library, `${f.name}_grad`);
    const types = wanted.map((i) => {
      const { dtype, handle } = known[i]!;
      if (dtype !== DataType.RESOURCE) return dtype;
      const [held] = handle ?? [];
      if (held === undefined) throw context.unsupported("a variable that a function takes which calls itself");
      return held.dtype;
    });
    const inputTypes = [...known, ...seeds].map(({ dtype }) => dtype);
    graph.openGradients.set(key, new GraphFunction(graph, name, inputTypes, types, true));
    try {
      const body = new Body(graph, f, known);
      const seedArgs = seeds.map((seed) => argumentOf(seed, null));
      const found = body.differentiate(seeded, seedArgs, wanted, gradientsOf);
      const grads = wanted.map((i, j) => (found[j] ? toDense(found[j]) : body.zeros(i)!));
      return body.backwards([...body.args, ...body.seeds], grads, null, name);
    } finally {
      graph.openGradients.delete(key);
    }
  }

  /** Outputs of the node for tensors of its bodies, added to it where it doesn't give them yet. */
  #outputsFor(bodies: readonly Body[], inner: readonly Inner[]): Output[] {
    const { graph, node, y } = this.context;
    const at = ({ body, tensor }: Inner) => bodies[body]!.rets.findIndex((ret) => ret.name === tensor.name);
    const missing = inner.filter((each) => at(each) < 0);
    if (missing.length === 0) return inner.map((each) => y[at(each)]!);
    const names = bodies.map((body, k) => {
      const more = missing.map((each) => (each.body === k ? each.tensor : absent(body, each.tensor.dtype)));
      return body.forwards([], more).name;
    });
    const attrs: Record<string, AttrInput> = {
      ...this.kind.attrs(names),
      Tout: [...node.outputTypes, ...missing.map(({ tensor }) => tensor.dtype)],
    };
    // A call has no such attribute, and an empty one says nothing.
    const shapes = node.attrs.get("output_shapes")?.list?.shape ?? [];
    if (shapes.length > 0)
      attrs.output_shapes = [...y.map(({ shape }) => shape), ...missing.map((): PartialShape => null)];
    const { outputs } = graph.rewrite(node, attrs, onlyRead(graph, this.functions));
    return inner.map((each) => outputs[at(each) < 0 ? y.length + missing.indexOf(each) : at(each)]!);
  }

  #call(functions: readonly GraphFunction[], args: readonly Output[]): Output[] {
    const { context, kind } = this;
    const [stateful, stateless] = kind.types;
    const [first] = functions as readonly [GraphFunction];
    const attrs = { ...kind.attrs(functions.map(({ name }) => name)), Tout: [...first.outputTypes] };
    const type = functions.some(({ isStateful }) => isStateful) ? stateful : stateless;
    return context.graph.op(type, [...context.x.slice(0, kind.first), args], attrs).outputs;
  }

  /** In the branch that an input has no part in. */
  #zeros(body: Body, input: number, found: readonly (readonly (Gradient | null)[])[], place: number): Output {
    const zeros = body.zeros(input);
    if (zeros !== null) return zeros;
    const dtype = dtypeOf(found.find((grads) => grads[place] !== null)![place]!);
    const { ops } = body.graph;
    return ops.fill(ops.variableShape(body.args[input]!), body.graph.constant(0, dtype));
  }

  /** By input, from gradients of some of them. */
  #spread(of: readonly number[], grads: readonly Gradient[]): (Gradient | null)[] {
    return this.context.x.map((_, i) => grads[of.indexOf(i - this.kind.first)] ?? null);
  }
}

/** How the gradient of an input leaves the functions. */
interface Layout {
  readonly parts: (gradient: Gradient) => readonly Output[];
  /** Takes as many outputs as there are parts. */
  readonly whole: (outputs: Output[]) => Gradient;
}

const WHOLE: Layout = { parts: (gradient) => [toDense(gradient)], whole: (outputs) => outputs.shift()! };

/** Rows where one of the functions has rows, whose indices then are of one dtype. */
function layoutOf(found: readonly (Gradient | null)[]): Layout {
  const known = found.filter((gradient) => gradient !== null);
  if (!known.some((gradient) => gradient instanceof IndexedSlices)) return WHOLE;
  const indexType = indexTypeOf(known);
  return {
    parts: (gradient) => {
      const { values, indices, denseShape } = rowsOf(gradient, indexType);
      return [values, indices, denseShape];
    },
    whole: (outputs) => new IndexedSlices(outputs.shift()!, outputs.shift()!, outputs.shift()!),
  };
}

/** What stands for a tensor that another branch would have given. */
function absent({ graph }: Body, dtype: DataType): Output {
  if (dtype === DataType.VARIANT) return graph.ops.emptyTensorList(-1, -1, { elementDtype: DataType.FLOAT });
  if (dtype === DataType.RESOURCE)
    throw new UnimplementedError("Gradients of a branch that makes a resource are missing");
  return graph.constant({ dtype, shape: [0], data: [] as never }, dtype);
}

const through =
  (kind: Kind, gradientsOf: GradientsOf): GradientFunction =>
  (context) =>
    new BranchGradient(context, kind, kind.functionsOf(context.node), gradientsOf).build();

/** For ops that have the name of a function. */
export const calledByName = (gradientsOf: GradientsOf): GradientFunction => through(BY_NAME, gradientsOf);

export function functionGradients(gradientsOf: GradientsOf): Gradients {
  return {
    ...forAll(CALL.types, through(CALL, gradientsOf)),
    ...forAll(IF.types, through(IF, gradientsOf)),
    ...forAll(CASE.types, through(CASE, gradientsOf)),
    ...forAll(["While", "StatelessWhile"], whileGradient(gradientsOf)),
  };
}
