// Adds the nodes of a GraphDef to a graph: Create adds all of them, Extend the new ones, which may refer to old ones.
// All or nothing: an error leaves the graph as it was. Linear in nodes and edges, with no recursion: graphs come with
// 100,000 nodes and chains as deep.
import { InvalidArgumentError } from "../errors/index.js";
import { baseDtype, type DataType, dtypeName, isRef } from "../tensor/dtype.js";
import type { GraphDef, NodeDef } from "../wire/core.js";
import { checkAttrs, checkInputName, checkName, summary, unknownOp, withDefaults } from "./check-node.js";
import { type Graph, Node } from "./graph.js";
import type { OpDef, OpRegistry } from "./op-def.js";
import { sourcesFirst } from "./order.js";
import { summarizeOp } from "./summarize.js";
import { flattenTypes } from "./types.js";

/** TensorFlow 2.21's `TF_GRAPH_DEF_VERSION`. */
export const GRAPH_DEF_VERSION = 2474;
export const TENSORFLOW_VERSION = "2.21.0";

export interface ImportOptions {
  /** Names the machine in "Op type not registered". */
  readonly hostname: string;
  /** Graphs from a master hold names that a client's may not. */
  readonly internal?: boolean;
  /** Keeps nodes that have too few inputs, as a session does: who needs one of them calls `checkComplete`. */
  readonly incomplete?: boolean;
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
    const node = new Node(first + i, definition.name, op, withDefaults(definition, op), definition.device);
    node.inputTypes = flattenTypes(op.inputs, node.attrs);
    node.outputTypes = flattenTypes(op.outputs, node.attrs);
    node.debugInfo = definition.experimentalDebugInfo;
    staged.set(node.name, node);
    nodes[i] = node;
  }
  const find = (name: string) => staged.get(name) ?? graph.find(name);
  for (let i = 0; i < nodes.length; i++) link(nodes[i]!, definitions[i]!, find);
  if (options.incomplete !== true) for (const node of nodes) checkComplete(node);
  for (const node of nodes) checkAttrs(node.name, node.op, node.attrs);
  const inCycles = nodes.length - sourcesFirst(nodes).length;
  if (inCycles > 0) throw new InvalidArgumentError(`${inCycles} nodes in a cycle`);
  for (const node of nodes) graph.adopt(node);
  return first;
}

function checkVersions({ versions }: GraphDef): void {
  const minimum = versions?.minConsumer ?? 0;
  if (versions?.badConsumers.includes(GRAPH_DEF_VERSION)) {
    throw new InvalidArgumentError(
      `GraphDef disallows consumer version ${GRAPH_DEF_VERSION}.  Please upgrade TensorFlow: this version is likely buggy.`,
    );
  }
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
  // A group of thousands of control inputs is usual: the set finds what an input says twice.
  let controls: Set<Node> | null = null;
  for (const text of definition.input) {
    checkInputName(node.name, text);
    if (text.startsWith("^")) {
      const source = find(text.slice(1));
      if (source === undefined) throw unknownInput(node.name, text);
      controls ??= new Set();
      controls.add(source);
      continue;
    }
    if (controls !== null) {
      throw new InvalidArgumentError(`All control inputs must follow all data inputs\n\t [[${summary(node.name)}]]`);
    }
    const colon = text.lastIndexOf(":");
    const name = colon < 0 ? text : text.slice(0, colon);
    const index = colon < 0 ? 0 : Number(text.slice(colon + 1));
    const source = find(name);
    if (source === undefined) throw unknownInput(node.name, name);
    if (index >= source.outputTypes.length) {
      throw new InvalidArgumentError(
        `Node '${node.name}': Connecting to invalid output ${index} of source node ${name} which has ` +
          `${source.outputTypes.length} outputs.`,
      );
    }
    node.inputs.push({ node: source, index });
  }
  if (controls !== null) for (const source of controls) node.controlInputs.push(source);
  checkInputs(node);
}

const unknownInput = (node: string, input: string): Error =>
  new InvalidArgumentError(`Node '${node}': Unknown input node '${input}'`);

function checkInputs(node: Node): void {
  const { name, inputs, inputTypes: expected } = node;
  if (inputs.length > expected.length) {
    throw new InvalidArgumentError(
      `Input ${expected.length} of node ${name} does not exist. Node only has ${expected.length} inputs.`,
    );
  }
  for (let i = 0; i < inputs.length; i++) {
    const { node: source, index } = inputs[i]!;
    if (connects(source.outputTypes[index]!, expected[i]!)) continue;
    throw new InvalidArgumentError(
      `Input ${i} of node ${name} was passed ${typeName(source.outputTypes[index]!)} from ` +
        `${source.name}:${index} incompatible with expected ${typeName(expected[i]!)}.`,
    );
  }
}

/** @throws InvalidArgumentError for a node that has too few inputs */
export function checkComplete({ name, op, inputs, inputTypes: expected, isComplete }: Node): void {
  if (isComplete) return;
  throw new InvalidArgumentError(
    `NodeDef expected inputs '${expected.map(dtypeName).join(", ")}' do not match ${inputs.length} inputs ` +
      `specified; ${summarizeOp(op)}; NodeDef: ${summary(name)}`,
  );
}

const typeName = (type: DataType): string => (type === 0 ? "INVALID" : dtypeName(type));

/** A reference may be read as a value, never the reverse. */
const connects = (from: DataType, to: DataType): boolean => from === to || (!isRef(to) && baseDtype(from) === to);
