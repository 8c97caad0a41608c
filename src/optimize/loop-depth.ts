// How many loops of the graph's own a node stands in, as far as its inputs tell: a function that is inlined there must
// keep its constants from running outside. All inputs of a node come from one frame, so that one of them is enough.
import type { Graph, Node } from "../graph/graph.js";
import { isEnter, isExit } from "../graph/order.js";

export class LoopDepth {
  readonly #known = new Map<Node, number>();
  /** Whether there are any, once asked for. */
  #loops: boolean | null = null;

  constructor(readonly graph: Graph) {}

  of(node: Node): number {
    this.#loops ??= this.graph.nodes.some(isEnter);
    if (!this.#loops) return 0;
    // The first input of a loop's Merge is its Enter: this way leads out of every loop. A broken graph's may not.
    const way: Node[] = [];
    const met = new Set<Node>();
    let at: Node | undefined = node;
    while (at !== undefined && !this.#known.has(at) && !met.has(at)) {
      way.push(at);
      met.add(at);
      at = at.inputs[0]?.node ?? at.controlInputs[0];
    }
    let depth = at === undefined ? 0 : (this.#known.get(at) ?? 0);
    for (const next of way.reverse()) {
      if (isEnter(next)) depth++;
      // An Exit stands where its value goes.
      if (isExit(next)) depth--;
      this.#known.set(next, depth);
    }
    return depth;
  }
}
