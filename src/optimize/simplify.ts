// The rewrites of a signature's graph, in the order they run. `disable_meta_optimizer` turns them off.
import type { Graph } from "../graph/graph.js";
import type { ConfigProto } from "../wire/core.js";

export function simplify(graph: Graph, config: ConfigProto | null): Graph {
  if (config?.graphOptions?.rewriteOptions?.disableMetaOptimizer) return graph;
  return graph;
}
