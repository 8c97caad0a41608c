// Resource variables of a client's graph (`tf.Variable`): a handle, the op that initializes it, reads and updates.
// Nodes are named as Python names them, so that its Saver finds the same variables.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Graph } from "./graph.js";
import type { Initializer } from "./initializers.js";
import { type Input, isReadable, Readable } from "./inputs.js";
import { type Operation, Output } from "./output.js";
import { type Feedable, toTensorValue } from "./values.js";

/** Names of collections (`tf.compat.v1.GraphKeys`). */
export const GraphKeys = {
  GLOBAL_VARIABLES: "variables",
  LOCAL_VARIABLES: "local_variables",
  TRAINABLE_VARIABLES: "trainable_variables",
  GLOBAL_STEP: "global_step",
  QUEUE_RUNNERS: "queue_runners",
  SUMMARIES: "summaries",
  SUMMARY_OP: "summary_op",
} as const;

export interface VariableOptions {
  /** `Variable` when left out; made unique. */
  readonly name?: string;
  /** Plain numbers are floats where it is trainable: JavaScript doesn't tell 0 from 0.0. */
  readonly dtype?: DataType;
  /** Needed by initializers; of a value it is the value's own, unless told otherwise. */
  readonly shape?: Shape;
  /** Optimizers change it; true unless told otherwise. */
  readonly trainable?: boolean;
  /** Global variables unless told otherwise. */
  readonly collections?: readonly string[];
}

export type Value = Output | Readable | Feedable;

/** Which slice of a whole variable one is (`tf.Variable.SaveSliceInfo`). */
export interface SaveSliceInfo {
  readonly fullName: string;
  readonly fullShape: Shape;
  readonly varOffset: Shape;
  readonly varShape: Shape;
}

export class Variable extends Readable {
  override readonly handle: Output;
  /** Assigns the initial value. */
  readonly initializer: Operation;
  readonly initialValue: Output;
  /** Its value, read when a step needs it. */
  readonly value: Output;
  readonly dtype: DataType;
  /** −1 for a dimension that changes, `null` for any shape. */
  readonly shape: Shape | null;
  readonly trainable: boolean;
  /** A Saver saves it as this slice of a whole; `null` for a whole one. */
  saveSliceInfo: SaveSliceInfo | null = null;

  /** @param initial a tensor, a plain value, or what makes one of a shape (`zeros()`, `glorotUniform()`, …) */
  constructor(
    readonly graph: Graph,
    initial: Value | Initializer,
    options: VariableOptions = {},
  ) {
    super();
    const { trainable = true, collections = [GraphKeys.GLOBAL_VARIABLES] } = options;
    const name = graph.uniqueName(options.name ?? "Variable");
    this.trainable = trainable;
    this.initialValue = initialValueOf(graph, name, initial, options);
    this.dtype = this.initialValue.dtype;
    this.shape = options.shape ?? this.initialValue.shape;
    // Nothing that a step decides may keep a variable from being made.
    [this.handle, this.initializer, this.value] = graph.controlDependencies(null, () => {
      const { dtype, shape } = this;
      const handle = graph.ops.varHandleOp({ dtype, shape, sharedName: name, name: `${name}/` });
      return graph.colocateWith(handle, () => [
        handle,
        graph.ops.assignVariableOp(handle, this.initialValue, { name: `${name}/Assign/` }),
        graph.ops.readVariableOp(handle, { dtype, name: `${name}/Read/ReadVariableOp/` }),
      ]);
    });
    for (const key of collections) graph.addToCollection(key, this);
    if (trainable) graph.addToCollection(GraphKeys.TRAINABLE_VARIABLES, this);
  }

  get name(): string {
    return this.handle.node.name;
  }

  /** A new read: control dependencies say when. */
  read(): Output {
    return this.graph.ops.readVariableOp(this.handle, { dtype: this.dtype });
  }

  assign(value: Value): Operation {
    return this.graph.ops.assignVariableOp(this.handle, this.#typed(value));
  }

  assignAdd(value: Value): Operation {
    return this.graph.ops.assignAddVariableOp(this.handle, this.#typed(value));
  }

  assignSub(value: Value): Operation {
    return this.graph.ops.assignSubVariableOp(this.handle, this.#typed(value));
  }

  /** Changes the rows that `indices` name (`tf.Variable.scatter_add`, …). */
  scatterAdd(indices: Input, updates: Value): Operation {
    return this.graph.ops.resourceScatterAdd(this.handle, indices, this.#typed(updates));
  }

  scatterSub(indices: Input, updates: Value): Operation {
    return this.graph.ops.resourceScatterSub(this.handle, indices, this.#typed(updates));
  }

  scatterUpdate(indices: Input, updates: Value): Operation {
    return this.graph.ops.resourceScatterUpdate(this.handle, indices, this.#typed(updates));
  }

  /** Rows of it, read without reading all (`tf.Variable.sparse_read`): the gradient has the rows alone. */
  gather(indices: Input): Output {
    return this.graph.ops.resourceGather(this.handle, indices, { dtype: this.dtype });
  }

  isInitialized(): Output {
    return this.graph.ops.varIsInitializedOp(this.handle);
  }

  /** The handle says nothing of the dtype: a plain value takes the variable's. */
  #typed(value: Value): Output {
    if (value instanceof Output) return value;
    return isReadable(value) ? value.value : this.graph.constant(value, this.dtype, "value");
  }
}

function initialValueOf(graph: Graph, name: string, initial: Value | Initializer, options: VariableOptions): Output {
  const { shape } = options;
  const dtype = dtypeOfInitial(initial, options);
  if (initial instanceof Output) return initial;
  if (typeof initial !== "function" && isReadable(initial)) return initial.value;
  if (typeof initial === "function" && shape === undefined) {
    throw new InvalidArgumentError(`An initializer needs the shape of '${name}'`);
  }
  // It is made where the variable will be, on a parameter server say, and doesn't travel.
  const variable = { node: { name, attrs: new Map(), requestedDevice: "" } };
  return graph.colocateWith(variable, () =>
    graph.nameScope(`${name}/Initializer/`, () =>
      typeof initial === "function" ? initial(graph, shape!, dtype) : graph.constant(initial, dtype, "initial_value"),
    ),
  );
}

/** The dtype that was asked for, or that plain numbers have; `undefined` where the value tells. */
export function dtypeOfInitial(
  initial: Value | Initializer,
  { dtype, trainable = true }: VariableOptions,
): DataType | undefined {
  if (dtype !== undefined || !trainable || typeof initial === "function") return dtype;
  const isPlain = typeof initial === "number" || Array.isArray(initial);
  return isPlain && toTensorValue(initial as Feedable).dtype === DataType.INT32 ? DataType.FLOAT : undefined;
}

export const globalVariables = (graph: Graph) => graph.collection<Variable>(GraphKeys.GLOBAL_VARIABLES);
export const localVariables = (graph: Graph) => graph.collection<Variable>(GraphKeys.LOCAL_VARIABLES);
export const trainableVariables = (graph: Graph) => graph.collection<Variable>(GraphKeys.TRAINABLE_VARIABLES);

const initializerOf = (graph: Graph, variables: readonly Variable[]): Operation =>
  graph.group(
    variables.map(({ initializer }) => initializer),
    "init",
  );

/** Runs the initializers of all global variables made so far. */
export const globalVariablesInitializer = (graph: Graph): Operation => initializerOf(graph, globalVariables(graph));
export const localVariablesInitializer = (graph: Graph): Operation => initializerOf(graph, localVariables(graph));
