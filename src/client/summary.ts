// `tf.compat.v1.summary`: ops that make summaries for TensorBoard, and one that merges them. They are kept in a collection of the
// graph, which a monitored session saves by itself.
import { InvalidArgumentError } from "../errors/index.js";
import type { Graph } from "./graph.js";
import type { Output } from "./output.js";
import { GraphKeys, type Variable } from "./variable.js";

export interface SummaryOptions {
  /** Where it is kept: the graph's summaries unless told otherwise. */
  readonly collections?: readonly string[];
}

/** Characters that no tag has become `_`. */
const cleanTag = (name: string): string => name.replace(/[^-/\w.]/g, "_").replace(/^\/+/, "");

const summaryOf =
  (op: "scalarSummary" | "histogramSummary") =>
  (name: string, tensor: Output | Variable, { collections = [GraphKeys.SUMMARIES] }: SummaryOptions = {}): Output => {
    const { graph } = tensor;
    const summary = graph.nameScope(cleanTag(name), (scope) =>
      graph.ops[op](scope.slice(0, -1), tensor, { name: scope }),
    );
    for (const key of collections) graph.addToCollection(key, summary);
    return summary;
  };

/** A number by step, under `name` and the scopes around. @param tensor a scalar of a real dtype @returns a scalar string */
export const scalar = summaryOf("scalarSummary");

/** How the elements are distributed. @param tensor of any shape and a real dtype @returns a scalar string */
export const histogram = summaryOf("histogramSummary");

/** Summaries in one. @returns a scalar string @throws InvalidArgumentError without any */
export function merge(inputs: readonly Output[], { collections = [] }: SummaryOptions = {}): Output {
  const [first] = inputs;
  if (first === undefined) throw new InvalidArgumentError("No summaries to merge");
  const { graph } = first;
  const merged = graph.nameScope("Merge", () => graph.ops.mergeSummary(inputs));
  for (const key of collections) graph.addToCollection(key, merged);
  return merged;
}

/** All summaries of a graph in one; `null` when it has none. */
export function mergeAll(graph: Graph, key: string = GraphKeys.SUMMARIES): Output | null {
  const all = graph.collection<Output>(key);
  return all.length === 0 ? null : merge(all);
}
