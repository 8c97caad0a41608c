// Builds graphs: `graph.ops` has a function for each op of TensorFlow, blocks (`nameScope`, `device`,
// `controlDependencies`, …) say what goes for the ops made inside. Names, devices and inputs are as Python makes them.
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { checkAttrs, checkName } from "../graph/check-node.js";
import { exportNode } from "../graph/export.js";
import { FunctionLibrary } from "../graph/function-library.js";
import { type Node, Graph as RuntimeGraph } from "../graph/graph.js";
import { GRAPH_DEF_VERSION, importGraph } from "../graph/import.js";
import type { OpDef } from "../graph/op-def.js";
import { flattenTypes } from "../graph/types.js";
import { createOpRegistry, opNames } from "../ops/registry.js";
import { allShapes } from "../ops/shapes/all.js";
import type { HandleShape } from "../ops/shapes/context.js";
import { inOrder, ShapeInference } from "../ops/shapes/infer-shapes.js";
import type { DataType } from "../tensor/dtype.js";
import { type AttrValue, GraphDef, VersionDef } from "../wire/core.js";
import { type AttrInput, attrValue, type PartialShape } from "./attributes.js";
import { type ControlFlowContext, checkContext } from "./control-flow/context.js";
import { defineFunction, type FunctionBuilder, type GraphFunction } from "./functions.js";
import { group } from "./group.js";
import { checkInputMap, type ImportOptions, returnElement, rewriteGraphDef, tensorName } from "./import-graph-def.js";
import { convertInputs, type Input, type InputMaker, type Inputs } from "./inputs.js";
import { checkScope, Names } from "./names.js";
import { attributesOf } from "./op-attributes.js";
import type { Ops } from "./ops.generated.js";
import { opFunctions } from "./ops.js";
import { Operation, type OpOptions, type Output } from "./output.js";
import {
  addControl,
  applyControls,
  applyDevices,
  type Colocated,
  controller,
  type DeviceFunction,
  OUTERMOST,
  parseDevice,
  type Scope,
} from "./scopes.js";
import { type Feedable, toTensorValue } from "./values.js";

/** `tf.Graph`: nodes are only added. One graph may serve many sessions. */
export class Graph {
  readonly runtime: RuntimeGraph;
  /** `graph.ops.matMul(a, b, { transposeA: true })`: a function for each op (`tf.raw_ops`). */
  readonly ops: Ops;
  readonly #collections = new Map<string, unknown[]>();
  readonly #names = new Names();
  readonly #shapes: ShapeInference;
  /** The condition or loop that a node was made in, for those that were. */
  readonly #contexts = new Map<Node, ControlFlowContext>();
  #scope: Scope = OUTERMOST;

  /** In how many functions' bodies it is. @internal */
  readonly depth: number;
  /** Functions whose gradients are being built, by name, and what was made for calls of them meanwhile. @internal */
  readonly openGradients: Map<string, GraphFunction | null>;
  /** Nodes that sessions have. */
  #sent = 0;

  /** @param outer the graph that this one is a function's body of; it has the same functions */
  constructor(outer: Graph | null = null) {
    this.depth = outer === null ? 0 : outer.depth + 1;
    this.openGradients = outer?.openGradients ?? new Map();
    const library = outer?.runtime.library ?? new FunctionLibrary(createOpRegistry(), "localhost");
    this.runtime = new RuntimeGraph(library);
    this.#shapes = new ShapeInference(allShapes, this.runtime.library);
    this.ops = opFunctions(this, opNames);
  }

  /**
   * Ops made inside get `name/` in front (`tf.name_scope`). The name is made unique; one that ends in `/` is entered
   * again as it is, and "" leaves all scopes.
   */
  nameScope<T>(name: string, build: (scope: string) => T): T {
    if (name !== "" && !name.endsWith("/")) checkScope(name, this.#scope.name);
    const scope = name === "" || name.endsWith("/") ? name : `${this.uniqueName(name)}/`;
    return this.#within({ name: scope }, () => build(scope));
  }

  /** Where ops made inside run (`tf.device`): part of a name, a function of the op, or `null` to forget outer blocks. */
  device<T>(device: string | DeviceFunction | null, build: () => T): T {
    if (typeof device === "string") parseDevice(device);
    return this.#within({ devices: device === null ? [] : [device, ...this.#scope.devices] }, build);
  }

  /**
   * Ops made inside run after these (`tf.control_dependencies`); `null` forgets outer blocks, and leaves the condition or
   * loop that is being built.
   */
  controlDependencies<T>(inputs: readonly (Operation | Output)[] | null, build: () => T): T {
    if (inputs === null) return this.#within({ controllers: [], controlFlow: null }, build);
    const controllers = [...this.#scope.controllers, controller(inputs.map((input) => input.node))];
    return this.#within({ controllers }, build);
  }

  /** Ops made inside run where this one does (`tf.Graph.colocate_with`), device blocks aside. */
  colocateWith<T>(operation: { readonly node: Colocated }, build: () => T, ignoreExisting = false): T {
    const outer = ignoreExisting ? [] : this.#scope.colocation;
    return this.#within({ colocation: [operation.node, ...outer], devices: [] }, build);
  }

  /** Stateful ops made inside keep what they hold in this container of the server (`tf.Graph.container`). */
  container<T>(container: string, build: () => T): T {
    return this.#within({ container }, build);
  }

  /** The condition or loop that ops are made in now. @internal */
  get controlFlow(): ControlFlowContext | null {
    return this.#scope.controlFlow;
  }

  /** @internal */
  inControlFlow<T>(controlFlow: ControlFlowContext | null, build: () => T): T {
    return this.#within({ controlFlow }, build);
  }

  /** The condition or loop that a node belongs to. @internal */
  controlFlowOf(node: Node): ControlFlowContext | null {
    return this.#contexts.get(node) ?? null;
  }

  /** @internal */
  setControlFlow(node: Node, context: ControlFlowContext): void {
    this.#contexts.set(node, context);
  }

  /** Adds the control inputs that blocks around ask for, to a node that was made without. @internal */
  addBlockControls(node: Node): void {
    applyControls(this.#scope, node);
  }

  /** `base` under the scopes around, with a number when it is taken; it is taken from now on. */
  uniqueName(base: string): string {
    return this.#names.unique(`${this.#scope.name}${base}`);
  }

  /**
   * Adds any op by TensorFlow's names; `graph.ops` is the typed way.
   * @throws NotFoundError for an unknown op, InvalidArgumentError for inputs or attributes that don't fit it
   */
  op(
    type: string,
    inputs: readonly (Input | Inputs)[] = [],
    attrs: Readonly<Record<string, AttrInput>> = {},
    options: OpOptions = {},
  ): Operation {
    const { library } = this.runtime;
    const definition = library.registry.find(type) ?? library.opDef(type);
    if (definition === undefined) throw new NotFoundError(`Op type not registered '${type}'`);
    const given = options.name ?? type;
    const name = given.endsWith("/") ? given.slice(0, -1) : this.uniqueName(given);
    checkName(name, false);
    const types = new Map<string, DataType>();
    for (const arg of definition.inputs) {
      if (arg.typeAttr in attrs) types.set(arg.typeAttr, attrs[arg.typeAttr] as DataType);
    }
    const outputs = convertInputs(definition, inputs, types, this.#inputMaker(name));
    const make = () => {
      const all = attributesOf(definition, attrs, outputs, types, this.#scope);
      checkAttrs(name, definition, all);
      return this.#add(name, definition, all, outputs.flat(), options);
    };
    // What changes something by reference runs where that is.
    const references = outputs.filter((_, i) => definition.inputs[i]!.isRef).flat();
    if (references.length === 0) return make();
    const colocation = [...references.map(({ node }) => node), ...this.#scope.colocation];
    return this.#within({ colocation, devices: [] }, make);
  }

  /** @param dtype guessed as TensorFlow does when left out */
  constant(value: Feedable, dtype?: DataType, name = "Const"): Output {
    const tensor = toTensorValue(value, dtype);
    return this.op("Const", [], { dtype: tensor.dtype, value: tensor }, { name }).output();
  }

  /** A tensor that each step feeds (`tf.placeholder`). @param shape −1 for a free dimension, `null` for any shape */
  placeholder(dtype: DataType, shape: PartialShape = null, name = "Placeholder"): Output {
    return this.op("Placeholder", [], { dtype, shape }, { name }).output();
  }

  /**
   * Makes a function of what `build` adds to an empty graph, for calls (`function.call`) and as a branch or body of If, While
   * and others (`function.name`). It may call functions that are there already; tensors from outside are arguments.
   * @throws InvalidArgumentError for a name that is taken
   */
  function(name: string, inputTypes: readonly DataType[], build: FunctionBuilder): GraphFunction {
    return defineFunction(this, new Graph(this), name, inputTypes, build);
  }

  /** Runs when all of these have (`tf.group`). */
  group(operations: readonly (Operation | Output)[], name = "group_deps"): Operation {
    return group(this, operations, name);
  }

  /** @throws NotFoundError when no operation has this name */
  find(name: string): Operation {
    const node = this.runtime.find(name);
    if (node === undefined) {
      throw new NotFoundError(`The name '${name}' refers to an Operation not in the graph.`);
    }
    return new Operation(this, node);
  }

  /** The tensor `name:index`. @throws NotFoundError when there is none */
  findTensor(name: string): Output {
    const [full, op, index] = /^(.+):(\d+)$/.exec(tensorName(name)) ?? [];
    const absent = `The name '${full}' refers to a Tensor which does not exist. The operation, '${op}',`;
    const node = op === undefined ? undefined : this.runtime.find(op);
    if (node === undefined) throw new NotFoundError(`${absent} does not exist in the graph.`);
    const { outputs } = new Operation(this, node);
    const output = outputs[Number(index)];
    if (output === undefined) throw new NotFoundError(`${absent} exists but only has ${outputs.length} outputs.`);
    return output;
  }

  get operations(): Operation[] {
    return this.runtime.nodes.map((node) => new Operation(this, node));
  }

  /** What was added under a key (`tf.Graph.get_collection`), in that order. */
  collection<T = unknown>(key: string): readonly T[] {
    return (this.#collections.get(key) ?? []) as readonly T[];
  }

  addToCollection(key: string, value: unknown): void {
    const known = this.#collections.get(key);
    if (known === undefined) this.#collections.set(key, [value]);
    else known.push(value);
  }

  /**
   * Adds the nodes and functions of a GraphDef (`tf.import_graph_def`), devices of the blocks around added to theirs.
   * @returns the operations and tensors that `returnElements` names
   * @throws OpError for a graph that TensorFlow would refuse
   */
  importGraphDef(graphDef: GraphDef, options: ImportOptions = {}): (Operation | Output)[] {
    const base = options.name ?? "import";
    const prefix = base === "" ? "" : `${this.uniqueName(base.replace(/\/$/, ""))}/`;
    const inputs = Object.entries(options.inputMap ?? {});
    checkInputMap(
      graphDef,
      inputs.map(([name]) => name),
    );
    const mapped = new Map(
      inputs.map(([name, output]) => [tensorName(name), name.startsWith("^") ? output.node.name : output.name]),
    );
    const { library } = this.runtime;
    library.add(graphDef.library);
    const rewritten = rewriteGraphDef(graphDef, prefix, mapped);
    const first = importGraph(this.runtime, rewritten, library.registry, { hostname: "localhost" });
    const nodes = this.runtime.nodes.slice(first);
    this.#inferShapes(first, inOrder(nodes));
    for (const node of nodes) {
      this.#names.take(node.name);
      applyDevices(this.#scope, new Operation(this, node));
      applyControls(this.#scope, node);
    }
    return (options.returnElements ?? []).map((name) => returnElement(this, prefix, name));
  }

  /** The nodes from `first` on, with all functions (`tf.Graph.as_graph_def`). */
  exportGraphDef(first = 0): GraphDef {
    return {
      ...GraphDef.create(),
      node: this.runtime.nodes.slice(first).map((node) => exportNode(node)),
      versions: { ...VersionDef.create(), producer: GRAPH_DEF_VERSION },
      library: this.runtime.library.toProto(),
    };
  }

  /** What its ops say of a tensor's shape: −1 for an unknown dimension, `null` for an unknown rank. */
  shapeOf(output: Output): PartialShape {
    return this.#shapes.shape(output);
  }

  /** What is known of what a resource or variant holds. @internal */
  handleOf(output: Output): readonly HandleShape[] | null {
    return this.#shapes.handle(output);
  }

  /** @internal */
  setHandle(output: Output, handle: readonly HandleShape[] | null): void {
    this.#shapes.setHandle(output, handle);
  }

  /** A session has all nodes that there are now: they stay as they are. @internal */
  markSent(): void {
    this.#sent = Math.max(this.#sent, this.runtime.nodes.length);
  }

  /**
   * Gives a node other attributes and further inputs, and so further outputs; one that a session has is copied.
   * @param onlyReads whether it may run twice
   * @throws FailedPreconditionError for a copy that would do again what the node does
   * @internal
   */
  rewrite(
    node: Node,
    attrs: Readonly<Record<string, AttrInput>>,
    onlyReads: boolean,
    inputs: readonly Output[] = [],
  ): Operation {
    let changed = node;
    if (node.id < this.#sent) {
      if (!onlyReads) {
        throw new FailedPreconditionError(
          `Operation '${node.name}' has to be changed for its gradient, but a session has it already. Ask for the ` +
            "gradient before the graph is run, or run it in a new session",
        );
      }
      changed = this.runtime.add(this.#names.unique(node.name), node.op, node.attrs, node.requestedDevice);
      changed.inputs.push(...node.inputs);
      changed.controlInputs.push(...node.controlInputs);
      const context = this.controlFlowOf(node);
      if (context !== null) this.setControlFlow(changed, context);
    }
    const { op } = node;
    const kinds = new Map(op.attrs.map(({ name, type }) => [name, type]));
    const given = Object.entries(attrs).map(
      ([name, value]) => [name, attrValue(name, kinds.get(name)!, value)] as const,
    );
    changed.attrs = new Map([...node.attrs, ...given]);
    changed.inputTypes = flattenTypes(op.inputs, changed.attrs);
    changed.outputTypes = flattenTypes(op.outputs, changed.attrs);
    for (const { node: source, index } of inputs) changed.inputs.push({ node: source, index });
    this.#shapes.add(changed);
    return new Operation(this, changed);
  }

  /** What else is known of a tensor's shape than its ops say. @internal */
  setShape(output: Output, shape: PartialShape): void {
    this.#shapes.setShape(output, shape);
  }

  /** @throws InvalidArgumentError in TensorFlow's words for inputs whose shapes don't fit; the nodes are gone then */
  #inferShapes(first: number, nodes: readonly Node[]): void {
    try {
      for (const node of nodes) if (node.id >= first) this.#shapes.add(node);
    } catch (error) {
      this.runtime.truncate(first);
      throw error;
    }
  }

  #within<T>(change: Partial<Scope>, build: () => T): T {
    const outer = this.#scope;
    this.#scope = { ...outer, ...change };
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  /** What stands for plain values gets the op's name in front: `MatMul/b`. */
  #inputMaker(op: string): InputMaker {
    return {
      constant: (value, dtype, name) => this.nameScope(`${op}/`, () => this.constant(value, dtype, name)),
      pack: (parts, name) => this.nameScope(`${op}/`, () => this.op("Pack", [parts], {}, { name }).output()),
    };
  }

  #add(
    name: string,
    definition: OpDef,
    attrs: Map<string, AttrValue>,
    inputs: readonly Output[],
    options: OpOptions,
  ): Operation {
    for (const input of inputs) {
      if (input.graph !== this) throw new InvalidArgumentError(`Tensor ${input.name} is not an element of this graph.`);
    }
    checkContext(this, name, definition.name, inputs);
    const node: Node = this.runtime.add(name, definition, attrs, options.device ?? "");
    for (const { node: source, index } of inputs) node.inputs.push({ node: source, index });
    this.#inferShapes(node.id, [node]);
    applyControls(this.#scope, node);
    for (const control of options.controlInputs ?? []) addControl(node, control.node);
    const operation = new Operation(this, node);
    applyDevices(this.#scope, operation);
    const { controlFlow } = this;
    if (controlFlow !== null) {
      this.#contexts.set(node, controlFlow);
      // Python makes constants without a scope of their own.
      if (definition.name === "Const") controlFlow.addOp(operation);
      else this.nameScope(`${name}/`, () => controlFlow.addOp(operation));
    }
    return operation;
  }
}
