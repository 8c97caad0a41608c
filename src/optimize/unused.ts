// Work whose results nobody takes: a node that others only wait for, as the gradients of an unused input in a training
// step, becomes a NoOp that waits for what the node would have taken. Takes a plan's own graph and changes it in place;
// what nobody needs any more is left for a sweep. What has an effect beyond its results goes on running.
import type { Graph, Node } from "../graph/graph.js";
import { sourcesFirst } from "../graph/order.js";
import { isPure } from "./merge.js";

/** They run for their errors. */
const CHECKS = new Set(["CheckNumerics", "CheckNumericsV2"]);
/** Which of their outputs lives can't be seen from a control edge. */
const BRANCHES = new Set(["Switch", "_SwitchN"]);

/** @returns whether anything changed */
export function skipUnused(graph: Graph, roots: readonly Node[]): boolean {
  const kept = new Set(roots);
  const uses = new Int32Array(graph.nodes.length);
  for (const { inputs } of graph.nodes) for (const { node } of inputs) uses[node.id]!++;
  const noOp = graph.library.registry.find("NoOp")!;
  let changed = false;
  for (const node of sourcesFirst(graph.nodes).reverse()) {
    if (uses[node.id]! > 0 || kept.has(node) || !mayGo(node)) continue;
    const sources = new Set(node.controlInputs);
    for (const { node: source } of node.inputs) {
      sources.add(source);
      uses[source.id]!--;
    }
    node.op = noOp;
    node.attrs = new Map();
    node.inputTypes = [];
    node.outputTypes = [];
    node.inputs.length = 0;
    node.controlInputs.splice(0, Number.POSITIVE_INFINITY, ...sources);
    changed = true;
  }
  return changed;
}

const mayGo = (node: Node): boolean =>
  isPure(node) && !CHECKS.has(node.op.name) && !node.inputs.some((input) => BRANCHES.has(input.node.op.name));
