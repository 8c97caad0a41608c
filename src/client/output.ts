// What a graph under construction is made of, as its builder sees it: operations and their outputs.
import type { Node } from "../graph/graph.js";
import { baseDtype, type DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Graph } from "./graph.js";

/** An output of an operation (`tf.Tensor` in a graph). */
export class Output {
  constructor(
    readonly graph: Graph,
    readonly node: Node,
    readonly index: number,
  ) {}

  /** Its base dtype; references are read as values. */
  get dtype(): DataType {
    return baseDtype(this.node.outputTypes[this.index]!);
  }

  /** `name:0`, as fetches and feeds name it. */
  get name(): string {
    return `${this.node.name}:${this.index}`;
  }

  /** The operation that it is an output of. */
  get op(): Operation {
    return new Operation(this.graph, this.node);
  }

  get device(): string {
    return this.node.requestedDevice;
  }

  /** What is known of its shape before a step runs: −1 for an unknown dimension, `null` for an unknown rank. */
  get shape(): Shape | null {
    return this.graph.shapeOf(this);
  }
}

/** A node of a graph (`tf.Operation`), for targets and control dependencies. */
export class Operation {
  constructor(
    readonly graph: Graph,
    readonly node: Node,
  ) {}

  get name(): string {
    return this.node.name;
  }

  /** Its type: `MatMul`. */
  get type(): string {
    return this.node.op.name;
  }

  get device(): string {
    return this.node.requestedDevice;
  }

  get inputs(): Output[] {
    return this.node.inputs.map(({ node, index }) => new Output(this.graph, node, index));
  }

  get controlInputs(): Operation[] {
    return this.node.controlInputs.map((node) => new Operation(this.graph, node));
  }

  get outputs(): Output[] {
    return this.node.outputTypes.map((_, i) => new Output(this.graph, this.node, i));
  }

  output(index = 0): Output {
    return new Output(this.graph, this.node, index);
  }
}

/** What every op takes beside inputs and attributes. */
export interface OpOptions {
  /** The op's type unless told otherwise; made unique. With a `/` at its end it is taken as it is, scopes aside. */
  readonly name?: string;
  /** Merged into the device scopes around it, its own parts first. */
  readonly device?: string;
  readonly controlInputs?: readonly (Operation | Output)[];
}
