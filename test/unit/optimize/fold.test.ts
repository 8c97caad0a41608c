// What folding makes of constants, and what it leaves alone.
import * as assert from "uvu/assert";
import { boolValue, intValue, stringValue, tensorValue, typesValue, typeValue } from "../../../src/graph/attr-value.js";
import type { Graph } from "../../../src/graph/graph.js";
import { foldConstants } from "../../../src/optimize/fold.js";
import { type SignatureGraph, sweep } from "../../../src/optimize/signature.js";
import { Engine } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { type NodeDef, TensorProto } from "../../../src/wire/core.js";
import { cut, FLOAT, floatOp, floats, INT32, ints, lines, nodeDef } from "../../support/graphs.js";
import { suite } from "../../support/suite.js";

const test = suite("optimize/fold");
const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {} });
const device = engine.devices[0]!;
const LIMIT = 10 * 2 ** 20;

async function folded({ graph, roots }: SignatureGraph, maxBytes = LIMIT): Promise<Graph> {
  const before = device.allocator.bytesInUse;
  await foldConstants(graph, roots, { device, maxBytes, pause: () => null });
  assert.is(device.allocator.bytesInUse, before, "folding keeps no memory");
  return sweep(graph, roots);
}

const content = (graph: Graph, name: string): number[] => [
  ...new Uint32Array(graph.find(name)!.attrs.get("value")!.tensor!.tensorContent!.slice().buffer),
];
const bitsOf = (...values: number[]): number[] => [...new Uint32Array(Float32Array.from(values).buffer)];

const x = nodeDef("x", "Placeholder", [], { dtype: FLOAT });

test("a chain of constants becomes one, under the name of its end", async () => {
  const graph = await folded(
    cut([floats("a", [1, 2]), floats("b", 3), floatOp("c", "Mul", "a", "b"), floatOp("d", "Neg", "c")], ["d:0"]),
  );
  assert.equal(lines(graph), ["d:Const()"]);
  assert.equal(content(graph, "d"), bitsOf(-3, -6));
});

test("what is fed stays, and what hangs on it", async () => {
  const nodes = [floats("a", 1), floats("b", 2), floatOp("sum", "AddV2", "a", "b"), x, floatOp("y", "Mul", "x", "sum")];
  assert.equal(lines(await folded(cut(nodes, ["y:0"]))), ["sum:Const()", "x:Placeholder()", "y:Mul(x, sum)"]);
  const fed = await folded(cut(nodes, ["y:0"], [], ["a:0", "x:0"]));
  assert.equal(lines(fed), ["b:Const()", "sum:AddV2(_recv_a_0, b)", "y:Mul(_recv_x_0, sum)"]);
});

test("NaN payloads and the sign of zero survive bit for bit", async () => {
  const bits = Uint32Array.of(0x7fc12345, 0xffc00001, 0x80000000, 1);
  const a = floats("a", [0, 0, 0, 0]);
  a.attr.get("value")!.tensor!.floatVal = null;
  a.attr.get("value")!.tensor!.tensorContent = new Uint8Array(bits.buffer);
  const graph = await folded(
    cut([a, floatOp("same", "Identity", "a"), floatOp("neg", "Neg", "a")], ["same:0", "neg:0"]),
  );
  assert.equal(content(graph, "same"), [...bits]);
  assert.equal(
    content(graph, "neg"),
    [...bits].map((word) => (word ^ 0x80000000) >>> 0),
  );
});

test("strings fold, of any bytes", async () => {
  const value = { ...TensorProto.create(), dtype: DataType.STRING, stringVal: [Uint8Array.of(0xff, 0)] };
  const string = nodeDef("s", "Const", [], { dtype: typeValue(DataType.STRING), value: tensorValue(value) });
  const join = nodeDef("j", "StringJoin", ["s", "s"], { N: intValue(2), separator: stringValue("-") });
  const graph = await folded(cut([string, join], ["j:0"]));
  assert.equal([...graph.find("j")!.attrs.get("value")!.tensor!.tensorContent!], [5, 0xff, 0, 45, 0xff, 0]);
});

test("a node of several results gives a constant for each that is taken", async () => {
  const split = nodeDef("split", "Split", ["axis", "a"], { T: FLOAT, num_split: intValue(2) });
  const nodes = [ints("axis", 0), floats("a", [1, 2]), split, x, floatOp("y", "Mul", "x", "split:1")];
  const graph = await folded(cut(nodes, ["y:0"]));
  assert.equal(lines(graph), ["x:Placeholder()", "y:Mul(x, split/folded_1)", "split/folded_1:Const()"]);
  const target = await folded(cut(nodes, ["split:1"], ["split"]));
  assert.ok(lines(target).includes("split:Split(axis, a)"));
});

test("control edges between constants go, others hold", async () => {
  const noOp = nodeDef("n", "NoOp");
  const nodes = [
    noOp,
    floats("a", 1),
    floats("late", 2, [], ["^n"]),
    floatOp("b", "Neg", "a", "^a"),
    floatOp("c", "Neg", "late"),
    x,
  ];
  const y = floatOp("y", "AddN", "b", "c", "^b", "^n");
  y.attr.set("N", intValue(2));
  const graph = await folded(cut([...nodes, y], ["y:0"]));
  assert.equal(lines(graph), ["n:NoOp()", "late:Const(^n)", "b:Const()", "c:Neg(late)", "y:AddN(b, c, ^n)"]);
});

test("what draws, prints, raises or holds state stays", async () => {
  const shape = ints("shape", [2]);
  const random = nodeDef("random", "RandomUniform", ["shape"], {
    T: INT32,
    dtype: FLOAT,
    seed: intValue(1),
    seed2: intValue(1),
  });
  const check = nodeDef("check", "CheckNumerics", ["a"], { T: FLOAT, message: stringValue("no") });
  const condition = { ...TensorProto.create(), dtype: DataType.BOOL, boolVal: Uint8Array.of(1) };
  const yes = nodeDef("yes", "Const", [], { dtype: typeValue(DataType.BOOL), value: tensorValue(condition) });
  const assertion = nodeDef("assert", "Assert", ["yes", "a"], { T: typesValue([DataType.FLOAT]) });
  const print = nodeDef("print", "Print", ["a", "a"], { T: FLOAT, U: typesValue([DataType.FLOAT]) });
  const graph = await folded(
    cut([shape, random, floats("a", 1), check, yes, assertion, print], ["random:0", "check:0", "print:0"], ["assert"]),
  );
  assert.equal(lines(graph), [
    "shape:Const()",
    "random:RandomUniform(shape)",
    "a:Const()",
    "check:CheckNumerics(a)",
    "yes:Const()",
    "assert:Assert(yes, a)",
    "print:Print(a, a)",
  ]);
});

test("a node that fails stays, and fails when it runs; others fold", async () => {
  const divide = nodeDef("divide", "FloorDiv", ["one", "zero"], { T: INT32 });
  const after = nodeDef("after", "Neg", ["divide"], { T: INT32 });
  const fine = nodeDef("fine", "Neg", ["one"], { T: INT32 });
  const graph = await folded(cut([ints("one", 1), ints("zero", 0), divide, after, fine], ["after:0", "fine:0"]));
  assert.equal(lines(graph), [
    "one:Const()",
    "zero:Const()",
    "divide:FloorDiv(one, zero)",
    "after:Neg(divide)",
    "fine:Const()",
  ]);
});

test("control flow stays", async () => {
  const condition = { ...TensorProto.create(), dtype: DataType.BOOL, boolVal: Uint8Array.of(1) };
  const yes = nodeDef("yes", "Const", [], { dtype: typeValue(DataType.BOOL), value: tensorValue(condition) });
  const frame = {
    T: FLOAT,
    frame_name: stringValue("f"),
    is_constant: boolValue(false),
    parallel_iterations: intValue(1),
  };
  const nodes = [
    yes,
    floats("a", 1),
    nodeDef("s", "Switch", ["a", "yes"], { T: FLOAT }),
    nodeDef("e", "Enter", ["a"], frame),
  ];
  const graph = await folded(
    cut([...nodes, floatOp("out", "Exit", "e"), floatOp("t", "Neg", "s:1")], ["t:0", "out:0"]),
  );
  assert.is(lines(graph).length, 6);
});

test("what is larger than the limit stays: one result, or all of them", async () => {
  const fill = (name: string, shape: string): NodeDef =>
    nodeDef(name, "Fill", [shape, "a"], { T: FLOAT, index_type: INT32 });
  const big = await folded(cut([ints("n", [26]), floats("a", 1), fill("f", "n")], ["f:0"]), 100);
  assert.ok(lines(big).includes("f:Fill(n, a)"));
  const fits = await folded(cut([ints("n", [25]), floats("a", 1), fill("f", "n")], ["f:0"]), 100);
  assert.equal(lines(fits), ["f:Const()"]);
  const absurd = await folded(cut([ints("n", [2 ** 30, 2 ** 30]), floats("a", 1), fill("f", "n")], ["f:0"]));
  assert.ok(lines(absurd).includes("f:Fill(n, a)"));
  const many = Array.from({ length: 100 }, (_, i) => fill(`f${i}`, "n"));
  const all = await folded(
    cut(
      [ints("n", [2 ** 20]), floats("a", 1), ...many],
      many.map(({ name }) => `${name}:0`),
    ),
  );
  const made = all.nodes.filter(({ name, op }) => name.startsWith("f") && op.name === "Const").length;
  assert.is(made, 15, "64 MiB hold no more of 4 MiB each");
});

test("100,000 nodes fold, wide and deep", async () => {
  const deep = [floats("t0", 0.5), ...Array.from({ length: 50_000 }, (_, i) => floatOp(`t${i + 1}`, "Tanh", `t${i}`))];
  const wide = Array.from({ length: 50_000 }, (_, i) => floatOp(`w${i}`, "Neg", "t0"));
  const all = nodeDef(
    "all",
    "NoOp",
    wide.map(({ name }) => `^${name}`),
  );
  const graph = await folded(cut([...deep, ...wide, all], ["t50000:0"], ["all"]));
  assert.equal(lines(graph), ["t50000:Const()", "all:NoOp()"]);
});

test.after(() => engine.close());
test.run();
