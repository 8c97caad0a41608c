// The plan of one signature: its part of the session's graph, cut by task and registered at each task's worker.
// Made once per (feeds, fetches, targets); Extend never drops one.
import { graphKeyOf } from "../collective/graph-key.js";
import type { Graph } from "../graph/graph.js";
import type { FoldOptions } from "../optimize/fold.js";
import { optimizePlan, passesOf } from "../optimize/passes.js";
import { type ClientDevice, cutSignature, type Signature } from "../optimize/signature.js";
import { taskOf } from "../placement/device-name.js";
import { partition } from "../placement/partition.js";
import { createKey } from "../rendezvous/key.js";
import type { DataType } from "../tensor/dtype.js";
import type { ConfigProto, GraphOptions } from "../wire/core.js";
import type { WorkerInterface } from "../worker/worker-interface.js";

export interface PlanPart {
  /** As the session names it. */
  readonly task: string;
  readonly worker: WorkerInterface;
  readonly graphHandle: string;
}

export interface Plan {
  readonly signature: Signature;
  /** The whole part before it was cut by task: partial runs look at what a fetch needs. */
  readonly graph: Graph;
  readonly parts: readonly PlanPart[];
  /** The part that gets the feeds and gives the fetches: the master's own task. `null` when it has none. */
  readonly clientPart: PlanPart | null;
  readonly feedKeys: readonly string[];
  readonly fetchKeys: readonly string[];
  readonly feedTypes: readonly DataType[];
  /** What plans have in common whose steps take part in the same collectives; 0 without any. */
  readonly collectiveGraphKey: bigint;
  /** Asked once of each step, in their order: whether it tells what nodes cost. */
  readonly recordsCosts: () => boolean;
}

/** Where constants are computed while a plan is made. */
export type PlanHost = Omit<FoldOptions, "maxBytes">;

export interface PlanContext {
  readonly sessionHandle: string;
  readonly graph: Graph;
  readonly config: ConfigProto | null;
  readonly client: ClientDevice;
  readonly workers: ReadonlyMap<string, WorkerInterface>;
  readonly incarnationOf: (device: string) => bigint;
  readonly host: PlanHost;
  readonly nextName: (base: string) => string;
}

export async function makePlan(context: PlanContext, signature: Signature): Promise<Plan> {
  const { client } = context;
  const cut = cutSignature(context.graph, signature, client);
  const graph = await optimizePlan(cut, passesOf(context.config, context.graph.nodes.length), context.host);
  const collectiveGraphKey = signature.collectiveGraphKey || graphKeyOf(graph);
  const pieces = partition(graph, (node) => taskOf(node.assignedDevice), context);
  const parts = await allOrNone(
    [...pieces].map(async ([task, piece]): Promise<PlanPart> => {
      const worker = context.workers.get(task)!;
      const graphHandle = await worker.registerGraph({
        sessionHandle: context.sessionHandle,
        graph: piece,
        collectiveGraphKey,
        config: context.config,
      });
      return { task, worker, graphHandle };
    }),
    ({ worker, graphHandle }) => worker.deregisterGraph(context.sessionHandle, graphHandle),
  );
  const keyOf = (name: string) => createKey(client.name, client.incarnation, client.name, name);
  return {
    signature,
    graph,
    parts,
    clientPart: parts.find(({ task }) => task === taskOf(client.name)) ?? null,
    feedKeys: signature.feeds.map(keyOf),
    fetchKeys: signature.fetches.map(keyOf),
    feedTypes: cut.feedTypes,
    collectiveGraphKey,
    recordsCosts: costSchedule(context.config?.graphOptions),
  };
}

/** Every n-th step after some first ones, counted as TensorFlow does. */
function costSchedule({ buildCostModel: every = 0n, buildCostModelAfter: after = 0n }: Partial<GraphOptions> = {}) {
  let steps = 0n;
  return every > 0n ? () => (++steps - after) % every === 0n : () => false;
}

/** Undoes what succeeded when something fails. */
async function allOrNone<T>(promises: readonly Promise<T>[], undo: (value: T) => Promise<void>): Promise<T[]> {
  try {
    return await Promise.all(promises);
  } catch (error) {
    for (const result of await Promise.allSettled(promises)) {
      if (result.status === "fulfilled") await undo(result.value).catch(() => {});
    }
    throw error;
  }
}
