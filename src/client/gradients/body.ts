// The body of a function with its gradients, in a graph of its own, and the cut between the two: the function again, which
// gives what its gradients need besides, and the function of the gradients, which takes it.
import { exportNode } from "../../graph/export.js";
import type { Node } from "../../graph/graph.js";
import type { HandleShape } from "../../ops/shapes/context.js";
import { DataType } from "../../tensor/dtype.js";
import { isFullyKnown, type PartialShape } from "../../tensor/partial-shape.js";
import { GraphDef, type NameAttrList } from "../../wire/core.js";
import { addFunction, freeName, type GraphFunction } from "../functions.js";
import { Graph } from "../graph.js";
import type { Output } from "../output.js";
import type { Gradient } from "./indexed-slices.js";
import { zerosOf } from "./loop-state.js";

/** `gradients`, which the files of functions serve. */
export type GradientsOf = (
  ys: readonly Output[],
  xs: readonly Output[],
  gradYs: readonly Output[],
) => (Gradient | null)[];

/** What is known of an argument before the function is called. */
export interface Argument {
  readonly dtype: DataType;
  readonly shape: PartialShape;
  readonly handle: readonly HandleShape[] | null;
}

export const argumentOf = (output: Output, shape = output.shape): Argument => ({
  dtype: output.dtype,
  shape,
  handle: output.graph.handleOf(output),
});

/** What the gradients take of the body. */
interface Cut {
  /** Arguments, by their places. */
  readonly args: readonly number[];
  /** Tensors that the body makes. */
  readonly inner: readonly Output[];
  /** Nodes of the gradients. */
  readonly nodes: readonly Node[];
}

export class Body {
  readonly graph: Graph;
  readonly args: readonly Output[];
  readonly rets: readonly Output[];
  /** What comes back for results, by the order that `differentiate` was given them in. */
  seeds: readonly Output[] = [];
  readonly #own: readonly Node[];

  constructor(
    readonly outer: Graph,
    readonly f: NameAttrList,
    args: readonly Argument[],
  ) {
    this.graph = new Graph(outer);
    this.args = args.map((arg, i) => this.#argument(arg, `arg_${i}`));
    this.rets = expand(this.graph, f, this.args);
    this.#own = this.graph.runtime.nodes.slice(args.length);
  }

  /** @returns gradients of arguments, `null` where the results don't depend on them */
  differentiate(
    results: readonly number[],
    seeds: readonly Argument[],
    wanted: readonly number[],
    gradientsOf: GradientsOf,
  ): (Gradient | null)[] {
    this.seeds = seeds.map((seed, i) => this.#argument(seed, `grad_${i}`));
    const ys = results.map((i) => this.rets[i]!);
    const xs = wanted.map((i) => this.args[i]!);
    return gradientsOf(ys, xs, this.seeds);
  }

  /** Zeros for an argument that no result depends on; `null` for a resource of which nothing is known. */
  zeros(index: number): Output | null {
    const arg = this.args[index]!;
    const { ops } = this.graph;
    if (arg.dtype !== DataType.RESOURCE) {
      return isFullyKnown(arg.shape) && arg.dtype !== DataType.VARIANT
        ? zerosOf(this.graph, arg.shape, arg.dtype)
        : ops.zerosLike(arg);
    }
    const [held] = this.graph.handleOf(arg) ?? [];
    return held === undefined ? null : zerosOf(this.graph, ops.variableShape(arg), held.dtype);
  }

  /** Something to stand in a function's arguments that it doesn't look at. */
  unused(dtype: DataType): Output {
    return this.graph.placeholder(dtype, null, "unused");
  }

  /** What these tensors of the gradients need of the body. Constants aren't needed: they are made twice. */
  cut(grads: readonly Output[]): Cut {
    const own = new Set<Node>();
    collect(this.#own, own);
    const places = new Map(this.args.map(({ name }, i) => [name, i]));
    const given = new Set([...this.args, ...this.seeds].map(({ node }) => node));
    const args = new Set<number>();
    const inner = new Map<string, Output>();
    const nodes = new Set<Node>();
    const open = [...grads];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const place = places.get(at.name);
      if (place !== undefined) args.add(place);
      else if (given.has(at.node) || nodes.has(at.node)) continue;
      else if (own.has(at.node) && at.op.type !== "Const") inner.set(at.name, at);
      else {
        nodes.add(at.node);
        open.push(...at.op.inputs);
      }
    }
    const byId = [...nodes].sort((a, b) => a.id - b.id);
    return { args: [...args].sort((a, b) => a - b), inner: [...inner.values()], nodes: byId };
  }

  /** The function again, with more arguments and results. */
  forwards(moreArgs: readonly Output[], moreRets: readonly Output[]): GraphFunction {
    const nodes = new Set<Node>();
    collect([...this.#own, ...moreRets.map(({ node }) => node)], nodes);
    const args = [...this.args, ...moreArgs];
    for (const { node } of args) nodes.delete(node);
    return this.#add("forward", args, [...this.rets, ...moreRets], nodes);
  }

  /** The function of the gradients, its nodes those of a cut; without one, all that there are. */
  backwards(args: readonly Output[], grads: readonly Output[], nodes: Iterable<Node> | null, name?: string) {
    const isArg = new Set(args.map(({ node }) => node));
    const all = nodes ?? this.graph.runtime.nodes.filter((node) => !isArg.has(node));
    return this.#add("grad", args, grads, all, name);
  }

  #add(suffix: string, args: readonly Output[], results: readonly Output[], nodes: Iterable<Node>, given?: string) {
    const name = given ?? freeName(this.outer.runtime.library, `${this.f.name}_${suffix}`);
    return addFunction(this.outer, { name, args, results, nodes: [...nodes] });
  }

  #argument({ dtype, shape, handle }: Argument, name: string): Output {
    const made = this.graph.placeholder(dtype, shape, name);
    this.graph.setHandle(made, handle);
    return made;
  }
}

/** Nodes and all that they take from. */
function collect(nodes: readonly Node[], into: Set<Node>): void {
  const open = [...nodes];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (into.has(node)) continue;
    into.add(node);
    open.push(...node.inputs.map((input) => input.node), ...node.controlInputs);
  }
}

const READS: readonly string[] = [
  "_Arg",
  "_Retval",
  "VarHandleOp",
  "ReadVariableOp",
  "VariableShape",
  "ResourceGather",
];

/** Whether functions draw and change nothing: they may be called twice. */
export function onlyRead({ runtime: { library } }: Graph, functions: readonly NameAttrList[]): boolean {
  const seen = new Set<string>();
  const open = [...functions];
  for (let f = open.pop(); f !== undefined; f = open.pop()) {
    if (seen.has(f.name)) continue;
    seen.add(f.name);
    for (const { op, attrs } of library.instantiate(f.name, f.attr).graph.nodes) {
      const called = [...attrs.values()].flatMap(({ func, list }) =>
        func === undefined ? (list?.func ?? []) : [func],
      );
      if (called.length === 0 && op.isStateful && !READS.includes(op.name)) return false;
      open.push(...called);
    }
  }
  return true;
}

/** The body of a function as nodes of a graph, on these arguments. */
function expand(graph: Graph, { name, attr }: NameAttrList, args: readonly Output[]): Output[] {
  const body = graph.runtime.library.instantiate(name, attr);
  const plumbing = new Set([...body.args, ...body.rets]);
  const control = new Set(body.args.map((arg) => `^${arg.name}`));
  const node = body.graph.nodes
    .filter((each) => !plumbing.has(each))
    .map((each) => exportNode(each))
    .map((each) => ({ ...each, input: each.input.filter((text) => !control.has(text)) }));
  const used = new Set(node.flatMap(({ input }) => input.map((text) => text.replace(/:\d+$/, ""))));
  const mapped = body.args.flatMap((arg, i) => (used.has(arg.name) ? [[arg.name, args[i]!] as const] : []));
  graph.importGraphDef({ ...GraphDef.create(), node }, { name: "", inputMap: Object.fromEntries(mapped) });
  return body.rets.map((ret) => {
    const { node: source, index } = ret.inputs[0]!;
    const arg = body.args.indexOf(source);
    return arg >= 0 ? args[arg]! : graph.find(source.name).output(index);
  });
}
