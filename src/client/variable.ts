// Variables of a client's graph: a handle, the op that initializes it, reads of it.
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Graph, Operation, Output } from "./graph.js";

export interface VariableOptions {
  readonly name?: string;
  readonly shape?: Shape;
  /** Optimizers change it; true unless told otherwise. */
  readonly trainable?: boolean;
}

/** A resource variable (`tf.Variable`). */
export class Variable {
  readonly handle: Output;
  readonly initializer: Operation;
  /** Its value, read when a step needs it. */
  readonly value: Output;
  readonly dtype: DataType;

  constructor(
    readonly graph: Graph,
    initial: Output,
    options: VariableOptions = {},
  ) {
    this.dtype = initial.dtype;
    const name = options.name ?? "Variable";
    const attrs = { dtype: initial.dtype, shape: options.shape ?? null };
    const handle = graph.op("VarHandleOp", [], attrs, { name });
    this.handle = handle.output();
    this.initializer = graph.op("AssignVariableOp", [this.handle, initial], {}, { name: `${handle.name}/Assign` });
    this.value = graph
      .op("ReadVariableOp", [this.handle], { dtype: initial.dtype }, { name: `${handle.name}/Read` })
      .output();
    graph.initializers.push(this.initializer);
  }

  get name(): string {
    return this.handle.node.name;
  }

  assign(value: Output): Operation {
    return this.graph.op("AssignVariableOp", [this.handle, value]);
  }
}

/** Runs the initializers of all variables made so far. */
export const globalVariablesInitializer = (graph: Graph): Operation => graph.group(graph.initializers, "init");
