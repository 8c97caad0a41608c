// Shape inference over whole graphs; what single ops give is compared with TensorFlow in test/ops/shapes.test.ts.
import * as assert from "uvu/assert";
import { intValue, shapeValue, tensorValue, typeValue } from "../../../src/graph/attr-value.js";
import { FunctionLibrary } from "../../../src/graph/function-library.js";
import { Graph, type Node } from "../../../src/graph/graph.js";
import { importGraph } from "../../../src/graph/import.js";
import { allKernels } from "../../../src/ops/all.js";
import { createOpRegistry } from "../../../src/ops/registry.js";
import { allShapes } from "../../../src/ops/shapes/all.js";
import { inferShapes, type ShapeInference } from "../../../src/ops/shapes/infer-shapes.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { shapeToProto } from "../../../src/tensor/proto.js";
import type { Shape } from "../../../src/tensor/shape.js";
import { type AttrValue, GraphDef, type NodeDef, TensorProto } from "../../../src/wire/core.js";
import { nodeDef } from "../../support/graphs.js";
import { test } from "../../support/suite.js";

const registry = createOpRegistry();
const float = typeValue(DataType.FLOAT);

const node = (name: string, op: string, input: string[], attrs: Record<string, AttrValue> = { T: float }): NodeDef =>
  nodeDef(name, op, input, attrs);

const placeholder = (name: string, shape: Shape | null, dtype: AttrValue = float): NodeDef =>
  node(name, "Placeholder", [], { dtype, shape: shapeValue(shape) });

const ints = (name: string, ...values: number[]): NodeDef =>
  node(name, "Const", [], {
    dtype: typeValue(DataType.INT32),
    value: tensorValue({
      ...TensorProto.create(),
      dtype: DataType.INT32,
      tensorShape: shapeToProto([values.length]),
      intVal: Int32Array.from(values),
    }),
  });

function graphOf(...nodes: NodeDef[]): Graph {
  const graph = new Graph(new FunctionLibrary(registry, "HOST"));
  importGraph(graph, { ...GraphDef.create(), node: nodes }, registry, { hostname: "HOST" });
  return graph;
}

const shapeOf = (graph: Graph, inference: ShapeInference, name: string, index = 0): Shape | null =>
  inference.shape({ node: graph.find(name) as Node, index });

test("every op that has a kernel has a shape function", () => {
  const without = new Set(allKernels.map(({ op }) => op).filter((op) => allShapes[op] === undefined));
  assert.equal([...without], [], "add them to src/ops/shapes/");
});

test("every shape function is of an op", () => {
  assert.equal(
    Object.keys(allShapes).filter((op) => registry.find(op) === undefined),
    [],
  );
});

test("a range of numbers too large to count by has no shape that is known", () => {
  const long = (name: string, value: bigint): NodeDef => {
    const tensorShape = shapeToProto([]);
    const proto = { ...TensorProto.create(), dtype: DataType.INT64, tensorShape, int64Val: BigInt64Array.of(value) };
    return node(name, "Const", [], { dtype: typeValue(DataType.INT64), value: tensorValue(proto) });
  };
  const shapeFrom = (start: bigint): Shape | null => {
    const range = node("r", "Range", ["a", "b", "c"], { Tidx: typeValue(DataType.INT64) });
    const graph = graphOf(long("a", start), long("b", start + 3n), long("c", 1n), range);
    return shapeOf(graph, inferShapes(graph, allShapes), "r");
  };
  assert.equal(shapeFrom(2n ** 53n - 5n), [3]);
  assert.equal(shapeFrom(2n ** 53n), [-1]);
});

test("a refusal names the node, its inputs' shapes and the values that it looked at", () => {
  const refusal = (...nodes: NodeDef[]) => {
    try {
      inferShapes(graphOf(...nodes), allShapes);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.is(
    refusal(placeholder("a", [2, 3]), placeholder("b", [2, 3]), node("c", "MatMul", ["a", "b"])),
    "Dimensions must be equal, but are 3 and 2 for '{{node c}} = MatMul[T=DT_FLOAT, grad_a=false, grad_b=false, " +
      "transpose_a=false, transpose_b=false](a, b)' with input shapes: [2,3], [2,3].",
  );
  assert.is(
    refusal(placeholder("a", [2, 3]), ints("s", 4, 2), node("c", "Reshape", ["a", "s"])),
    "Cannot reshape a tensor with 6 elements to shape [4,2] (8 elements) for '{{node c}} = Reshape[T=DT_FLOAT, " +
      "Tshape=DT_INT32](a, s)' with input shapes: [2,3], [2] and with input tensors computed as partial shapes: " +
      "input[1] = [4,2].",
  );
});

test("a shape goes through ops on shapes, known or not", () => {
  const int = { T: typeValue(DataType.INT32) };
  const graph = graphOf(
    placeholder("x", [-1, 28, 28]),
    node("s", "Shape", ["x"]),
    ints("from", 1),
    ints("to", 3),
    ints("by", 1),
    node("tail", "StridedSlice", ["s", "from", "to", "by"], { ...int, Index: typeValue(DataType.INT32) }),
    ints("axes", 0),
    node("size", "Prod", ["tail", "axes"], { ...int, Tidx: typeValue(DataType.INT32) }),
    ints("open", -1),
    node("first", "Reshape", ["open", "none"], int),
    ints("none"),
    node("flat", "Pack", ["first", "size"], { ...int, N: intValue(2) }),
    node("y", "Reshape", ["x", "flat"]),
  );
  const inference = inferShapes(graph, allShapes);
  assert.equal(shapeOf(graph, inference, "tail"), [2]);
  assert.equal(shapeOf(graph, inference, "y"), [-1, 784]);
});

test("what is taken out of a shape at a place that isn't known isn't known", () => {
  const int = { T: typeValue(DataType.INT32) };
  const sliced = { ...int, Index: typeValue(DataType.INT32) };
  const graph = graphOf(
    placeholder("x", [2, 3, 4]),
    node("s", "Shape", ["x"]),
    placeholder("at", [], typeValue(DataType.INT32)),
    node("there", "Pack", ["at"], { ...int, N: intValue(1) }),
    ints("zero", 0),
    ints("one", 1),
    ints("end", 3),
    node("tail", "StridedSlice", ["s", "there", "end", "one"], sliced),
    node("head", "StridedSlice", ["s", "zero", "there", "one"], sliced),
    node("behind", "Slice", ["s", "there", "one"], sliced),
    node("before", "Slice", ["s", "zero", "there"], sliced),
    ints("places", 0, 1, 2),
    node("kept", "DynamicStitch", ["places", "there", "s", "one"], { ...int, N: intValue(2) }),
    ...["tail", "head", "behind", "before", "kept"].map((shape) =>
      node(`${shape}_filled`, "Fill", [shape, "x0"], { T: float, index_type: typeValue(DataType.INT32) }),
    ),
    placeholder("x0", []),
  );
  const inference = inferShapes(graph, allShapes);
  assert.equal(
    ["tail", "head", "behind", "before", "kept"].map((name) => shapeOf(graph, inference, `${name}_filled`)),
    [null, null, [-1], null, null],
  );
});

test("a loop's Merge waits for no NextIteration", () => {
  const graph = graphOf(
    placeholder("x", [3]),
    placeholder("go", [], typeValue(DataType.BOOL)),
    node("enter", "Enter", ["x"], { T: float, frame_name: { ...intValue(0), i: undefined, s: new Uint8Array([102]) } }),
    node("merge", "Merge", ["enter", "next"], { T: float, N: intValue(2) }),
    node("switch", "Switch", ["merge", "go"]),
    node("next", "NextIteration", ["switch:1"]),
    node("exit", "Exit", ["switch"]),
  );
  const inference = inferShapes(graph, allShapes);
  assert.is(shapeOf(graph, inference, "exit"), null);
  assert.equal(shapeOf(graph, inference, "merge", 1), []);
});

test("a chain of 100,000 nodes, consumers listed first", () => {
  const count = 100_000;
  const nodes = Array.from({ length: count }, (_, i) => node(`n${i}`, "Neg", [`n${i + 1}`]));
  const graph = graphOf(...nodes, placeholder(`n${count}`, [7, -1]));
  assert.equal(shapeOf(graph, inferShapes(graph, allShapes), "n0"), [7, -1]);
});

test("a graph that grows is asked for its new nodes only", () => {
  const graph = graphOf(placeholder("a", [2, 3]));
  const inference = inferShapes(graph, allShapes);
  const first = importGraph(graph, { ...GraphDef.create(), node: [node("b", "Neg", ["a"])] }, registry, {
    hostname: "HOST",
  });
  assert.equal(inference.add(graph.nodes[first]!), [[2, 3]]);
});

test.run();
