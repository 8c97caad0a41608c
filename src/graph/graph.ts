// The graph as every pass sees it: nodes with typed outputs, linked by their inputs. Edges point from consumer to
// producer only; a pass that needs consumers counts them over the nodes it looks at. Nothing here runs anything.
import type { DataType } from "../tensor/dtype.js";
import type { AttrValue, NodeDef_ExperimentalDebugInfo } from "../wire/core.js";
import type { FunctionLibrary } from "./function-library.js";
import type { OpDef } from "./op-def.js";
import { flattenTypes } from "./types.js";

/** One output of a node, as an input of another. */
export interface Output {
  readonly node: Node;
  readonly index: number;
}

export class Node {
  /** Full device name once placed. */
  assignedDevice = "";
  readonly inputs: Output[] = [];
  readonly controlInputs: Node[] = [];
  /** Where it comes from, for errors: its name in a function's body, and the function's. */
  debugInfo: NodeDef_ExperimentalDebugInfo | undefined;
  /** Where it stands in the list that a walk is making; means nothing after it. */
  mark = -1;
  /** One per flattened input and output; references are base + 100. */
  inputTypes: readonly DataType[] = [];
  outputTypes: readonly DataType[] = [];

  constructor(
    /** Unique in its graph, rising in order of creation; index into `graph.nodes`. */
    readonly id: number,
    readonly name: string,
    public op: OpDef,
    /** With defaults filled in. */
    public attrs: Map<string, AttrValue>,
    public requestedDevice: string,
  ) {}

  /** Whether it has all its inputs: a session keeps nodes that haven't, until a step needs one. */
  get isComplete(): boolean {
    return this.inputs.length >= this.inputTypes.length;
  }
}

export class Graph {
  readonly nodes: Node[] = [];
  /** Made when a name is first asked for: a plan's graph is seldom asked. */
  #byName: Map<string, Node> | null = null;
  #nextName = 0;

  constructor(readonly library: FunctionLibrary) {}

  find(name: string): Node | undefined {
    return this.#index().get(name);
  }

  /** Adds a node without edges, its types from its attributes; the caller made sure that the name is free. */
  add(name: string, op: OpDef, attrs: Map<string, AttrValue>, requestedDevice = ""): Node {
    const node = new Node(this.nodes.length, name, op, attrs, requestedDevice);
    node.inputTypes = flattenTypes(op.inputs, attrs);
    node.outputTypes = flattenTypes(op.outputs, attrs);
    this.adopt(node);
    return node;
  }

  /** Adds a copy of another graph's node, without its edges. */
  copy(node: Node): Node {
    const copy = new Node(this.nodes.length, node.name, node.op, node.attrs, node.requestedDevice);
    copy.assignedDevice = node.assignedDevice;
    copy.inputTypes = node.inputTypes;
    copy.outputTypes = node.outputTypes;
    copy.debugInfo = node.debugInfo;
    this.adopt(copy);
    return copy;
  }

  /** Takes in a node that was made for this place: its id is the next. */
  adopt(node: Node): void {
    this.nodes.push(node);
    this.#byName?.set(node.name, node);
  }

  /** Forgets the nodes from `first` on: an Extend that failed leaves the graph as it was. */
  truncate(first: number): void {
    for (const node of this.nodes.splice(first)) this.#byName?.delete(node.name);
  }

  /** `base`, or `base_1`, `base_2`, … : the first that no node has. */
  uniqueName(base: string): string {
    const names = this.#index();
    if (!names.has(base)) return base;
    for (let i = 1; ; i++) if (!names.has(`${base}_${i}`)) return `${base}_${i}`;
  }

  /** A name that TensorFlow's passes give: their numbers rise over the whole graph. */
  newName(prefix: string): string {
    for (;;) {
      const name = `${prefix}/_${this.#nextName++}`;
      if (!this.#index().has(name)) return name;
    }
  }

  /** Passes by the names of nodes that TensorFlow's passes make and ours do without. */
  skipNames(count: number): void {
    this.#nextName += count;
  }

  #index(): Map<string, Node> {
    this.#byName ??= new Map(this.nodes.map((node) => [node.name, node]));
    return this.#byName;
  }
}

/** `name` for output 0, else `name:index`; TensorFlow's `TensorId`. */
export const outputName = (output: Output): string =>
  output.index === 0 ? output.node.name : `${output.node.name}:${output.index}`;

/** As a NodeDef has them: of its inputs, and behind them of nodes that it waits for. */
export const inputNames = ({ inputs, controlInputs }: Node): string[] => [
  ...inputs.map(outputName),
  ...controlInputs.map(({ name }) => `^${name}`),
];
