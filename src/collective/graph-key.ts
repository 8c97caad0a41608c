// The key of a graph's collectives: masters whose graphs name the same instances get the same key without asking each
// other, and by it the same step ids. Worked out as TensorFlow does; 0 for a graph without collectives.
import { combineHashes } from "../executor/frame-id.js";
import type { Graph } from "../graph/graph.js";
import type { AttrValue } from "../wire/core.js";

/** The key of collectives whose instances come as inputs. */
const NO_INSTANCES = 0x8774aa605c729c72n;

export function graphKeyOf(graph: Graph): bigint {
  const instances = new Set<number>();
  let found = false;
  const look = (op: string, attrs: ReadonlyMap<string, AttrValue>) => {
    if (!op.startsWith("Collective")) return;
    found = true;
    const instance = attrs.get("instance_key")?.i;
    if (instance !== undefined) instances.add(Number(instance));
  };
  for (const { op, attrs } of graph.nodes) {
    look(op.name, attrs);
    for (const node of graph.library.find(op.name)?.nodeDef ?? []) look(node.op, node.attr);
  }
  if (!found) return 0n;
  const sorted = [...instances].sort((a, b) => a - b);
  return BigInt.asIntN(
    64,
    sorted.reduce((hash, instance) => combineHashes(BigInt.asUintN(64, BigInt(instance)), hash), NO_INSTANCES),
  );
}
