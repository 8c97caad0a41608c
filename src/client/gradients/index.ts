// Reverse-mode gradients (`tf.gradients`): walks the graph backwards from y and adds, for each op on the way to an x,
// the ops of its gradient. A family's gradients are in the file of its name.
import { InvalidArgumentError } from "../../errors/index.js";
import type { Node } from "../../graph/graph.js";
import { type Graph, Output } from "../graph.js";
import { arrayGradients } from "./array.js";
import { mathGradients } from "./math.js";
import { nnGradients } from "./nn.js";

/** Gradients for the inputs of a node, given those of its outputs (`null`: none comes back). */
export type GradientFunction = (context: GradientContext) => readonly (Output | null)[];

export interface GradientContext {
  readonly graph: Graph;
  readonly inputs: readonly Output[];
  readonly outputs: readonly Output[];
  readonly grads: readonly (Output | null)[];
  readonly node: Node;
}

const functions: Readonly<Record<string, GradientFunction>> = { ...arrayGradients, ...mathGradients, ...nnGradients };

/** dy/dx for each x, `null` where y doesn't depend on it. @throws InvalidArgumentError for an op without a gradient */
export function gradients(y: Output, xs: readonly Output[]): (Output | null)[] {
  const { graph } = y;
  return graph.withScope("gradients", () => {
    const order = between(y.node, new Set(xs.map((x) => x.node)));
    const sums = new Map<Node, (Output[] | undefined)[]>();
    const addTo = (node: Node, index: number, grad: Output) => {
      let lists = sums.get(node);
      if (lists === undefined) {
        lists = [];
        sums.set(node, lists);
      }
      (lists[index] ??= []).push(grad);
    };
    const total = (node: Node, index: number): Output | null => {
      const list = sums.get(node)?.[index];
      if (list === undefined) return null;
      if (list.length > 1) sums.get(node)![index] = [graph.op("AddN", [list]).output()];
      return sums.get(node)![index]![0]!;
    };
    addTo(y.node, y.index, graph.op("OnesLike", [y]).output());
    for (const node of order) {
      const grads = node.outputTypes.map((_, i) => total(node, i));
      if (grads.every((grad) => grad === null) || node.inputs.length === 0) continue;
      const gradient = functions[node.op.name];
      if (gradient === undefined)
        throw new InvalidArgumentError(`No gradient defined for operation '${node.name}' (op type: ${node.op.name})`);
      const inputs = node.inputs.map((input) => new Output(graph, input.node, input.index));
      const outputs = node.outputTypes.map((_, i) => new Output(graph, node, i));
      gradient({ graph, inputs, outputs, grads, node }).forEach((grad, i) => {
        if (grad !== null) addTo(inputs[i]!.node, inputs[i]!.index, grad);
      });
    }
    return xs.map((x) => total(x.node, x.index));
  });
}

/** Nodes on a way from an x to y, each after all that consume it. */
function between(y: Node, xs: ReadonlySet<Node>): Node[] {
  const reach = new Set<Node>();
  const pending = [y];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (reach.has(node)) continue;
    reach.add(node);
    for (const { node: source } of node.inputs) pending.push(source);
  }
  // Ids rise from producers to consumers: the graph was built in that order.
  const sorted = [...reach].sort((a, b) => a.id - b.id);
  const useful = new Set<Node>();
  for (const node of sorted) if (xs.has(node) || node.inputs.some((input) => useful.has(input.node))) useful.add(node);
  return sorted.filter((node) => useful.has(node)).reverse();
}
