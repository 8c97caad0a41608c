// Cuts out of a session's graph what one signature (feeds, fetches, targets) needs: a copy of those nodes alone, with
// `_Recv` nodes in place of what is fed and `_Send` nodes at what is fetched. Takes time in proportion to that part,
// not to the graph. Placement has happened; nothing here looks at devices but the client's.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { boolValue, intValue, stringValue, typeValue } from "../graph/attr-value.js";
import { Graph, type Node, type Output } from "../graph/graph.js";
import { baseDtype, type DataType } from "../tensor/dtype.js";
import type { AttrValue } from "../wire/core.js";

export interface Signature {
  /** Tensor names with their output index (`x:0`). */
  readonly feeds: readonly string[];
  readonly fetches: readonly string[];
  /** Op names. */
  readonly targets: readonly string[];
  /** As the step's options name it; the graph's own where they don't. */
  readonly collectiveGraphKey?: bigint;
}

/** The device that feeds come from and fetches go to: the master's first. */
export interface ClientDevice {
  readonly name: string;
  readonly incarnation: bigint;
}

export interface SignatureGraph {
  readonly graph: Graph;
  /** What the step is run for: the nodes that send the fetches, and the targets. */
  readonly roots: readonly Node[];
  readonly feedTypes: readonly DataType[];
}

export function cutSignature(source: Graph, signature: Signature, client: ClientDevice): SignatureGraph {
  const feeds = resolveFeeds(source, signature.feeds);
  const fetches = signature.fetches.map((name) => resolveFetch(source, name, feeds));
  const targets = resolveTargets(source, signature.targets);
  if (fetches.length === 0 && targets.length === 0) {
    throw new InvalidArgumentError("Must specify at least one target to fetch or execute.");
  }
  const needed = reach([...fetches.map((output) => output.node), ...targets], feeds);
  for (const node of needed) if (!node.isComplete) throw incomplete(node);
  const graph = new Graph(source.library);
  const recvs = new Map<string, Node>();
  for (const [name, { node, index }] of feeds) {
    recvs.set(`${node.id}:${index}`, addRecv(graph, name, node, index, client));
  }
  const copies = needed.map((node) => graph.copy(node));
  const copyOf = (node: Node): Node => copies[node.mark]!;
  for (let i = 0; i < needed.length; i++) {
    const node = needed[i]!;
    const copy = copies[i]!;
    for (const input of node.inputs) {
      const recv = recvs.size > 0 ? recvs.get(`${input.node.id}:${input.index}`) : undefined;
      copy.inputs.push(
        recv === undefined ? { node: copyOf(input.node), index: input.index } : { node: recv, index: 0 },
      );
    }
    for (const control of node.controlInputs) {
      const recv = isPlaceholder(control) ? recvs.get(`${control.id}:0`) : undefined;
      copy.controlInputs.push(recv ?? copyOf(control));
    }
  }
  const names = new Set<string>();
  const sends = signature.fetches.map((name, i) => {
    const { node, index } = fetches[i]!;
    return addSend(graph, name, { node: copyOf(node), index }, client, names);
  });
  const roots = [...sends, ...targets.map(copyOf)];
  return { graph, roots, feedTypes: [...feeds.values()].map(({ node, index }) => baseDtype(node.outputTypes[index]!)) };
}

const incomplete = ({ name, inputs, inputTypes }: Node): Error =>
  new InvalidArgumentError(`Incomplete graph, missing ${inputTypes.length - inputs.length} inputs for ${name}`);

export function parseTensorName(name: string): { node: string; index: number } {
  const colon = name.lastIndexOf(":");
  const index = colon < 0 ? 0 : Number(name.slice(colon + 1));
  if (colon < 0 || !Number.isInteger(index) || index < 0) return { node: name, index: 0 };
  return { node: name.slice(0, colon), index };
}

function resolveFeeds(graph: Graph, names: readonly string[]): Map<string, Output> {
  const feeds = new Map<string, Output>();
  for (const name of names) {
    const { node: nodeName, index } = parseTensorName(name);
    const node = graph.find(nodeName);
    if (node === undefined || index >= node.outputTypes.length) {
      throw new NotFoundError(`FeedInputs: unable to find feed output ${name}`);
    }
    if (feeds.has(name)) throw new InvalidArgumentError(`Endpoint "${name}" fed more than once.`);
    feeds.set(name, { node, index });
  }
  return feeds;
}

function resolveFetch(graph: Graph, name: string, feeds: ReadonlyMap<string, Output>): Output {
  if (feeds.has(name)) throw new InvalidArgumentError(`${name} is both fed and fetched.`);
  const { node: nodeName, index } = parseTensorName(name);
  const node = graph.find(nodeName);
  if (node === undefined) throw new NotFoundError(`FetchOutputs node ${name}: not found`);
  if (index >= node.outputTypes.length) {
    throw new InvalidArgumentError(
      `FetchOutputs ${name}: output index too large, must be < ${node.outputTypes.length}`,
    );
  }
  return { node, index };
}

function resolveTargets(graph: Graph, names: readonly string[]): Node[] {
  const targets: Node[] = [];
  let missing = "";
  for (const name of names) {
    const node = graph.find(name);
    if (node === undefined) missing += `${name} `;
    else targets.push(node);
  }
  if (missing !== "") throw new NotFoundError(`PruneForTargets: Some target nodes not found: ${missing}`);
  return targets;
}

/** All nodes from which a root can be reached without passing a feed, in the order of their ids, marked with their place. */
function reach(roots: readonly Node[], feeds: ReadonlyMap<string, Output>): Node[] {
  const fed = new Set([...feeds.values()].map(({ node, index }) => `${node.id}:${index}`));
  const needed: Node[] = [];
  const take = (node: Node) => {
    // A mark left by an earlier walk points elsewhere.
    if (needed[node.mark] === node) return;
    node.mark = needed.length;
    needed.push(node);
  };
  for (const root of roots) take(root);
  for (let i = 0; i < needed.length; i++) {
    const { inputs, controlInputs } = needed[i]!;
    for (const { node: source, index } of inputs) {
      if (fed.size === 0 || !fed.has(`${source.id}:${index}`)) take(source);
    }
    for (const source of controlInputs) {
      if (fed.size === 0 || !isPlaceholder(source) || !fed.has(`${source.id}:0`)) take(source);
    }
  }
  needed.sort((a, b) => a.id - b.id);
  for (let i = 0; i < needed.length; i++) needed[i]!.mark = i;
  return needed;
}

/** A copy of the graph with those nodes alone that the roots need. */
export function sweep(graph: Graph, roots: readonly Node[]): Graph {
  const needed = reach(roots, new Map());
  const kept = new Graph(graph.library);
  for (const node of needed) kept.copy(node);
  for (let i = 0; i < needed.length; i++) {
    const copy = kept.nodes[i]!;
    for (const { node, index } of needed[i]!.inputs) copy.inputs.push({ node: kept.nodes[node.mark]!, index });
    for (const node of needed[i]!.controlInputs) copy.controlInputs.push(kept.nodes[node.mark]!);
  }
  return kept;
}

/** What waits for a placeholder waits for its feed. */
const isPlaceholder = (node: Node): boolean => node.op.name === "Placeholder" || node.op.name === "PlaceholderV2";

function transferAttrs(tensorName: string, client: ClientDevice): Map<string, AttrValue> {
  return new Map([
    ["tensor_name", stringValue(tensorName)],
    ["send_device", stringValue(client.name)],
    ["recv_device", stringValue(client.name)],
    ["send_device_incarnation", intValue(BigInt.asIntN(64, client.incarnation))],
    ["client_terminated", boolValue(true)],
  ]);
}

function addRecv(graph: Graph, name: string, node: Node, index: number, client: ClientDevice): Node {
  const attrs = transferAttrs(name, client);
  attrs.set("tensor_type", typeValue(baseDtype(node.outputTypes[index]!)));
  const recv = graph.add(`_recv_${node.name}_${index}`, graph.library.registry.find("_Recv")!, attrs, client.name);
  recv.assignedDevice = client.name;
  return recv;
}

/** @param names those of earlier sends: only they could be the same, a client's have no leading underscore */
function addSend(graph: Graph, name: string, output: Output, client: ClientDevice, names: Set<string>): Node {
  const attrs = transferAttrs(name, client);
  attrs.set("T", typeValue(baseDtype(output.node.outputTypes[output.index]!)));
  const base = `_send_${output.node.name}_${output.index}`;
  let sendName = base;
  for (let i = 1; names.has(sendName); i++) sendName = `${base}_${i}`;
  names.add(sendName);
  const send = graph.add(sendName, graph.library.registry.find("_Send")!, attrs, client.name);
  send.inputs.push(output);
  send.assignedDevice = client.name;
  return send;
}
