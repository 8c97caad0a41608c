// Merging of common sub-expressions: of several nodes that compute the same from the same inputs on the same device, the
// first serves all. Takes a plan's own graph and changes it in place; what nobody needs any more is left for a sweep.
// Inputs keep their order even where an op commutes: bits of NaNs tell.
import { isExecutorOp } from "../executor/layout.js";
import type { Graph, Node } from "../graph/graph.js";
import { sourcesFirst } from "../graph/order.js";
import { isRef } from "../tensor/dtype.js";
import { AttrValue, type TensorProto } from "../wire/core.js";

/** Longer values aren't worth reading. */
const MAX_VALUE_BYTES = 4096;
/** They are alike only to the eye: each is fed, or looks at the world, by itself. */
const APART = new Set(["Placeholder", "PlaceholderV2", "MatchingFiles", "ReadFile"]);

/** @returns whether anything changed */
export function mergeEqualNodes(graph: Graph, roots: readonly Node[]): boolean {
  const kept = new Set(roots);
  const byKey = new Map<string, Node>();
  const servedBy = new Map<Node, Node>();
  for (const node of sourcesFirst(graph.nodes)) {
    redirect(node, servedBy);
    const key = isPure(node) ? keyOf(node) : null;
    if (key === null) continue;
    const first = byKey.get(key);
    if (first === undefined) byKey.set(key, node);
    else if (!kept.has(node)) servedBy.set(node, first);
  }
  return servedBy.size > 0;
}

/** The edges that close loops come from nodes that never merge: the order has all others. */
function redirect(node: Node, servedBy: ReadonlyMap<Node, Node>): void {
  if (servedBy.size === 0) return;
  const { inputs, controlInputs } = node;
  for (let k = 0; k < inputs.length; k++) {
    const first = servedBy.get(inputs[k]!.node);
    if (first !== undefined) inputs[k] = { node: first, index: inputs[k]!.index };
  }
  if (!controlInputs.some((source) => servedBy.has(source))) return;
  const sources = new Set(controlInputs.map((source) => servedBy.get(source) ?? source));
  controlInputs.length = 0;
  for (const source of sources) controlInputs.push(source);
}

/** Whether a node gives the same whenever it runs, and does nothing else. */
export function isPure({ op, inputs, inputTypes, outputTypes }: Node): boolean {
  if (op.isStateful || isExecutorOp(op.name) || APART.has(op.name) || op.name.startsWith("Inplace")) return false;
  if (outputTypes.length === 0) return false;
  // Who reads a variable through a reference reads it when it runs.
  return !(
    inputTypes.some(isRef) ||
    outputTypes.some(isRef) ||
    inputs.some(({ node, index }) => isRef(node.outputTypes[index]!))
  );
}

/** What makes two nodes equal, `null` where that would be long or hidden in functions. */
function keyOf(node: Node): string | null {
  const { op, attrs } = node;
  let key = `${op.name} ${node.assignedDevice}`;
  for (const { node: source, index } of node.inputs) key += ` ${source.id}:${index}`;
  if (node.controlInputs.length > 0) {
    const ids = node.controlInputs.map(({ id }) => id).sort((a, b) => a - b);
    key += ` ^${ids.join("^")}`;
  }
  const names = op.attrs.map(({ name }) => name);
  if (attrs.size > names.length)
    for (const name of [...attrs.keys()].sort()) if (!names.includes(name)) names.push(name);
  for (const name of names) {
    const value = attrs.get(name);
    const text = value === undefined ? "" : textOf(value);
    if (text === null) return null;
    key += `\n${name}=${text.length}:${text}`;
  }
  return key;
}

function textOf(value: AttrValue): string | null {
  const { type, tensor, func, list } = value;
  if (type !== undefined) return `type ${type}`;
  if (func !== undefined || (list !== undefined && list.func.length > 0)) return null;
  if (tensor !== undefined && contentOf(tensor) > MAX_VALUE_BYTES) return null;
  const bytes = AttrValue.encode(value);
  return bytes.length > MAX_VALUE_BYTES ? null : String.fromCharCode(...bytes);
}

/** Bytes of a constant, at a glance. */
function contentOf(tensor: TensorProto): number {
  let bytes = 0;
  for (const name in tensor) {
    const list: unknown = tensor[name as keyof TensorProto];
    if (ArrayBuffer.isView(list)) bytes += list.byteLength;
    else if (Array.isArray(list)) bytes += list.length;
  }
  return bytes;
}
