// Builds graphs: `graph.op(type, inputs, attributes)` adds any op of TensorFlow, with the dtypes worked out from the
// inputs; the rest are short words for common ones. Scopes set names, devices and control dependencies.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import {
  boolValue,
  floatValue,
  intsValue,
  intValue,
  shapeValue,
  stringValue,
  tensorValue,
  typesValue,
  typeValue,
} from "../graph/attr-value.js";
import { exportNode } from "../graph/export.js";
import { FunctionLibrary } from "../graph/function-library.js";
import { type Node, Graph as RuntimeGraph } from "../graph/graph.js";
import { importGraph } from "../graph/import.js";
import type { OpDef } from "../graph/op-def.js";
import { createOpRegistry } from "../ops/registry.js";
import { baseDtype, type DataType, dtypeName, isRef } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import { type AttrValue, GraphDef } from "../wire/core.js";
import { type Feedable, type TensorValue, toTensorValue, valueToProto } from "./values.js";

/** An output of a node in a graph under construction. */
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
}

/** A node, for targets and control dependencies. */
export class Operation {
  constructor(
    readonly graph: Graph,
    readonly node: Node,
  ) {}

  get name(): string {
    return this.node.name;
  }

  get outputs(): Output[] {
    return this.node.outputTypes.map((_, i) => new Output(this.graph, this.node, i));
  }

  output(index = 0): Output {
    return new Output(this.graph, this.node, index);
  }
}

/** Plain values stand for attributes; the op's definition says of which kind. */
export type AttrInput = number | bigint | boolean | string | TensorValue | Shape | null | readonly string[] | AttrValue;
export type Input = Output | readonly Output[];

export interface OpOptions {
  readonly name?: string;
  readonly device?: string;
  readonly controlInputs?: readonly (Operation | Output)[];
}

export class Graph {
  readonly runtime: RuntimeGraph;
  /** Variables in order of creation. */
  readonly initializers: Operation[] = [];
  #scope = "";
  #device = "";
  #controls: readonly (Operation | Output)[] = [];
  readonly #counts = new Map<string, number>();

  constructor() {
    this.runtime = new RuntimeGraph(new FunctionLibrary(createOpRegistry(), "localhost"));
  }

  /** Nodes made inside get `name/` in front. */
  withScope<T>(name: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = `${outer}${this.#unique(`${outer}${name}`).slice(outer.length)}/`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  withDevice<T>(device: string, build: () => T): T {
    const outer = this.#device;
    this.#device = device;
    try {
      return build();
    } finally {
      this.#device = outer;
    }
  }

  withControl<T>(controls: readonly (Operation | Output)[], build: () => T): T {
    const outer = this.#controls;
    this.#controls = [...outer, ...controls];
    try {
      return build();
    } finally {
      this.#controls = outer;
    }
  }

  /** @throws NotFoundError for an unknown op, InvalidArgumentError for inputs that don't fit it */
  op(
    type: string,
    inputs: readonly Input[] = [],
    attrs: Readonly<Record<string, AttrInput>> = {},
    options: OpOptions = {},
  ): Operation {
    const definition = this.runtime.library.registry.find(type);
    if (definition === undefined) throw new NotFoundError(`Op type not registered '${type}'`);
    const all = attributes(definition, inputs, attrs);
    const name = this.#unique(`${this.#scope}${options.name ?? type}`);
    const node = this.runtime.add(name, definition, all, options.device ?? this.#device);
    for (const output of inputs.flat() as Output[]) node.inputs.push({ node: output.node, index: output.index });
    node.inputTypes.forEach((expected, i) => {
      const input = node.inputs[i];
      const found = input?.node.outputTypes[input.index];
      if (found === undefined || baseDtype(found) !== baseDtype(expected) || (isRef(expected) && !isRef(found))) {
        const got = found === undefined ? "nothing" : dtypeName(found);
        throw new InvalidArgumentError(`Input ${i} of ${type} '${name}' is ${got}, ${dtypeName(expected)} is expected`);
      }
    });
    for (const control of [...this.#controls, ...(options.controlInputs ?? [])]) {
      if (!node.controlInputs.includes(control.node)) node.controlInputs.push(control.node);
    }
    return new Operation(this, node);
  }

  constant(value: Feedable, dtype?: DataType, name = "Const"): Output {
    const tensor = toTensorValue(value, dtype);
    return this.op("Const", [], { dtype: tensor.dtype, value: tensorValue(valueToProto(tensor)) }, { name }).output();
  }

  placeholder(dtype: DataType, shape: Shape | null = null, name = "Placeholder"): Output {
    return this.op("Placeholder", [], { dtype, shape }, { name }).output();
  }

  /** Runs when all of these have. */
  group(operations: readonly (Operation | Output)[], name = "group"): Operation {
    return this.op("NoOp", [], {}, { name, controlInputs: operations });
  }

  find(name: string): Operation {
    const node = this.runtime.find(name);
    if (node === undefined) throw new NotFoundError(`No node '${name}' in the graph`);
    return new Operation(this, node);
  }

  /** Adds the nodes of a GraphDef. */
  importGraphDef(graphDef: GraphDef): void {
    this.runtime.library.add(graphDef.library);
    importGraph(this.runtime, graphDef, this.runtime.library.registry, { hostname: "localhost" });
  }

  /** The nodes from `first` on. */
  exportGraphDef(first = 0): GraphDef {
    return {
      ...GraphDef.create(),
      node: this.runtime.nodes.slice(first).map((node) => exportNode(node)),
      versions: { producer: 2474, minConsumer: 0, badConsumers: [] },
      library: this.runtime.library.toProto(),
    };
  }

  #unique(base: string): string {
    const used = this.#counts.get(base) ?? 0;
    this.#counts.set(base, used + 1);
    return this.runtime.uniqueName(used === 0 ? base : `${base}_${used}`);
  }
}

/** Given attributes, those that the inputs tell, and defaults. */
function attributes(
  op: OpDef,
  inputs: readonly Input[],
  given: Readonly<Record<string, AttrInput>>,
): Map<string, AttrValue> {
  const all = new Map<string, AttrValue>();
  op.inputs.forEach((arg, i) => {
    const input = inputs[i];
    if (input === undefined) throw new InvalidArgumentError(`${op.name} needs an input '${arg.name}'`);
    const list = input instanceof Output ? [input] : input;
    if (arg.numberAttr !== "") all.set(arg.numberAttr, intValue(list.length));
    if (arg.typeAttr !== "" && list.length > 0) all.set(arg.typeAttr, typeValue(list[0]!.dtype));
    if (arg.typeListAttr !== "") all.set(arg.typeListAttr, typesValue(list.map((output) => output.dtype)));
  });
  for (const { name, type, defaultValue } of op.attrs) {
    if (Object.hasOwn(given, name)) all.set(name, attrValue(type, given[name]!));
    else if (!all.has(name)) {
      if (defaultValue === null) throw new InvalidArgumentError(`${op.name} needs an attribute '${name}' (${type})`);
      all.set(name, defaultValue);
    }
  }
  for (const name in given) if (name.startsWith("_")) all.set(name, given[name] as AttrValue);
  return all;
}

function attrValue(type: string, value: AttrInput): AttrValue {
  if (typeof value === "object" && value !== null && "placeholder" in value) return value as AttrValue;
  switch (type) {
    case "int":
      return intValue(value as number | bigint);
    case "float":
      return floatValue(value as number);
    case "bool":
      return boolValue(value as boolean);
    case "string":
      return stringValue(value as string);
    case "type":
      return typeValue(value as DataType);
    case "shape":
      return shapeValue(value as Shape | null);
    case "list(int)":
      return intsValue(value as Shape);
    case "list(type)":
      return typesValue(value as Shape);
    default:
      throw new InvalidArgumentError(`Attributes of type ${type} are given as an AttrValue`);
  }
}
