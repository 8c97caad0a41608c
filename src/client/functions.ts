// Functions of a graph (`FunctionDef`), built as graphs of their own: their arguments are placeholders there, what a
// callback gives are their results. Called by PartitionedCall, or named by If, While and others as their branches.
import { InvalidArgumentError } from "../errors/index.js";
import { exportNode } from "../graph/export.js";
import type { FunctionLibrary } from "../graph/function-library.js";
import type { Node, Output as Source } from "../graph/graph.js";
import type { DataType } from "../tensor/dtype.js";
import { FunctionDef, NameAttrList, OpDef, OpDef_ArgDef } from "../wire/core.js";
import type { Graph } from "./graph.js";
import { type Input, isReadable } from "./inputs.js";
import { Output } from "./output.js";
import type { Feedable } from "./values.js";

/** Builds a function's body in a graph of its own, which knows the functions of the graph around. */
export type FunctionBuilder = (body: Graph, ...args: Output[]) => Output | readonly Output[];

/** A function of a graph: `name` is what If, While and others take for a branch. */
export class GraphFunction {
  constructor(
    readonly graph: Graph,
    readonly name: string,
    readonly inputTypes: readonly DataType[],
    readonly outputTypes: readonly DataType[],
    /** Calls of it aren't taken for one another, nor left out. */
    readonly isStateful: boolean,
  ) {}

  /** Adds a call of it to a graph, the one that it belongs to unless told otherwise. */
  call(args: readonly Input[], graph = this.graph): Output[] {
    const { inputTypes, outputTypes, isStateful, name } = this;
    if (args.length !== inputTypes.length) {
      throw new InvalidArgumentError(`Function ${name} takes ${inputTypes.length} arguments, not ${args.length}`);
    }
    const inputs = args.map((arg, i) => argument(graph, arg, inputTypes[i]!));
    const type = isStateful ? "StatefulPartitionedCall" : "PartitionedCall";
    const f = { ...NameAttrList.create(), name };
    return graph.op(type, [inputs], { f, Tout: [...outputTypes] }).outputs;
  }
}

function argument(graph: Graph, arg: Input, dtype: DataType): Output {
  if (arg instanceof Output) return arg;
  if (!isReadable(arg)) return graph.constant(arg as Feedable, dtype);
  return arg.handle?.dtype === dtype ? arg.handle : arg.value;
}

/**
 * Makes a function of what a callback builds, and adds it to the graph's library.
 * @param body an empty graph on the same library
 * @throws InvalidArgumentError for a name that a function has already
 */
export function defineFunction(
  graph: Graph,
  body: Graph,
  name: string,
  inputTypes: readonly DataType[],
  build: FunctionBuilder,
): GraphFunction {
  const args = inputTypes.map((dtype, i) => body.placeholder(dtype, null, `arg_${i}`));
  const built = build(body, ...args);
  const results = built instanceof Output ? [built] : built;
  const isArg = new Set(args.map(({ node }) => node));
  const nodes = body.runtime.nodes.filter((node) => !isArg.has(node));
  return addFunction(graph, { name, args, results, nodes });
}

/** Nodes of a graph that make a function, and the tensors that are its arguments and results. */
export interface FunctionParts {
  readonly name: string;
  readonly args: readonly Output[];
  readonly results: readonly Output[];
  /** All that the results need beside the arguments. */
  readonly nodes: readonly Node[];
}

/** @throws InvalidArgumentError for a name that a function has already */
export function addFunction(graph: Graph, parts: FunctionParts): GraphFunction {
  const { name, args, results } = parts;
  const { library } = graph.runtime;
  if (library.has(name)) throw new InvalidArgumentError(`A function named '${name}' is in the graph already`);
  const definition = functionDef(parts);
  library.add({ function: [definition], gradient: [], registeredGradients: [] });
  const types = (outputs: readonly Output[]) => outputs.map(({ dtype }) => dtype);
  return new GraphFunction(graph, name, types(args), types(results), definition.signature!.isStateful);
}

function functionDef({ name, args, results, nodes }: FunctionParts): FunctionDef {
  const inner = new Set(nodes);
  const ofArg = new Map(args.map((output, i) => [output.name, `arg_${i}`]));
  const source = (from: Source): string => ofArg.get(`${from.node.name}:${from.index}`) ?? outputPath(from);
  const stateful = nodes.filter(({ op }) => op.isStateful).map((node) => node.name);
  const arg = (text: string, type: DataType) => ({ ...OpDef_ArgDef.create(), name: text, type });
  const ofResult = results.map((_, i) => `result_${i}`);
  return {
    ...FunctionDef.create(),
    signature: {
      ...OpDef.create(),
      name,
      inputArg: args.map(({ dtype }, i) => arg(`arg_${i}`, dtype)),
      outputArg: results.map(({ dtype }, i) => arg(ofResult[i]!, dtype)),
      controlOutput: stateful,
      isStateful: stateful.length > 0,
    },
    nodeDef: nodes.map((node) => ({
      ...exportNode(node),
      input: [
        ...node.inputs.map(source),
        ...node.controlInputs.filter((control) => inner.has(control)).map((control) => `^${control.name}`),
      ],
    })),
    ret: new Map(results.map((result, i) => [ofResult[i]!, source(result)])),
    controlRet: new Map(stateful.map((node) => [node, node])),
  };
}

/** `node:output:index`, as bodies of functions name what they take. */
function outputPath({ node, index }: Source): string {
  let first = 0;
  for (const { name, numberAttr, typeListAttr } of node.op.outputs) {
    let length = 1;
    if (numberAttr !== "") length = Number(node.attrs.get(numberAttr)?.i ?? 0n);
    else if (typeListAttr !== "") length = node.attrs.get(typeListAttr)?.list?.type.length ?? 0;
    if (index < first + length) return `${node.name}:${name}:${index - first}`;
    first += length;
  }
  throw new InvalidArgumentError(`${node.name} has no output ${index}`);
}

/** A name that no function has. */
export function freeName(library: FunctionLibrary, base: string): string {
  let name = base;
  for (let i = 1; library.has(name); i++) name = `${base}_${i}`;
  return name;
}
