// The passes over a plan's graph, as the session's configuration asks for them: what TensorFlow's Grappler does on the
// master, and its GraphOptimizer where the graph runs, decide together whether constants are folded and equal nodes
// merged. Either alone is enough; `disable_meta_optimizer` with `opt_level` L0 turns both off. Work that nobody uses
// Grappler alone leaves out.
import type { Graph } from "../graph/graph.js";
import {
  type ConfigProto,
  GraphOptions,
  OptimizerOptions,
  OptimizerOptions_Level,
  RewriterConfig,
  RewriterConfig_Toggle,
} from "../wire/core.js";
import { type FoldOptions, foldConstants } from "./fold.js";
import { hoistConstants } from "./hoist.js";
import { mergeEqualNodes } from "./merge.js";
import { type SignatureGraph, sweep } from "./signature.js";
import { skipUnused } from "./unused.js";

export interface PlanPasses {
  /** The largest constant that folding may make; 0 turns it off. */
  readonly foldBytes: number;
  readonly merge: boolean;
  readonly skipUnused: boolean;
  readonly hoist: boolean;
}

/** Grappler's limit, and GraphOptimizer's unless the session names another. */
const GRAPPLER_FOLD_BYTES = 100 * 1024;
const FOLD_BYTES = 10 * 1024 * 1024;
/** Smaller graphs Grappler leaves alone. */
const MIN_GRAPH_NODES = 4;

/** @param sessionNodes nodes of the whole session, of which the plan may need few */
export function passesOf(config: ConfigProto | null, sessionNodes: number): PlanPasses {
  const { rewriteOptions, optimizerOptions } = config?.graphOptions ?? GraphOptions.create();
  const rewriter = rewriteOptions ?? RewriterConfig.create();
  const optimizer = optimizerOptions ?? OptimizerOptions.create();
  const grappler = !rewriter.disableMetaOptimizer && sessionNodes >= (rewriter.minGraphNodes || MIN_GRAPH_NODES);
  const isOn = (name: string, ...toggles: number[]) =>
    grappler &&
    (rewriter.optimizers.length > 0
      ? rewriter.optimizers.includes(name)
      : toggles.every((toggle) => toggle !== RewriterConfig_Toggle.OFF));
  const level = optimizer.optLevel >= OptimizerOptions_Level.L1;
  const limit = Number(optimizer.maxFoldedConstantInBytes);
  const folds = isOn("constfold", rewriter.constantFolding);
  return {
    foldBytes:
      level || optimizer.doConstantFolding ? (limit > 0 ? limit : FOLD_BYTES) : folds ? GRAPPLER_FOLD_BYTES : 0,
    merge:
      level ||
      optimizer.doCommonSubexpressionElimination ||
      isOn("common_subgraph_elimination", rewriter.commonSubgraphElimination, rewriter.arithmeticOptimization),
    skipUnused: isOn("dependency", rewriter.dependencyOptimization),
    hoist: isOn("loop", rewriter.loopOptimization),
  };
}

/** @returns the graph to run, the same one where no pass found anything */
export async function optimizePlan(
  { graph, roots }: SignatureGraph,
  passes: PlanPasses,
  host: Omit<FoldOptions, "maxBytes">,
): Promise<Graph> {
  const { foldBytes, merge } = passes;
  const folded = foldBytes > 0 && (await foldConstants(graph, roots, { ...host, maxBytes: foldBytes }));
  const merged = merge && mergeEqualNodes(graph, roots);
  const skipped = passes.skipUnused && skipUnused(graph, roots);
  const hoisted = passes.hoist && hoistConstants(graph, roots);
  return folded || merged || skipped || hoisted ? sweep(graph, roots) : graph;
}
