// Gradients of calls and of branches that are functions: a function is made that computes the body again and goes
// backwards through it, and called in place of the first. Loops of functions (While) have none here yet.
import { UnimplementedError } from "../../errors/index.js";
import { exportNode } from "../../graph/export.js";
import { DataType } from "../../tensor/dtype.js";
import { GraphDef, type NameAttrList, type NodeDef } from "../../wire/core.js";
import { freeName, type GraphFunction } from "../functions.js";
import type { Graph } from "../graph.js";
import type { Output } from "../output.js";
import { isFloating } from "../values.js";
import { forAll, type GradientContext, type GradientFunction, type Gradients } from "./context.js";
import { type Gradient, toDense } from "./indexed-slices.js";

/** `gradients`, which this file serves. */
export type GradientsOf = (
  ys: readonly Output[],
  xs: readonly Output[],
  gradYs: readonly Output[],
) => (Gradient | null)[];

/** A function that calls itself has no end of gradients. */
const MAX_DEPTH = 16;

/** The body of a function as nodes of a graph, on these arguments. */
function expand(graph: Graph, { name, attr }: NameAttrList, args: readonly Output[]): Output[] {
  const body = graph.runtime.library.instantiate(name, attr);
  const plumbing = new Set([...body.args, ...body.rets]);
  const node: NodeDef[] = body.graph.nodes.filter((each) => !plumbing.has(each)).map((each) => exportNode(each));
  const used = new Set(node.flatMap(({ input }) => input.map((text) => text.replace(/:\d+$/, ""))));
  const mapped = body.args.flatMap((arg, i) => (used.has(arg.name) ? [[arg.name, args[i]!] as const] : []));
  graph.importGraphDef({ ...GraphDef.create(), node }, { name: "", inputMap: Object.fromEntries(mapped) });
  return body.rets.map((ret) => {
    const { node: source, index } = ret.inputs[0]!;
    const arg = body.args.indexOf(source);
    return arg >= 0 ? args[arg]! : graph.find(source.name).output(index);
  });
}

/** @returns the function, and which inputs it gives gradients of */
function gradientFunction(
  graph: Graph,
  f: NameAttrList,
  inputs: readonly Output[],
  wanted: readonly number[],
  gradientsOf: GradientsOf,
): { readonly made: GraphFunction; readonly of: readonly number[] } {
  if (graph.depth >= MAX_DEPTH) {
    throw new UnimplementedError(`Gradients of a function that calls itself are not supported ('${f.name}')`);
  }
  const { argTypes, retTypes } = graph.runtime.library.instantiate(f.name, f.attr);
  const seeds = retTypes.filter(isFloating);
  let of: number[] = [];
  const name = freeName(graph.runtime.library, `${f.name}_grad`);
  const made = graph.function(name, [...argTypes, ...seeds], (body, ...args) => {
    const xs = args.slice(0, inputs.length);
    const ys = expand(body, f, xs);
    const found = gradientsOf(
      ys.filter(({ dtype }) => isFloating(dtype)),
      wanted.map((i) => xs[i]!),
      args.slice(inputs.length),
    );
    // What nothing is known of but that it is a resource has no zeros either.
    of = wanted.filter((i, j) => found[j] !== null || argTypes[i] !== DataType.RESOURCE);
    return of.map((i) => {
      const grad = found[wanted.indexOf(i)] ?? null;
      return grad === null ? body.ops.zerosLike(xs[i]!) : toDense(grad);
    });
  });
  return { made, of };
}

const wantedOf = ({ wanted, x }: GradientContext, first: number): number[] =>
  x.slice(first).flatMap(({ dtype }, i) => {
    const carries = isFloating(dtype) || dtype === DataType.RESOURCE;
    return wanted[i + first] && carries ? [i] : [];
  });

const seedsOf = (context: GradientContext): Output[] =>
  context.y.flatMap(({ dtype }, i) => (isFloating(dtype) ? [context.grad(i)] : []));

/** By input, from gradients of some of them. */
function spread(context: GradientContext, first: number, of: readonly number[], grads: readonly Output[]) {
  return context.x.map((_, i) => grads[of.indexOf(i - first)] ?? null);
}

export function functionGradients(gradientsOf: GradientsOf): Gradients {
  const call: GradientFunction = (context) => {
    const { graph, x } = context;
    const { made, of } = gradientFunction(graph, context.attr("f").func!, x, wantedOf(context, 0), gradientsOf);
    return spread(context, 0, of, made.call([...x, ...seedsOf(context)]));
  };
  const choose: GradientFunction = (context) => {
    const { graph, node, x } = context;
    const inputs = x.slice(1);
    const wanted = wantedOf(context, 1);
    if (wanted.some((i) => inputs[i]!.dtype === DataType.RESOURCE)) throw context.unsupported("a variable");
    const [onTrue, onFalse] = ["then_branch", "else_branch"].map(
      (branch) => gradientFunction(graph, context.attr(branch).func!, inputs, wanted, gradientsOf).made,
    ) as [GraphFunction, GraphFunction];
    const stateful = onTrue.isStateful || onFalse.isStateful;
    const made = graph.op(
      stateful ? "If" : node.op.name,
      [x[0]!, [...inputs, ...seedsOf(context)]],
      { then_branch: onTrue.name, else_branch: onFalse.name, Tout: [...onTrue.outputTypes] },
      { name: "If" },
    );
    return spread(context, 1, wanted, made.outputs);
  };
  const loop: GradientFunction = (context) => {
    throw context.unsupported("functions for its condition and body");
  };
  return {
    ...forAll(["PartitionedCall", "StatefulPartitionedCall"], call),
    ...forAll(["If", "StatelessIf"], choose),
    ...forAll(["While", "StatelessWhile"], loop),
  };
}
