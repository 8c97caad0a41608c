// What the nodes of a registered graph cost: their longest times and largest outputs of all steps that were asked for costs
// (TensorFlow's CostModel). Takes what a trace recorded of each step; gives a CostGraphDef over the graph's parts.
import type { Graph, Node } from "../graph/graph.js";
import {
  CostGraphDef,
  CostGraphDef_Node,
  type CostGraphDef_Node_OutputInfo,
  type NodeExecStats,
  type TensorShapeProto,
} from "../wire/core.js";
import { SOURCE_NAME } from "./step-trace.js";

/** Of what doesn't lie in the heap. */
const NOWHERE = 0n;

interface OutputCost {
  size: bigint;
  shape: TensorShapeProto | undefined;
  /** Where it lay last, or NOWHERE. */
  ptr: bigint;
}

interface NodeCost {
  micros: bigint;
  persistentBytes: bigint;
  readonly outputs: OutputCost[];
}

/** Nodes of TensorFlow's graphs that ours have not: each node without inputs comes after the one, without consumers before the other. */
const ENDS = [SOURCE_NAME, "_SINK"];
const [SOURCE, SINK] = [0, 1];

export class CostModel {
  /** By node: no two of a session have the same name. */
  readonly #costs = new Map<string, NodeCost>();

  record(nodes: Iterable<NodeExecStats>): void {
    for (const { nodeName, opEndRelMicros, memoryStats, output } of nodes) {
      let cost = this.#costs.get(nodeName);
      if (cost === undefined) {
        cost = { micros: 0n, persistentBytes: 0n, outputs: [] };
        this.#costs.set(nodeName, cost);
      }
      if (opEndRelMicros > cost.micros) cost.micros = opEndRelMicros;
      cost.persistentBytes = memoryStats?.persistentMemorySize ?? 0n;
      for (const { slot, tensorDescription } of output) {
        const { allocatedBytes = 0n, ptr = NOWHERE } = tensorDescription?.allocationDescription ?? {};
        const known = cost.outputs[slot];
        if (known !== undefined) known.ptr = ptr;
        if (known !== undefined && known.size >= allocatedBytes) continue;
        cost.outputs[slot] = { size: allocatedBytes, shape: tensorDescription?.shape, ptr };
      }
    }
  }

  toProto(graphs: readonly Graph[]): CostGraphDef {
    return { ...CostGraphDef.create(), node: graphs.flatMap((graph, i) => this.#nodesOf(graph, firstId(graphs, i))) };
  }

  #nodesOf({ nodes }: Graph, first: number): CostGraphDef_Node[] {
    const idOf = (node: Node) => first + ENDS.length + node.id;
    const consumed = new Set(
      nodes.flatMap(({ inputs, controlInputs }) => [...inputs.map(({ node }) => node), ...controlInputs]),
    );
    const ends = ENDS.map((name, i) => this.#entry(name, first + i));
    ends[SINK]!.controlInput = [first + SOURCE, ...nodes.filter((node) => !consumed.has(node)).map(idOf)];
    return [
      ...ends,
      ...nodes.map((node) => ({
        ...this.#entry(node.name, idOf(node)),
        device: node.assignedDevice,
        inputInfo: node.inputs.map((input) => ({ precedingNode: idOf(input.node), precedingPort: input.index })),
        outputInfo: this.#outputsOf(node),
        controlInput:
          node.inputs.length + node.controlInputs.length === 0
            ? [first + SOURCE]
            : node.controlInputs.map(idOf).sort((a, b) => a - b),
        isFinal: node.op.name === "_Send",
      })),
    ];
  }

  #entry(name: string, id: number): CostGraphDef_Node {
    const { micros: computeCost = 0n, persistentBytes: persistentMemorySize = 0n } = this.#costs.get(name) ?? {};
    return { ...CostGraphDef_Node.create(), name, id, computeCost, persistentMemorySize };
  }

  #outputsOf({ name, inputs, outputTypes }: Node): CostGraphDef_Node_OutputInfo[] {
    const costs = this.#costs.get(name)?.outputs ?? [];
    const ports = new Map<bigint, number>();
    for (let port = inputs.length - 1; port >= 0; port--) {
      const { node, index } = inputs[port]!;
      const ptr = this.#costs.get(node.name)?.outputs[index]?.ptr ?? NOWHERE;
      if (ptr !== NOWHERE) ports.set(ptr, port);
    }
    return outputTypes.map((dtype, i) => {
      const cost = costs[i];
      if (cost === undefined)
        return { size: -1n, aliasInputPort: -1n, shape: { dim: [], unknownRank: true }, dtype: 0 };
      const { size, shape, ptr } = cost;
      return { size, aliasInputPort: BigInt(ports.get(ptr) ?? -1), shape, dtype };
    });
  }
}

const firstId = (graphs: readonly Graph[], part: number): number =>
  graphs.slice(0, part).reduce((sum, { nodes }) => sum + ENDS.length + nodes.length, 0);
