// `tf.import_graph_def`: the nodes of a GraphDef under a prefix, some of their inputs taken from the graph instead.
import { InvalidArgumentError } from "../errors/index.js";
import type { AttrValue, GraphDef, NodeDef } from "../wire/core.js";
import type { Graph } from "./graph.js";
import { Operation, type Output } from "./output.js";

export interface ImportOptions {
  /** In front of all names; made unique. "" for none; `import` unless told otherwise. */
  readonly name?: string;
  /** Names of tensors (`x:0`, `x`, `^x`) that the nodes ask for → tensors of the graph that they get. */
  readonly inputMap?: Readonly<Record<string, Output>>;
  /** What to give back, by names inside the GraphDef: `x` for an operation, `x:0` for a tensor. */
  readonly returnElements?: readonly string[];
}

/** The same nodes under other names; `inputs` stand for the tensors that they name. */
export function rewriteGraphDef(graphDef: GraphDef, prefix: string, inputs: ReadonlyMap<string, string>): GraphDef {
  return { ...graphDef, node: graphDef.node.map((node) => rewriteNode(node, prefix, inputs)) };
}

/** @throws InvalidArgumentError when no node asks for one of the mapped tensors */
export function checkInputMap(graphDef: GraphDef, names: Iterable<string>): void {
  const used = new Set(graphDef.node.flatMap((node) => node.input.map(tensorName)));
  const unused = [...names].filter((name) => !used.has(tensorName(name))).map(tensorName);
  if (unused.length === 0) return;
  throw new InvalidArgumentError(
    `Attempted to map inputs that were not found in graph_def: [${unused.sort().join(", ")}]`,
  );
}

/** `x` and `x:0` name the same tensor; `^x` an operation. */
export const tensorName = (input: string): string =>
  input.startsWith("^") || /:\d+$/.test(input) ? input : `${input}:0`;

/** What `returnElements` names. @throws InvalidArgumentError when it isn't there */
export function returnElement(graph: Graph, prefix: string, name: string): Operation | Output {
  const [, op = name, index] = /^(.+):(\d+)$/.exec(name) ?? [];
  const node = graph.runtime.find(prefix + op);
  if (node === undefined) {
    const kind = index === undefined ? "node" : "tensor";
    throw new InvalidArgumentError(`Requested return ${kind} '${name}' not found in graph def`);
  }
  const operation = new Operation(graph, node);
  if (index === undefined) return operation;
  const { outputs } = operation;
  const output = outputs[Number(index)];
  if (output !== undefined) return output;
  throw new InvalidArgumentError(
    `Invalid return output ${index} of node '${op}', which has ${outputs.length} output(s)`,
  );
}

function rewriteNode(node: NodeDef, prefix: string, inputs: ReadonlyMap<string, string>): NodeDef {
  const renamed = (input: string) => {
    const mapped = inputs.get(tensorName(input));
    if (mapped !== undefined) return input.startsWith("^") ? `^${mapped}` : mapped;
    return input.startsWith("^") ? `^${prefix}${input.slice(1)}` : `${prefix}${input}`;
  };
  return {
    ...node,
    name: `${prefix}${node.name}`,
    input: node.input.map(renamed),
    attr: new Map([...node.attr].map(([name, value]) => [name, name === "_class" ? classUnder(prefix, value) : value])),
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Colocated nodes are renamed with the others. */
function classUnder(prefix: string, value: AttrValue): AttrValue {
  if (value.list === undefined) return value;
  const s = value.list.s.map((bytes) => encoder.encode(decoder.decode(bytes).replace(/^loc:@/, `loc:@${prefix}`)));
  return { ...value, list: { ...value.list, s } };
}
