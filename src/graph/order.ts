// The order in which nodes can run: sources before those that take from them. Iterative and linear in the edges.
import type { Node } from "./graph.js";

/**
 * @param nodes the graph's from some id on; sources with lower ids are there already
 * @returns the nodes sources first, otherwise as they came; without those of a cycle, and of what hangs on it
 */
export function sourcesFirst(nodes: readonly Node[]): Node[] {
  const first = nodes[0]?.id ?? 0;
  const waiting = new Int32Array(nodes.length);
  const ends = new Int32Array(nodes.length + 1);
  forEachEdge(nodes, first, (source, consumer) => {
    ends[source + 1]!++;
    waiting[consumer]!++;
  });
  for (let i = 0; i < nodes.length; i++) ends[i + 1]! += ends[i]!;
  const consumers = new Int32Array(ends[nodes.length]!);
  const next = ends.slice();
  forEachEdge(nodes, first, (source, consumer) => {
    consumers[next[source]!++] = consumer;
  });
  const order: Node[] = [];
  for (let i = 0; i < nodes.length; i++) if (waiting[i] === 0) order.push(nodes[i]!);
  for (let i = 0; i < order.length; i++) {
    const source = order[i]!.id - first;
    for (let k = ends[source]!; k < ends[source + 1]!; k++) {
      const consumer = consumers[k]!;
      if (--waiting[consumer]! === 0) order.push(nodes[consumer]!);
    }
  }
  return order;
}

function forEachEdge(nodes: readonly Node[], first: number, visit: (source: number, consumer: number) => void): void {
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const merges = isMerge(node);
    for (const { node: source } of node.inputs) {
      if (source.id >= first && !(merges && isNextIteration(source))) visit(source.id - first, i);
    }
    for (const source of node.controlInputs) {
      if (source.id >= first && !(merges && isNextIteration(source))) visit(source.id - first, i);
    }
  }
}

/** Loops close through NextIteration into a Merge: those edges don't count. */
export const isMerge = ({ op }: Node): boolean => op.name === "Merge" || op.name === "RefMerge";
export const isNextIteration = ({ op }: Node): boolean => op.name === "NextIteration" || op.name === "RefNextIteration";
/** The ways into a loop and out of it. */
export const isEnter = ({ op }: Node): boolean => op.name === "Enter" || op.name === "RefEnter";
export const isExit = ({ op }: Node): boolean => op.name === "Exit" || op.name === "RefExit";
