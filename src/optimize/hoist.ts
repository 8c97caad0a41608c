// Constants of loops: one that only waits for its loop's condition or body is made once, outside, and comes in as a
// constant of the frame, instead of being run at every turn. Takes a plan's own graph and changes it in place. A value
// that is always alive takes the place of one that dies with its branch: only where its consumers die with it anyway.
import { boolValue, typeValue } from "../graph/attr-value.js";
import { type Frame, findFrames, isLoopHead } from "../graph/frames.js";
import type { Graph, Node, Output } from "../graph/graph.js";
import { isEnter, isExit, isMerge, isNextIteration, sourcesFirst } from "../graph/order.js";

/** They don't die when one of their inputs does, or stand between two frames. */
const isApart = (node: Node): boolean => isMerge(node) || isNextIteration(node) || isEnter(node) || isExit(node);
/** Each loop around it costs a constant a node: hostile graphs nest thousands. */
const MAX_DEPTH = 8;
/** The parts of loop `id`: `2 * id` is what every turn runs, `2 * id + 1` what the last doesn't: the body. */
const NO_PART = -1;

/** @returns whether anything changed */
export function hoistConstants(graph: Graph, roots: readonly Node[]): boolean {
  const frames = findFrames(graph);
  if (frames.size === 0) return false;
  const { means, dies } = findParts(graph, frames);
  const kept = new Set(roots);
  const found = new Set(graph.nodes.filter((node) => isConst(node) && means[node.id] !== NO_PART && !kept.has(node)));
  for (const node of graph.nodes) {
    for (const control of node.controlInputs) found.delete(control);
    for (const { node: source } of node.inputs) {
      if (!found.has(source)) continue;
      const part = means[source.id]!;
      const goes = dies[node.id]! >= part && dies[node.id]! >> 1 === part >> 1;
      if (!goes || isApart(node) || node.assignedDevice !== source.assignedDevice) found.delete(source);
    }
  }
  if (found.size === 0) return false;
  const entries = new Map<Node, Output>();
  for (const node of found) {
    entries.set(node, enter(graph, node, frames.get(node)!));
    node.controlInputs.length = 0;
  }
  for (const node of graph.nodes) {
    if (isApart(node)) continue;
    const { inputs } = node;
    for (let i = 0; i < inputs.length; i++) inputs[i] = entries.get(inputs[i]!.node) ?? inputs[i]!;
  }
  return true;
}

/**
 * By node id: the part of a loop that a node's being alive means, and no more than that; and a part that it dies with,
 * constants apart.
 */
function findParts(graph: Graph, frames: ReadonlyMap<Node, Frame>): { means: Int32Array; dies: Int32Array } {
  const means = new Int32Array(graph.nodes.length).fill(NO_PART);
  const dies = new Int32Array(graph.nodes.length).fill(NO_PART);
  for (const node of sourcesFirst(graph.nodes)) {
    const frame = frames.get(node);
    if (frame === undefined || frame.depth > MAX_DEPTH) continue;
    const { id, op, inputs, controlInputs } = node;
    const turn = 2 * frame.id;
    if (isLoopHead(node)) {
      means[id] = turn;
      dies[id] = turn;
      continue;
    }
    if (isApart(node)) continue;
    const sources = [...inputs, ...controlInputs.map((control) => ({ node: control, index: -1 }))];
    const all = sources.map((source) => partOf(means, source, turn));
    if (op.name === "NoOp" || op.name === "Identity" || isConst(node)) means[id] = common(all);
    for (const source of sources) {
      const part = isConst(source.node) ? NO_PART : partOf(dies, source, turn);
      if (part >> 1 === frame.id && part > dies[id]!) dies[id] = part;
    }
  }
  return { means, dies };
}

/** What is known of an output: of a loop's Switch, the second is alive in the body alone. */
function partOf(parts: Int32Array, { node, index }: Output, turn: number): number {
  if (node.op.name !== "Switch") return parts[node.id]!;
  const isLoops = isLoopHead(node.inputs[0]!.node) && node.inputs[1]!.node.op.name === "LoopCond";
  return isLoops && index === 1 ? turn + 1 : NO_PART;
}

const common = (parts: readonly number[]): number =>
  parts.length > 0 && parts.every((part) => part === parts[0]) ? parts[0]! : NO_PART;

const isConst = (node: Node): boolean => node.op.name === "Const";

/** Leads a constant into a frame, through those around it. */
function enter(graph: Graph, constant: Node, { enter: model, parent }: Frame): Output {
  const source = parent === null ? { node: constant, index: 0 } : enter(graph, constant, parent);
  const attrs = new Map(model.attrs);
  attrs.set("T", typeValue(constant.outputTypes[0]!));
  attrs.set("is_constant", boolValue(true));
  const op = graph.library.registry.find("Enter")!;
  const node = graph.add(graph.uniqueName(`${constant.name}/Enter`), op, attrs, constant.requestedDevice);
  node.assignedDevice = constant.assignedDevice;
  node.debugInfo = constant.debugInfo;
  node.inputs.push(source);
  return { node, index: 0 };
}
