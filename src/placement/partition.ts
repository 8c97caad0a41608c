// Cuts a placed graph by location: by task for the master, by device for a worker. Each piece keeps its own nodes; a
// value that crosses goes through one `_Send` and `_Recv` pair per output and destination, a control edge through an
// empty tensor. Names of the new nodes are unique in their session, since workers keep kernels by name.
import { boolValue, intValue, stringValue, tensorValue, typeValue } from "../graph/attr-value.js";
import { Graph, type Node, type Output, outputName } from "../graph/graph.js";
import { copyNode } from "../optimize/signature.js";
import { baseDtype, DataType } from "../tensor/dtype.js";
import { TensorProto, TensorShapeProto } from "../wire/core.js";

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
  #edges = 0;

  constructor(
    readonly graph: Graph,
    readonly locationOf: (node: Node) => string,
    readonly options: PartitionOptions,
  ) {
    for (const node of graph.nodes) {
      this.#copies.set(node, copyNode(this.#piece(locationOf(node)), node));
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
    const { registry } = this.graph.library;
    const piece = this.#piece(this.locationOf(control));
    const shape = { ...TensorShapeProto.create(), dim: [{ size: 0n, name: "" }] };
    const value = { ...TensorProto.create(), dtype: DataType.FLOAT, tensorShape: shape };
    const attrs = new Map([
      ["dtype", typeValue(DataType.FLOAT)],
      ["value", tensorValue(value)],
    ]);
    const dummy = piece.add(
      this.options.nextName(control.name),
      registry.find("Const")!,
      attrs,
      control.requestedDevice,
    );
    dummy.assignedDevice = control.assignedDevice;
    dummy.controlInputs.push(this.#copies.get(control)!);
    const recv = this.#pair({ node: dummy, index: 0 }, control, consumer, control.name);
    const identity = this.#piece(this.locationOf(consumer)).add(
      this.options.nextName(control.name),
      registry.find("Identity")!,
      new Map([["T", typeValue(DataType.FLOAT)]]),
    );
    identity.assignedDevice = consumer.assignedDevice;
    identity.inputs.push({ node: recv, index: 0 });
    this.#received.set(key, identity);
    return identity;
  }

  #pair(source: Output, sender: Node, consumer: Node, name: string): Node {
    const { registry } = this.graph.library;
    const type = typeValue(baseDtype(source.node.outputTypes[source.index]!));
    const attrs = new Map([
      ["tensor_name", stringValue(`edge_${this.#edges++}_${name.replace(":", "_")}`)],
      ["send_device", stringValue(sender.assignedDevice)],
      ["recv_device", stringValue(consumer.assignedDevice)],
      ["send_device_incarnation", intValue(BigInt.asIntN(64, this.options.incarnationOf(sender.assignedDevice)))],
      ["client_terminated", boolValue(false)],
      ["_src", stringValue(sender.name)],
      ["_dst", stringValue(consumer.name)],
    ]);
    const here = this.#piece(this.locationOf(sender));
    const send = here.add(this.options.nextName(sender.name), registry.find("_Send")!, new Map(attrs).set("T", type));
    send.assignedDevice = sender.assignedDevice;
    send.inputs.push(source);
    const there = this.#piece(this.locationOf(consumer));
    const recv = there.add(
      this.options.nextName(sender.name),
      registry.find("_Recv")!,
      new Map(attrs).set("tensor_type", type),
    );
    recv.assignedDevice = consumer.assignedDevice;
    return recv;
  }
}
