// A graph as a GraphDef: for workers on the wire, for partition graphs in RunMetadata, for files.
import { AttrValue, GraphDef, NodeDef, VersionDef } from "../wire/core.js";
import { type Graph, inputNames, type Node } from "./graph.js";
import { GRAPH_DEF_VERSION } from "./import.js";

export interface ExportOptions {
  /** Leaves out attributes that have their op's default, as a master does for remote tasks. */
  readonly stripDefaults?: boolean;
}

export function exportGraph(graph: Graph, options: ExportOptions = {}): GraphDef {
  return {
    ...GraphDef.create(),
    node: graph.nodes.map((node) => exportNode(node, options)),
    versions: { ...VersionDef.create(), producer: GRAPH_DEF_VERSION },
    library: graph.library.toProto(),
  };
}

export function exportNode(node: Node, options: ExportOptions = {}): NodeDef {
  return {
    ...NodeDef.create(),
    name: node.name,
    op: node.op.name,
    input: inputNames(node),
    device: node.assignedDevice || node.requestedDevice,
    attr: options.stripDefaults ? withoutDefaults(node) : node.attrs,
    experimentalDebugInfo: node.debugInfo,
  };
}

function withoutDefaults(node: Node): Map<string, AttrValue> {
  const attrs = new Map(node.attrs);
  for (const { name, defaultValue } of node.op.attrs) {
    const value = attrs.get(name);
    if (defaultValue === null || value === undefined) continue;
    if (value === defaultValue || sameValue(value, defaultValue)) attrs.delete(name);
  }
  return attrs;
}

function sameValue(a: AttrValue, b: AttrValue): boolean {
  const x = AttrValue.encode(a);
  const y = AttrValue.encode(b);
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}
