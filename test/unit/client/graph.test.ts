// Graphs as Python builds them, node by node: the program of `names` in conformance/record_client.py.
import * as assert from "uvu/assert";
import { DataType, Graph, GraphDef, InvalidArgumentError, NotFoundError, Session } from "../../../src/index.js";
import { type NodeText, nodesOf, readRecorded } from "../../support/client-records.js";
import { test } from "../../support/suite.js";

test("names, devices, colocation, control inputs and containers are those that Python gives", () => {
  const recorded = readRecorded<{ imported: string; nodes: NodeText[] }>("scopes");
  const graph = new Graph();
  const { ops } = graph;
  const noOp = (name?: string) => ops.noOp(name === undefined ? {} : { name });
  for (const name of ["a", "a", "A", "a_1", "b/c", "b/c", "b"]) noOp(name);
  const scope = graph.nameScope("s", (scope) => {
    noOp();
    noOp("x");
    graph.nameScope("inner", () => noOp("x"));
    graph.nameScope("", () => noOp("root"));
    noOp("x");
    return scope;
  });
  graph.nameScope("s", () => noOp("x"));
  graph.nameScope(scope, () => noOp("x"));
  noOp("s/again/");
  graph.device("/job:ps/task:1", () => {
    noOp("d1");
    graph.device("/cpu:0", () => {
      noOp("d2");
      graph.device("/job:worker", () => noOp("d3"));
      graph.device(null, () => {
        noOp("d4");
        graph.device("/device:GPU:2", () => noOp("d5"));
      });
    });
  });
  graph.device(
    (op) => (op.type === "Const" ? "/job:f" : "/job:g/task:3"),
    () => {
      noOp("f1");
      graph.constant(1, DataType.FLOAT, "f2");
      graph.device("/cpu:1", () => noOp("f3"));
    },
  );
  graph.device("/task:4", () =>
    graph.device(
      (op) => `${op.device}/job:h`,
      () => noOp("f4"),
    ),
  );
  const one = graph.device("/job:ps", () => graph.constant(1, DataType.FLOAT, "one"));
  const a = graph.find("a");
  graph.device("/job:worker", () => {
    const near2 = graph.colocateWith(one, () => {
      ops.neg(one, { name: "near" });
      const near = graph.device("/cpu:0", () => ops.neg(one, { name: "near2" }));
      graph.colocateWith(a, () => ops.neg(one, { name: "both" }));
      graph.colocateWith(a, () => ops.neg(one, { name: "only" }), true);
      return near;
    });
    graph.colocateWith(near2, () => noOp("nearer"));
  });
  graph.controlDependencies([a, one], () => {
    const c1 = ops.neg(one, { name: "c1" });
    ops.neg(c1, { name: "c2" });
    graph.controlDependencies([graph.find("b")], () => {
      noOp("c3");
      ops.neg(c1, { name: "c4" });
    });
    graph.controlDependencies(null, () => noOp("c5"));
    noOp("c6");
  });
  graph.container("box", () => {
    ops.varHandleOp({ dtype: DataType.FLOAT, shape: [], name: "v1" });
    ops.varHandleOp({ dtype: DataType.FLOAT, shape: [], container: "mine", name: "v2" });
    noOp("v3");
  });
  ops.addV2(one, 2, { name: "sum" });
  ops.pack([one, one], { name: "pack" });
  ops.mean([[1.5]], [0, 1], { name: "mean" });
  const definition = GraphDef.decode(Buffer.from(recorded.imported, "base64"));
  graph.device("/job:ps", () => graph.importGraphDef(definition));
  graph.importGraphDef(definition, { name: "under", inputMap: { p: one } });
  graph.importGraphDef(definition, { name: "under", inputMap: { "q:0": one } });
  const found = nodesOf(graph);
  recorded.nodes.forEach((node, i) => assert.equal(found[i], node));
  assert.is(found.length, recorded.nodes.length);
});

test("an import gives back what it is asked for, and says what it doesn't find", () => {
  const inner = new Graph();
  inner.ops.neg(inner.placeholder(DataType.FLOAT, [], "p"), { name: "q" });
  const definition = inner.exportGraphDef();
  const graph = new Graph();
  const [q, output] = graph.importGraphDef(definition, { name: "", returnElements: ["q", "q:0"] });
  assert.is(q!.name, "q");
  assert.is(output!.name, "q:0");
  const one = graph.constant(1.5);
  assert.throws(
    () => graph.importGraphDef(definition, { inputMap: { z: one } }),
    (error: Error) => error.message === "Attempted to map inputs that were not found in graph_def: [z:0]",
  );
  assert.throws(
    () => graph.importGraphDef(definition, { returnElements: ["z"] }),
    (error: Error) => error.message === "Requested return node 'z' not found in graph def",
  );
});

test("inputs that don't fit are refused in Python's words", () => {
  const { ops } = new Graph();
  const refused = (build: () => unknown, text: string) =>
    assert.throws(build, (error: Error) => error instanceof InvalidArgumentError && error.message === text);
  const int = ops.cast(1, { dstT: DataType.INT32 });
  const float = ops.cast(1, { dstT: DataType.FLOAT });
  refused(
    () => ops.addV2(int, float),
    "Input 'y' of 'AddV2' Op has type float32 that does not match type int32 of argument 'x'.",
  );
  refused(
    () => ops.pack([int, float]),
    "Tensors in list passed to 'values' of 'Pack' Op have types [int32, float32] that don't all match.",
  );
  refused(
    () => ops.assert(int, []),
    "Input 'condition' of 'Assert' Op has type int32 that does not match expected type of bool.",
  );
  assert.throws(() => ops.add(int, int, { wrong: 1 } as never), /unexpected option 'wrong'/);
});

test("plain values become constants of the dtype that the op, its inputs or TensorFlow's guess say", async () => {
  const session = new Session();
  const { ops } = session.graph;
  const dtypes = [
    [ops.identity(1), DataType.INT32],
    [ops.identity([1, 2.5]), DataType.FLOAT],
    [ops.identity(2 ** 40), DataType.INT64],
    [ops.identity(7n), DataType.INT64],
    [ops.identity(true), DataType.BOOL],
    [ops.identity([["a"], ["b"]]), DataType.STRING],
    [ops.identity(new Float64Array([1])), DataType.DOUBLE],
    [ops.addV2(1, new Float64Array([2])), DataType.INT32],
  ] as const;
  for (const [output, dtype] of dtypes.slice(0, -1)) assert.is(output.dtype, dtype);
  // An empty list has the dtype that the op would like.
  assert.equal(ops.reshape([1.5], []).shape, []);
  const double = ops.cast(0.5, { dstT: DataType.DOUBLE });
  assert.is(ops.addV2(1, double).dtype, DataType.DOUBLE);
  const packed = ops.reshape([1, 2, 3, 4], [ops.size([1, 2]), 2]);
  const { shape, data } = await session.run(packed);
  assert.equal(
    [shape, [...data]],
    [
      [2, 2],
      [1, 2, 3, 4],
    ],
  );
  await session.close();
});

test("shapes are known before a step runs; what can't fit is refused in TensorFlow's words", () => {
  const graph = new Graph();
  const { ops } = graph;
  const x = graph.placeholder(DataType.FLOAT, [-1, 3], "x");
  assert.equal(ops.matMul(x, ops.transpose(x, [1, 0])).shape, [-1, -1]);
  assert.equal(ops.reshape(x, [2, -1, 3]).shape, [2, -1, 3]);
  assert.is(graph.placeholder(DataType.FLOAT).shape, null);
  const names = () => graph.operations.map(({ name }) => name);
  const count = names().length;
  assert.throws(
    () => ops.matMul(x, [[1.5, 2]], { name: "mm" }),
    (error: Error) =>
      error instanceof InvalidArgumentError &&
      error.message ===
        "Dimensions must be equal, but are 3 and 1 for '{{node mm}} = MatMul[T=DT_FLOAT, grad_a=false, grad_b=false, " +
          "transpose_a=false, transpose_b=false](x, mm/b)' with input shapes: [?,3], [1,2].",
  );
  // The constant was made before it was refused.
  assert.equal(names().slice(count), ["mm/b"]);
  const imported = new Graph();
  imported.importGraphDef(graph.exportGraphDef(), { name: "" });
  assert.equal(imported.findTensor("Reshape").shape, [2, -1, 3]);
});

test("an op has one result, a list, or results by name", () => {
  const { ops } = new Graph();
  assert.is(ops.noOp().type, "NoOp");
  assert.is(ops.unpack([1, 2, 3], { num: 3 }).length, 3);
  const { values, indices } = ops.topKV2([1.5, 2], 1);
  assert.equal([values.name, indices.name], ["TopKV2:0", "TopKV2:1"]);
  assert.is((ops as unknown as Record<string, unknown>).notAnOp, undefined);
  assert.throws(
    () => new Graph().op("Nope"),
    (error: Error) => error instanceof NotFoundError,
  );
});

test.run();
