// Which nodes of a graph must go to one device, and what they ask of it together. A handle or a reference takes its reader
// along, whatever that asked for; then `_class` brings nodes together whose requests agree. Takes a graph, gives groups of
// its nodes; must not know which devices there are.
import { InvalidArgumentError } from "../errors/index.js";
import type { Graph, Node } from "../graph/graph.js";
import { summarizeNode } from "../graph/summarize.js";
import { DataType, isRef } from "../tensor/dtype.js";
import {
  ANYWHERE,
  conflict,
  type DeviceSpec,
  formatDeviceSpec,
  mergeSpecs,
  parseDeviceSpec,
  specialize,
} from "./device-name.js";

export interface Group {
  parent: Group | null;
  /** The height of the tree of groups that were joined into this one. */
  rank: number;
  /** What its members ask for together, which says at least what the next two do. */
  requested: DeviceSpec;
  /** What was decided before, and what the makers of handles in it asked for: no edge overrides those. */
  assigned: DeviceSpec;
  resource: DeviceSpec;
  readonly members: Node[];
  /** Where all of them go, once that is decided. */
  device: string | null;
}

const decoder = new TextDecoder();

/** What became of a call that was inlined hands its handles on to nodes that have places of their own. */
const FORWARDING = new Set(["IdentityN"]);

export class Groups {
  readonly #groups = new Map<Node, Group>();

  /** Whether anything was found out about the node. */
  has(node: Node): boolean {
    return this.#groups.has(node);
  }

  of(node: Node): Group {
    let group = this.#groups.get(node);
    if (group === undefined) {
      group = singleton(node);
      this.#groups.set(node, group);
    }
    while (group.parent !== null) {
      if (group.parent.parent !== null) group.parent = group.parent.parent;
      group = group.parent;
    }
    return group;
  }
}

/** Groups of the nodes from `first` on; earlier ones have their devices. */
export function colocate(graph: Graph, first: number, allowSoftPlacement: boolean): Groups {
  const { nodes } = graph;
  const groups = new Groups();
  for (let i = first; i < nodes.length; i++) {
    const { op, inputs, inputTypes } = nodes[i]!;
    for (let k = 0; k < inputs.length; k++) {
      const type = inputTypes[k]!;
      if ((!isRef(type) && type !== DataType.RESOURCE) || FORWARDING.has(op.name)) continue;
      followHandle(groups, inputs[k]!.node, nodes[i]!, allowSoftPlacement);
    }
  }
  // Who a class names, or where nobody has that name, the first node that asked for it.
  const classes = new Map<string, Node>();
  for (let i = first; i < nodes.length; i++) {
    const node = nodes[i]!;
    for (const bytes of node.attrs.get("_class")?.list?.s ?? []) {
      const name = decoder.decode(bytes);
      if (!name.startsWith("loc:@")) continue;
      const other = graph.find(name.slice(5)) ?? classes.get(name) ?? node;
      classes.set(name, other);
      const problem = other === node ? null : join(groups, node, other, allowSoftPlacement);
      if (problem !== null && !allowSoftPlacement) {
        throw new InvalidArgumentError(`${problem}\n\t [[{{node ${node.name}}}]]`);
      }
    }
  }
  return groups;
}

function singleton(node: Node): Group {
  const requested = requestOf(node);
  const assigned = node.assignedDevice !== "" ? requested : ANYWHERE;
  const resource = assigned === ANYWHERE && makesHandle(node) ? requested : ANYWHERE;
  return { parent: null, rank: 0, requested, assigned, resource, members: [node], device: null };
}

function makesHandle({ inputs, outputTypes }: Node): boolean {
  if (inputs.length > 0 || outputTypes.length !== 1) return false;
  return isRef(outputTypes[0]!) || outputTypes[0] === DataType.RESOURCE;
}

function requestOf(node: Node): DeviceSpec {
  if (node.assignedDevice !== "") return parseDeviceSpec(node.assignedDevice)!;
  if (node.requestedDevice === "") return ANYWHERE;
  const spec = parseDeviceSpec(node.requestedDevice);
  if (spec !== null) return spec;
  throw new InvalidArgumentError(
    `Malformed device specification '${node.requestedDevice}' in node: ${debugString(node)}\n\t [[${node.name}]]`,
  );
}

/** TensorFlow's `Node::DebugString`, as its error texts show it; ids start behind source and sink. */
function debugString(node: Node): string {
  return (
    `{name:'${node.name}' id:${node.id + 2} op device:{requested: '${node.requestedDevice}', assigned: ''} ` +
    `def:{${summarizeNode(node)}}}`
  );
}

/** Who takes a reference or a handle runs where it was made, whatever it and those with it asked for. */
function followHandle(groups: Groups, maker: Node, taker: Node, soft: boolean): void {
  const from = groups.of(maker);
  const to = groups.of(taker);
  for (const kind of ["assigned", "resource"] as const) {
    if (conflict(from[kind], to[kind]) === null) continue;
    throw new InvalidArgumentError(
      "Cannot place the graph because a reference or resource edge connects colocation groups with incompatible " +
        `${kind} devices: ${formatDeviceSpec(from[kind])} vs ${formatDeviceSpec(to[kind])}. The edge src node is ` +
        `name='${maker.name}' (op='${maker.op.name}'), and the dst node is name='${taker.name}' (op='${taker.op.name}').`,
    );
  }
  if (conflict(from.requested, to.requested) !== null) {
    to.requested = specialize(specialize(from.requested, to.assigned), to.resource);
  }
  const problem = join(groups, maker, taker, soft);
  if (problem === null) return;
  throw new InvalidArgumentError(
    "Nodes were connected by a reference connection (requiring them to be on the same device), but the two nodes were " +
      `assigned two different devices: ${problem}\n\t [[{{node ${taker.name}}}]]`,
  );
}

/** Brings two nodes together with all that are with them, or says why they can't be. */
function join(groups: Groups, x: Node, y: Node, soft: boolean): string | null {
  const a = groups.of(x);
  const b = groups.of(y);
  if (a === b) return null;
  const [root, child] = a.rank >= b.rank ? [a, b] : [b, a];
  const merged = (["assigned", "resource", "requested"] as const).map((kind) => {
    return mergeSpecs(root[kind], child[kind], soft && kind === "requested");
  });
  const [assigned, resource, requested] = merged;
  if (assigned === null || resource === null || requested === null) {
    const kind = assigned === null ? "assigned" : resource === null ? "resource" : "requested";
    return (
      `Cannot colocate nodes {{colocation_node ${x.name}}} and {{colocation_node ${y.name}}}: Cannot merge devices with ` +
      `incompatible ${conflict(root[kind], child[kind])}: '${formatDeviceSpec(root[kind])}' and ` +
      `'${formatDeviceSpec(child[kind])}'`
    );
  }
  if (a.rank === b.rank) root.rank++;
  for (const member of child.members) root.members.push(member);
  child.parent = root;
  root.assigned = assigned;
  root.resource = resource;
  root.requested = specialize(specialize(requested, assigned), resource);
  return null;
}
