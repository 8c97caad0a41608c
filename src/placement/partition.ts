// Cuts a placed graph by location: by task for the master, by device for a worker. Each piece keeps its own nodes; a
// value that crosses goes through one `_Send` and `_Recv` pair per output and destination, a control edge through an
// empty tensor. Names of the new nodes are unique in their session, since workers keep kernels by name.
import { boolValue, intValue, stringValue, tensorValue, typeValue } from "../graph/attr-value.js";
import { type Frame, findFrames } from "../graph/frames.js";
import { Graph, type Node, type Output, outputName } from "../graph/graph.js";
import { baseDtype, DataType } from "../tensor/dtype.js";
import { type AttrValue, TensorProto, TensorShapeProto } from "../wire/core.js";

export interface PartitionOptions {
  /** A name that no node of the session had: `base` with a rising number. */
  readonly nextName: (base: string) => string;
  readonly incarnationOf: (device: string) => bigint;
}

/** @returns pieces by location; the graph itself when it has only one */
export function partition(
  graph: Graph,
  locationOf: (node: Node) => string,
  options: PartitionOptions,
): Map<string, Graph> {
  const locations = new Set(graph.nodes.map(locationOf));
  if (locations.size <= 1) return new Map([...locations].map((location) => [location, graph]));
  return new Cut(graph, locationOf, options).pieces;
}

class Cut {
  readonly pieces = new Map<string, Graph>();
  readonly #copies = new Map<Node, Node>();
  /** Receiving nodes by what they bring and where. */
  readonly #received = new Map<string, Node>();
  readonly #frames: ReadonlyMap<Node, Frame>;
  /** What fires once per iteration of a frame at a location. */
  readonly #pivots = new Map<string, Node>();
  #edges = 0;

  constructor(
    readonly graph: Graph,
    readonly locationOf: (node: Node) => string,
    readonly options: PartitionOptions,
  ) {
    this.#frames = findFrames(graph);
    for (const node of graph.nodes) {
      this.#copies.set(node, this.#piece(locationOf(node)).copy(node));
    }
    for (const node of graph.nodes) this.#link(node);
  }

  #piece(location: string): Graph {
    let piece = this.pieces.get(location);
    if (piece === undefined) {
      piece = new Graph(this.graph.library);
      this.pieces.set(location, piece);
    }
    return piece;
  }

  #link(node: Node): void {
    const copy = this.#copies.get(node)!;
    const location = this.locationOf(node);
    for (const input of node.inputs) {
      if (this.locationOf(input.node) === location) {
        copy.inputs.push({ node: this.#copies.get(input.node)!, index: input.index });
      } else {
        copy.inputs.push({ node: this.#transfer(input, node), index: 0 });
      }
    }
    for (const control of node.controlInputs) {
      copy.controlInputs.push(
        this.locationOf(control) === location ? this.#copies.get(control)! : this.#transferControl(control, node),
      );
    }
  }

  /** The node at the consumer's side that brings an output of another location. */
  #transfer(output: Output, consumer: Node): Node {
    const key = `${output.node.id}:${output.index} ${consumer.assignedDevice}`;
    const known = this.#received.get(key);
    if (known !== undefined) return known;
    const source = { node: this.#copies.get(output.node)!, index: output.index };
    const recv = this.#pair(source, output.node, consumer, outputName(output));
    this.#received.set(key, recv);
    return recv;
  }

  /** A control edge: an empty tensor that is sent once the source has run. */
  #transferControl(control: Node, consumer: Node): Node {
    const key = `^${control.id} ${consumer.assignedDevice}`;
    const known = this.#received.get(key);
    if (known !== undefined) return known;
    const dummy = this.#dummy(control.name, control);
    dummy.controlInputs.push(this.#copies.get(control)!);
    const recv = this.#pair({ node: dummy, index: 0 }, control, consumer, control.name);
    const identity = this.#add(control.name, "Identity", { T: typeValue(DataType.FLOAT) }, consumer);
    identity.inputs.push({ node: recv, index: 0 });
    this.#received.set(key, identity);
    return identity;
  }

  #pair(source: Output, sender: Node, consumer: Node, name: string): Node {
    const type = typeValue(baseDtype(source.node.outputTypes[source.index]!));
    const attrs = {
      tensor_name: stringValue(`edge_${this.#edges++}_${name.replace(":", "_")}`),
      send_device: stringValue(sender.assignedDevice),
      recv_device: stringValue(consumer.assignedDevice),
      send_device_incarnation: intValue(BigInt.asIntN(64, this.options.incarnationOf(sender.assignedDevice))),
      client_terminated: boolValue(false),
      _src: stringValue(sender.name),
      _dst: stringValue(consumer.name),
    };
    const send = this.#add(sender.name, "_Send", { ...attrs, T: type }, sender);
    send.inputs.push(source);
    const recv = this.#add(sender.name, "_Recv", { ...attrs, tensor_type: type }, consumer);
    const pivot = this.#pivot(this.#frames.get(sender), consumer);
    if (pivot !== null) recv.controlInputs.push(pivot);
    return recv;
  }

  /**
   * The node beside `beside` that fires once per iteration of the frame, `null` in the root frame: a loop head, or
   * where the loop has none there, the head of a control loop that turns as the loop's condition says.
   */
  #pivot(frame: Frame | null | undefined, beside: Node): Node | null {
    if (frame === null || frame === undefined || frame.loopCond === null) return null;
    const location = this.locationOf(beside);
    const key = `${frame.id} ${location}`;
    const known = this.#pivots.get(key);
    if (known !== undefined) return known;
    const head = frame.merges.find((merge) => this.locationOf(merge) === location);
    const pivot = head === undefined ? this.#controlLoop(frame, frame.loopCond, beside, key) : this.#copies.get(head)!;
    this.#pivots.set(key, pivot);
    return pivot;
  }

  #controlLoop(frame: Frame, loopCond: Node, beside: Node, key: string): Node {
    const base = `_cloop${beside.name}`;
    const T = typeValue(DataType.FLOAT);
    const enter = this.#add(base, "Enter", { ...loopAttrs(frame.enter), T }, beside);
    const merge = this.#add(base, "Merge", { T, N: intValue(2) }, beside);
    const branch = this.#add(base, "Switch", { T }, beside);
    const next = this.#add(base, "NextIteration", { T }, beside);
    const start = this.#dummy(beside.name, beside);
    const outer = this.#pivot(frame.parent, beside);
    if (outer !== null) start.controlInputs.push(outer);
    enter.inputs.push({ node: start, index: 0 });
    merge.inputs.push({ node: enter, index: 0 }, { node: next, index: 0 });
    // The condition is received inside the loop: it needs the head that it drives.
    this.#pivots.set(key, merge);
    branch.inputs.push(
      { node: merge, index: 0 },
      { node: this.#transfer({ node: loopCond, index: 0 }, beside), index: 0 },
    );
    next.inputs.push({ node: branch, index: 1 });
    return merge;
  }

  /** An empty tensor at the side of `beside`. */
  #dummy(base: string, beside: Node): Node {
    const shape = { ...TensorShapeProto.create(), dim: [{ size: 0n, name: "" }] };
    const value = { ...TensorProto.create(), dtype: DataType.FLOAT, tensorShape: shape };
    return this.#add(base, "Const", { dtype: typeValue(DataType.FLOAT), value: tensorValue(value) }, beside);
  }

  #add(base: string, op: string, attrs: Record<string, AttrValue>, beside: Node): Node {
    const definition = this.graph.library.registry.find(op)!;
    const all = new Map(Object.entries(attrs));
    for (const { name, defaultValue } of definition.attrs) {
      if (defaultValue !== null && !all.has(name)) all.set(name, defaultValue);
    }
    const added = this.#piece(this.locationOf(beside)).add(this.options.nextName(base), definition, all);
    added.assignedDevice = beside.assignedDevice;
    return added;
  }
}

const loopAttrs = ({ attrs }: Node): Record<string, AttrValue> => ({
  frame_name: attrs.get("frame_name")!,
  parallel_iterations: attrs.get("parallel_iterations")!,
});
