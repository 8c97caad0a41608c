// Which nodes are equal, and which of them stays.
import * as assert from "uvu/assert";
import { intValue, stringValue, typeValue } from "../../../src/graph/attr-value.js";
import { mergeEqualNodes } from "../../../src/optimize/merge.js";
import { type SignatureGraph, sweep } from "../../../src/optimize/signature.js";
import { DataType } from "../../../src/tensor/dtype.js";
import type { NodeDef } from "../../../src/wire/core.js";
import { cut, FLOAT, floatOp, floats, INT32, ints, lines, nodeDef } from "../../support/graphs.js";
import { suite } from "../../support/suite.js";

const test = suite("optimize/merge");

function merged({ graph, roots }: SignatureGraph): string[] {
  mergeEqualNodes(graph, roots);
  return lines(sweep(graph, roots));
}

const x = nodeDef("x", "Placeholder", [], { dtype: FLOAT });
const addN = (name: string, ...inputs: string[]): NodeDef => {
  const count = inputs.filter((input) => !input.startsWith("^")).length;
  return nodeDef(name, "AddN", inputs, { T: FLOAT, N: intValue(count) });
};

test("equal nodes become the first of them, and so do those that follow from them", () => {
  const nodes = [
    x,
    ...["a", "b"].flatMap((n) => [floatOp(n, "Neg", "x"), floatOp(`${n}2`, "Exp", n)]),
    addN("y", "a2", "b2"),
  ];
  assert.equal(merged(cut(nodes, ["y:0"])), ["x:Placeholder()", "a:Neg(x)", "a2:Exp(a)", "y:AddN(a2, a2)"]);
});

test("the first is the first that can run, whatever the order of the graph", () => {
  const nodes = [
    addN("y", "late", "early"),
    floatOp("late", "Neg", "c2"),
    floatOp("early", "Neg", "c1"),
    floats("c1", 1),
    floats("c2", 1),
  ];
  assert.equal(merged(cut(nodes, ["y:0"])), ["y:AddN(early, early)", "early:Neg(c1)", "c1:Const()"]);
});

test("attributes, inputs, their order, control inputs and devices tell nodes apart", () => {
  const nodes = [
    x,
    floats("zero", 0),
    floats("minus", -0),
    floatOp("a", "Sub", "x", "zero"),
    floatOp("b", "Sub", "x", "minus"),
    floatOp("c", "Sub", "zero", "x"),
    floatOp("d", "Sub", "x", "zero", "^b"),
    nodeDef("e", "Cast", ["x"], { SrcT: FLOAT, DstT: INT32 }),
    nodeDef("f", "Cast", ["x"], { SrcT: FLOAT, DstT: typeValue(DataType.INT64) }),
  ];
  const fetches = ["a:0", "b:0", "c:0", "d:0", "e:0", "f:0"];
  assert.is(merged(cut(nodes, fetches)).length, nodes.length);
  const moved = cut([x, floatOp("a", "Neg", "x"), floatOp("b", "Neg", "x")], ["a:0", "b:0"]);
  moved.graph.find("b")!.assignedDevice += "1";
  assert.is(merged(moved).length, 3);
});

test("fetches of equal nodes get the same value under their own names", () => {
  const { graph, roots } = cut([x, floatOp("a", "Neg", "x"), floatOp("b", "Neg", "x")], ["a:0", "b:0"]);
  mergeEqualNodes(graph, roots);
  const sends = sweep(graph, roots).nodes.filter(({ op }) => op.name === "_Send");
  assert.equal(
    sends.map(({ inputs }) => inputs[0]!.node.name),
    ["a", "a"],
  );
  assert.equal(
    sends.map(({ name }) => name),
    ["_send_a_0", "_send_b_0"],
  );
});

test("a target stays itself; who waits for one of two waits for the other once", () => {
  const nodes = [x, floatOp("a", "Neg", "x"), floatOp("b", "Neg", "x"), floatOp("c", "Neg", "x")];
  assert.equal(merged(cut([...nodes, addN("y", "c", "^a", "^b")], ["y:0"], ["b"])), [
    "x:Placeholder()",
    "a:Neg(x)",
    "b:Neg(x)",
    "y:AddN(a, ^a, ^b)",
  ]);
});

test("placeholders, state, what draws and what reads a variable stay apart", () => {
  const variable = (name: string) =>
    nodeDef(name, "VariableV2", [], {
      dtype: FLOAT,
      shape: { ...intValue(0), i: undefined, shape: { dim: [], unknownRank: false } },
    });
  const draw = (name: string) => nodeDef(name, "RandomUniform", ["n"], { T: INT32, dtype: FLOAT });
  const print = (name: string) => nodeDef(name, "PrintV2", ["s"], { output_stream: stringValue("stderr") });
  const nodes = [
    x,
    nodeDef("x2", "Placeholder", [], { dtype: FLOAT }),
    ints("n", [1]),
    draw("r1"),
    draw("r2"),
    variable("v"),
    floatOp("read1", "Identity", "v"),
    floatOp("read2", "Identity", "v"),
    nodeDef("s", "AsString", ["x"], { T: FLOAT }),
    print("p1"),
    print("p2"),
  ];
  const kept = merged(cut(nodes, ["x:0", "x2:0", "r1:0", "r2:0", "read1:0", "read2:0"], ["p1", "p2"]));
  assert.is(kept.length, nodes.length);
});

test("long constants are left alone", () => {
  const long = (name: string) =>
    floats(
      name,
      Array.from({ length: 2000 }, (_, i) => i),
    );
  const kept = merged(cut([long("a"), long("b"), addN("y", "a", "b")], ["y:0"]));
  assert.equal(kept, ["a:Const()", "b:Const()", "y:AddN(a, b)"]);
});

test("100,000 equal nodes and 100,000 different ones, in little time", () => {
  const many = (value: (i: number) => number) => [
    ...Array.from({ length: 100_000 }, (_, i) => floats(`c${i}`, value(i))),
    nodeDef(
      "all",
      "NoOp",
      Array.from({ length: 100_000 }, (_, i) => `^c${i}`),
    ),
  ];
  assert.equal(
    merged(
      cut(
        many(() => 1),
        [],
        ["all"],
      ),
    ),
    ["c0:Const()", "all:NoOp(^c0)"],
  );
  assert.is(
    merged(
      cut(
        many((i) => i),
        [],
        ["all"],
      ),
    ).length,
    100_001,
  );
});

test.run();
