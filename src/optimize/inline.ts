// Copies a function's body into a graph: what both calls and lowered control flow are made of.
import { stringAttr, stringsAttr } from "../graph/attr.js";
import { stringsValue, stringValue } from "../graph/attr-value.js";
import type { FunctionBody } from "../graph/function-library.js";
import type { Graph, Node, Output } from "../graph/graph.js";

export interface InlineOptions {
  /** Names of the copies begin with this and a slash. */
  readonly prefix: string;
  /** What the body's arguments are. */
  readonly args: readonly Output[];
  /** Arguments that don't tell whether the body may run: a node fed by nothing else waits for `pivot`. */
  readonly free: ReadonlySet<number>;
  /** Nodes to wait for; where the body is a branch, they are dead when it isn't taken. */
  readonly pivot: readonly Node[];
  /** What a copy of a node asks for. */
  readonly deviceOf: (node: Node) => string;
  /** The function that errors name beside the node; none for a branch or a loop's body. */
  readonly calledAs: string | null;
}

export interface Inlined {
  readonly rets: readonly Output[];
  /** Nodes that must run whenever the body does. */
  readonly controls: readonly Node[];
  readonly nodes: readonly Node[];
}

export function inlineBody(graph: Graph, body: FunctionBody, options: InlineOptions): Inlined {
  const { prefix, args, free, pivot, deviceOf, calledAs } = options;
  const copies = new Map<Node, Node>();
  const argIndex = new Map(body.args.map((node, i) => [node, i]));
  const rets = new Set(body.rets);
  const source = (output: Output): Output => {
    const arg = argIndex.get(output.node);
    return arg === undefined ? { node: copies.get(output.node)!, index: output.index } : args[arg]!;
  };
  for (const node of body.graph.nodes) {
    if (argIndex.has(node) || rets.has(node)) continue;
    const name = graph.uniqueName(`${prefix}/${node.name}`);
    const copy = graph.add(name, node.op, renamed(node, prefix, body.graph), deviceOf(node));
    const originalFuncNames = calledAs === null ? [] : [calledAs];
    copy.debugInfo = node.debugInfo ?? { originalNodeNames: [node.name], originalFuncNames };
    copies.set(node, copy);
  }
  for (const [node, copy] of copies) {
    let bound = false;
    for (const input of node.inputs) {
      copy.inputs.push(source(input));
      const arg = argIndex.get(input.node);
      if (arg === undefined || !free.has(arg)) bound = true;
    }
    for (const control of node.controlInputs) {
      const other = copies.get(control);
      if (other === undefined) continue;
      copy.controlInputs.push(other);
      bound = true;
    }
    if (!bound) copy.controlInputs.push(...pivot);
  }
  return {
    rets: body.rets.map((ret) => source(ret.inputs[0]!)),
    controls: body.controlRets.map((node) => copies.get(node)).filter((node) => node !== undefined),
    nodes: [...copies.values()],
  };
}

/** Names that a body's attributes hold move with its nodes: colocation, and the frames of its loops. */
function renamed(node: Node, prefix: string, body: Graph) {
  let { attrs } = node;
  if (attrs.has("_class")) {
    const names = stringsAttr(node, "_class").map((name) =>
      name.startsWith("loc:@") && body.find(name.slice(5)) !== undefined ? `loc:@${prefix}/${name.slice(5)}` : name,
    );
    attrs = new Map(attrs).set("_class", stringsValue(names));
  }
  if (attrs.has("frame_name")) {
    attrs = new Map(attrs).set("frame_name", stringValue(`${prefix}/${stringAttr(node, "frame_name")}`));
  }
  return attrs;
}
