// Graphs for tests of passes, written a node a line: imported, checked, placed on one CPU.
import { funcValue, tensorValue, typesValue, typeValue } from "../../src/graph/attr-value.js";
import { FunctionLibrary } from "../../src/graph/function-library.js";
import { Graph } from "../../src/graph/graph.js";
import { importGraph } from "../../src/graph/import.js";
import { createOpRegistry } from "../../src/ops/registry.js";
import { cutSignature, type SignatureGraph } from "../../src/optimize/signature.js";
import { DataType } from "../../src/tensor/dtype.js";
import {
  type AttrValue,
  FunctionDef,
  GraphDef,
  NodeDef,
  OpDef,
  OpDef_ArgDef,
  TensorProto,
  TensorShapeProto,
} from "../../src/wire/core.js";

export const CLIENT = { name: "/job:worker/replica:0/task:0/device:CPU:0", incarnation: 1n };
export const FLOAT = typeValue(DataType.FLOAT);
export const INT32 = typeValue(DataType.INT32);
const registry = createOpRegistry();

export const nodeDef = (
  name: string,
  op: string,
  input: string[] = [],
  attrs: Record<string, AttrValue> = {},
): NodeDef => ({ ...NodeDef.create(), name, op, input, attr: new Map(Object.entries(attrs)) });

const shapeOf = (dims: readonly number[]): TensorShapeProto => ({
  ...TensorShapeProto.create(),
  dim: dims.map((size) => ({ size: BigInt(size), name: "" })),
});

/** A float constant; a scalar unless there are several values or dimensions are given. */
export function floats(name: string, values: number | number[], dims?: number[], controls: string[] = []): NodeDef {
  const list = Float32Array.from([values].flat());
  const shape = shapeOf(dims ?? (typeof values === "number" ? [] : [list.length]));
  const value = { ...TensorProto.create(), dtype: DataType.FLOAT, tensorShape: shape, floatVal: list };
  return nodeDef(name, "Const", controls, { dtype: FLOAT, value: tensorValue(value) });
}

export function ints(name: string, values: number | number[]): NodeDef {
  const list = Int32Array.from([values].flat());
  const shape = shapeOf(typeof values === "number" ? [] : [list.length]);
  const value = { ...TensorProto.create(), dtype: DataType.INT32, tensorShape: shape, intVal: list };
  return nodeDef(name, "Const", [], { dtype: INT32, value: tensorValue(value) });
}

export const floatOp = (name: string, op: string, ...input: string[]): NodeDef =>
  nodeDef(name, op, input, { T: FLOAT });

const argDef = (name: string): OpDef_ArgDef => ({ ...OpDef_ArgDef.create(), name, type: DataType.FLOAT });

/** `name(x)` of floats, with one result per entry of `results`; control results are nodes of the body. */
export const functionDef = (
  name: string,
  nodes: NodeDef[],
  results: Record<string, string>,
  controls: string[] = [],
): FunctionDef => ({
  ...FunctionDef.create(),
  signature: {
    ...OpDef.create(),
    name,
    inputArg: [argDef("x")],
    outputArg: Object.keys(results).map(argDef),
    controlOutput: controls,
  },
  nodeDef: nodes,
  ret: new Map(Object.entries(results)),
  controlRet: new Map(controls.map((control) => [control, control])),
});

export const callDef = (name: string, callee: string, input: string, results = 1): NodeDef =>
  nodeDef(name, "StatefulPartitionedCall", [input], {
    f: funcValue({ name: callee, attr: new Map() }),
    Tin: typesValue([DataType.FLOAT]),
    Tout: typesValue(new Array<number>(results).fill(DataType.FLOAT)),
  });

export const graphDefOf = (nodes: NodeDef[], functions: FunctionDef[] = []): GraphDef => ({
  ...GraphDef.create(),
  node: nodes,
  library: { function: functions, gradient: [], registeredGradients: [] },
});

export function graphOf(nodes: NodeDef[]): Graph {
  const graph = new Graph(new FunctionLibrary(registry, "host"));
  importGraph(graph, { ...GraphDef.create(), node: nodes }, registry, { hostname: "host" });
  for (const node of graph.nodes) node.assignedDevice = CLIENT.name;
  return graph;
}

export const cut = (
  nodes: NodeDef[],
  fetches: string[],
  targets: string[] = [],
  feeds: string[] = [],
): SignatureGraph => cutSignature(graphOf(nodes), { feeds, fetches, targets }, CLIENT);

/** `name:op(inputs)` of each node but those that feed and fetch. */
export const lines = (graph: Graph): string[] =>
  graph.nodes
    .filter(({ op }) => op.name !== "_Send" && op.name !== "_Recv")
    .map(({ name, op, inputs, controlInputs }) => {
      const sources = [...inputs.map(({ node, index }) => (index === 0 ? node.name : `${node.name}:${index}`))];
      for (const control of controlInputs) sources.push(`^${control.name}`);
      return `${name}:${op.name}(${sources.join(", ")})`;
    });
