// Adds the nodes of a GraphDef to a graph: Create adds all of them, Extend the new ones, which may refer to old ones.
// All or nothing: an error leaves the graph as it was. Linear in nodes and edges, with no recursion: graphs come with
// 100,000 nodes and chains as deep.
import { InvalidArgumentError } from "../errors/index.js";
import { baseDtype, type DataType, dtypeName, isRef } from "../tensor/dtype.js";
import type { GraphDef, NodeDef } from "../wire/core.js";
import { checkAttrs, checkName, unknownOp } from "./check-node.js";
import { type Graph, Node } from "./graph.js";
import type { OpDef, OpRegistry } from "./op-def.js";
import { flattenTypes } from "./types.js";

/** TensorFlow 2.21's `TF_GRAPH_DEF_VERSION`. */
export const GRAPH_DEF_VERSION = 2474;
export const TENSORFLOW_VERSION = "2.21.0";

export interface ImportOptions {
  /** Names the machine in "Op type not registered". */
  readonly hostname: string;
  /** Graphs from a master hold names that a client's may not. */
  readonly internal?: boolean;
}

/** @returns id of the first node added */
export function importGraph(graph: Graph, graphDef: GraphDef, registry: OpRegistry, options: ImportOptions): number {
  checkVersions(graphDef);
  const first = graph.nodes.length;
  const staged = new Map<string, Node>();
  const definitions = graphDef.node;
  const nodes: Node[] = new Array(definitions.length);
  for (let i = 0; i < definitions.length; i++) {
    const definition = definitions[i]!;
    const op = opOf(definition, graph, registry, options.hostname);
    if (staged.has(definition.name) || graph.find(definition.name) !== undefined) {
      throw new InvalidArgumentError(`Node '${definition.name}' is not unique`);
    }
    checkName(definition.name, options.internal === true);
    const node = new Node(first + i, definition.name, op, checkAttrs(definition, op), definition.device);
    node.inputTypes = flattenTypes(op.inputs, node.attrs);
    node.outputTypes = flattenTypes(op.outputs, node.attrs);
    staged.set(node.name, node);
    nodes[i] = node;
  }
  const find = (name: string) => staged.get(name) ?? graph.find(name);
  for (let i = 0; i < nodes.length; i++) link(nodes[i]!, definitions[i]!, find);
  checkCycles(nodes, first);
  for (const node of nodes) graph.adopt(node);
  return first;
}

function checkVersions({ versions }: GraphDef): void {
  const minimum = versions?.minConsumer ?? 0;
  if (minimum > GRAPH_DEF_VERSION) {
    throw new InvalidArgumentError(
      `GraphDef min consumer version ${minimum} above current version ${GRAPH_DEF_VERSION} for TensorFlow ` +
        `${TENSORFLOW_VERSION}.  Please upgrade TensorFlow.`,
    );
  }
}

function opOf(definition: NodeDef, graph: Graph, registry: OpRegistry, hostname: string): OpDef {
  const op = registry.find(definition.op) ?? graph.library.opDef(definition.op);
  if (op === undefined) throw unknownOp(definition.op, hostname);
  return op;
}

function link(node: Node, definition: NodeDef, find: (name: string) => Node | undefined): void {
  let inControls = false;
  for (const text of definition.input) {
    if (text.startsWith("^")) {
      inControls = true;
      const source = find(text.slice(1));
      if (source === undefined) throw unknownInput(node.name, text.slice(1));
      if (!node.controlInputs.includes(source)) node.controlInputs.push(source);
      continue;
    }
    if (inControls) {
      throw new InvalidArgumentError(`Node '${node.name}': Control dependencies must come after regular dependencies`);
    }
    const colon = text.lastIndexOf(":");
    const name = colon < 0 ? text : text.slice(0, colon);
    const index = colon < 0 ? 0 : Number(text.slice(colon + 1));
    const source = find(name);
    if (source === undefined) throw unknownInput(node.name, name);
    if (!Number.isInteger(index) || index < 0 || index >= source.outputTypes.length) {
      throw new InvalidArgumentError(
        `Node '${node.name}': Connecting to invalid output ${index} of source node ${name} which has ` +
          `${source.outputTypes.length} outputs.`,
      );
    }
    node.inputs.push({ node: source, index });
  }
  checkInputs(node);
}

const unknownInput = (node: string, input: string): Error =>
  new InvalidArgumentError(`Node '${node}': Unknown input node '${input}'`);

function checkInputs(node: Node): void {
  const expected = node.inputTypes;
  if (node.inputs.length !== expected.length) {
    throw new InvalidArgumentError(
      `NodeDef expected inputs '${expected.map(dtypeName).join(", ")}' do not match ${node.inputs.length} inputs ` +
        `specified; NodeDef: {{node ${node.name}}}\n\t [[{{node ${node.name}}}]]`,
    );
  }
  for (let i = 0; i < expected.length; i++) {
    const { node: source, index } = node.inputs[i]!;
    if (!connects(source.outputTypes[index]!, expected[i]!)) {
      throw new InvalidArgumentError(
        `Input ${i} of node ${node.name} was passed ${dtypeName(source.outputTypes[index]!)} from ` +
          `${source.name}:${index} incompatible with expected ${dtypeName(expected[i]!)}.`,
      );
    }
  }
}

/** A reference may be read as a value, never the reverse. */
const connects = (from: DataType, to: DataType): boolean => from === to || (!isRef(to) && baseDtype(from) === to);

/** Loops close through NextIteration into a Merge: those edges don't count. */
function checkCycles(nodes: readonly Node[], first: number): void {
  const waiting = new Int32Array(nodes.length);
  const consumers: number[][] = nodes.map(() => []);
  const count = (source: Node, consumer: Node) => {
    const local = source.id - first;
    if (local < 0 || isBackEdge(source, consumer)) return;
    consumers[local]!.push(consumer.id - first);
    waiting[consumer.id - first]!++;
  };
  for (const node of nodes) {
    for (const input of node.inputs) count(input.node, node);
    for (const control of node.controlInputs) count(control, node);
  }
  const ready: number[] = [];
  waiting.forEach((n, i) => {
    if (n === 0) ready.push(i);
  });
  let seen = 0;
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    seen++;
    for (const consumer of consumers[next]!) if (--waiting[consumer]! === 0) ready.push(consumer);
  }
  if (seen < nodes.length) throw new InvalidArgumentError(`${nodes.length - seen} nodes in a cycle`);
}

const isBackEdge = (source: Node, consumer: Node): boolean =>
  (source.op.name === "NextIteration" || source.op.name === "RefNextIteration") &&
  (consumer.op.name === "Merge" || consumer.op.name === "RefMerge");
