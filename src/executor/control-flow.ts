// Which frame each node of a graph runs in. Frames nest as `Enter` opens them and `Exit` leaves them; a node's frame is
// that of its inputs. Found once, when a graph is compiled; the walk is iterative and linear in the edges.
import { InvalidArgumentError } from "../errors/index.js";
import { stringAttr } from "../graph/attr.js";
import type { Graph, Node } from "../graph/graph.js";
import { isEnter, isExit, isNextIteration } from "../graph/order.js";

/** A loop's body as written, not as it runs: each entry of it makes a frame of its own at run time. */
export interface StaticFrame {
  readonly index: number;
  /** `frame_name` of its Enter nodes, empty for the root. */
  readonly name: string;
  readonly parent: StaticFrame | null;
  readonly parallelIterations: number;
  /** How many Enter nodes must deliver before all inputs of the frame have come. */
  enterCount: number;
}

const isOfLoop = (node: Node): boolean => isEnter(node) || isExit(node) || isNextIteration(node);

export interface FrameAssignment {
  readonly frames: readonly StaticFrame[];
  /** By node id: the frame a node's inputs live in. An Enter belongs to the outer frame, an Exit to the inner. */
  readonly frameOf: readonly StaticFrame[];
  /** The frame that an Enter opens. */
  readonly enterTarget: ReadonlyMap<Node, StaticFrame>;
}

export function assignFrames(graph: Graph): FrameAssignment {
  const root: StaticFrame = { index: 0, name: "", parent: null, parallelIterations: 1, enterCount: 0 };
  const frames: StaticFrame[] = [root];
  if (!graph.nodes.some(isOfLoop)) {
    return { frames, frameOf: graph.nodes.map(() => root), enterTarget: new Map() };
  }
  const consumers = consumersOf(graph);
  const frameOf: StaticFrame[] = new Array(graph.nodes.length);
  const children = new Map<string, StaticFrame>();
  const enterTarget = new Map<Node, StaticFrame>();
  const pending: Node[] = [];
  for (const node of graph.nodes) {
    if (node.inputs.length === 0 && node.controlInputs.length === 0) {
      frameOf[node.id] = root;
      pending.push(node);
    }
  }
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const frame = frameOf[node.id]!;
    let output = frame;
    if (isEnter(node)) {
      output = childFrame(node, frame);
      output.enterCount++;
      enterTarget.set(node, output);
    } else if (isExit(node)) {
      if (frame.parent === null)
        throw new InvalidArgumentError(`{{node ${node.name}}} exits a frame that it is not in`);
      output = frame.parent;
    }
    for (const consumer of consumers[node.id]!) {
      const known = frameOf[consumer.id];
      if (known === undefined) {
        frameOf[consumer.id] = output;
        pending.push(consumer);
      } else if (known !== output) {
        throw new InvalidArgumentError(
          `{{node ${consumer.name}}} has inputs from different frames. ` +
            `The input {{node ${node.name}}} is in frame '${output.name}'. The other inputs are in frame '${known.name}'.`,
        );
      }
    }
  }
  const lost = graph.nodes.find((node) => frameOf[node.id] === undefined);
  if (lost !== undefined) throw new InvalidArgumentError(`{{node ${lost.name}}} is in a cycle`);
  return { frames, frameOf, enterTarget };

  function childFrame(enter: Node, parent: StaticFrame): StaticFrame {
    const name = stringAttr(enter, "frame_name");
    const key = `${parent.index} ${name}`;
    const known = children.get(key);
    if (known !== undefined) return known;
    const parallelIterations = Number(enter.attrs.get("parallel_iterations")?.i ?? 10n);
    const frame: StaticFrame = { index: frames.length, name, parent, parallelIterations, enterCount: 0 };
    frames.push(frame);
    children.set(key, frame);
    return frame;
  }
}

/** By node id, the nodes that take an output (or a control edge) of it. */
function consumersOf({ nodes }: Graph): Node[][] {
  const consumers: Node[][] = nodes.map(() => []);
  for (const node of nodes) {
    for (const input of node.inputs) consumers[input.node.id]!.push(node);
    for (const control of node.controlInputs) consumers[control.id]!.push(node);
  }
  return consumers;
}
