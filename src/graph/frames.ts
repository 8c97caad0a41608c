// Which loop frame each node's outputs belong to, found statically from Enter and Exit nodes. The cut needs it: a value
// that crosses inside a loop must be received once per iteration; and so does who moves a node out of a loop. `null` is
// the root frame.
import { stringAttr } from "./attr.js";
import type { Graph, Node } from "./graph.js";
import { isEnter, isExit, isMerge, isNextIteration, sourcesFirst } from "./order.js";

export interface Frame {
  readonly id: number;
  readonly parent: Frame | null;
  readonly depth: number;
  /** One of the nodes that lead into it. */
  readonly enter: Node;
  loopCond: Node | null;
  /** Loop heads: they fire once per iteration. */
  readonly merges: Node[];
}

/** The frame of each node's outputs; nodes of the root frame are absent. Empty where the graph has no loop. */
export function findFrames(graph: Graph): ReadonlyMap<Node, Frame> {
  const outer = new Map<Node, Frame>();
  if (!graph.nodes.some(isEnter)) return outer;
  const frames = new Map<string, Frame>();
  for (const node of sourcesFirst(graph.nodes)) {
    const frame = frameOfInputs(node, outer);
    if (isEnter(node)) outer.set(node, childFrame(node, frame, frames));
    else if (frame !== null) {
      const { name } = node.op;
      if (name === "LoopCond") frame.loopCond = node;
      else if (isLoopHead(node)) frame.merges.push(node);
      const out = isExit(node) ? frame.parent : frame;
      if (out !== null) outer.set(node, out);
    }
  }
  return outer;
}

function frameOfInputs(node: Node, outer: ReadonlyMap<Node, Frame>): Frame | null {
  let deepest: Frame | null = null;
  const look = (source: Node) => {
    const frame = outer.get(source);
    if (frame !== undefined && (deepest === null || frame.depth > deepest.depth)) deepest = frame;
  };
  for (const input of node.inputs) look(input.node);
  for (const control of node.controlInputs) look(control);
  return deepest;
}

function childFrame(enter: Node, parent: Frame | null, frames: Map<string, Frame>): Frame {
  const key = `${parent?.id ?? ""} ${stringAttr(enter, "frame_name")}`;
  let frame = frames.get(key);
  if (frame === undefined) {
    frame = { id: frames.size, parent, depth: (parent?.depth ?? 0) + 1, enter, loopCond: null, merges: [] };
    frames.set(key, frame);
  }
  return frame;
}

/** A Merge that takes what the loop was entered with, then what each iteration hands to the next. */
export const isLoopHead = (node: Node): boolean =>
  isMerge(node) && node.inputs.some((input) => isNextIteration(input.node));
