// What goes unrun: work that others only wait for. TensorFlow's Grappler leaves out the same (its dependency optimizer).
import * as assert from "uvu/assert";
import { stringValue, typeValue } from "../../../src/graph/attr-value.js";
import { type SignatureGraph, sweep } from "../../../src/optimize/signature.js";
import { skipUnused } from "../../../src/optimize/unused.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { cut, FLOAT, floatOp, floats, INT32, ints, lines, nodeDef } from "../../support/graphs.js";
import { suite } from "../../support/suite.js";

const test = suite("optimize/unused");

function left({ graph, roots }: SignatureGraph): string[] {
  const changed = skipUnused(graph, roots);
  const kept = lines(sweep(graph, roots));
  assert.is(
    changed,
    kept.some((line) => line.includes(":NoOp(^")),
  );
  return kept;
}

const x = nodeDef("x", "Placeholder", [], { dtype: FLOAT });

test("what is only waited for waits in its turn for what it would have taken, and so on up", () => {
  const nodes = [
    x,
    floatOp("a", "Neg", "x"),
    floatOp("b", "Mul", "a", "a", "^once"),
    floatOp("once", "Exp", "x"),
    floatOp("y", "Exp", "x", "^b"),
  ];
  assert.equal(left(cut(nodes, ["y:0"])), [
    "x:Placeholder()",
    "a:NoOp(^x)",
    "b:NoOp(^once, ^a)",
    "once:NoOp(^x)",
    "y:Exp(x, ^b)",
  ]);
});

test("fetches and targets run, and what they take", () => {
  const nodes = [x, floatOp("a", "Neg", "x"), floatOp("b", "Neg", "x"), floatOp("y", "Exp", "a", "^b")];
  assert.equal(left(cut(nodes, ["y:0"], ["b"])).length, 4);
  assert.not.ok(left(cut(nodes, ["y:0"], ["b"])).some((line) => line.includes("NoOp")));
});

test("checks, state and placeholders run for more than their results", () => {
  const nodes = [
    x,
    ints("n", [1]),
    nodeDef("check", "CheckNumerics", ["x"], { T: FLOAT, message: stringValue("here") }),
    nodeDef("draw", "RandomUniform", ["n"], { T: INT32, dtype: FLOAT }),
    floatOp("y", "Neg", "x", "^check", "^draw"),
  ];
  assert.not.ok(left(cut(nodes, ["y:0"])).some((line) => line.includes("NoOp")));
  const unfed = [x, floats("one", 1, [], ["^x"])];
  assert.equal(left(cut(unfed, ["one:0"])), ["x:Placeholder()", "one:Const(^x)"]);
});

test("which branch was taken still tells who waits for it", () => {
  const nodes = [
    x,
    nodeDef("p", "Placeholder", [], { dtype: typeValue(DataType.BOOL) }),
    floatOp("switch", "Switch", "x", "p"),
    floatOp("a", "Neg", "switch:1"),
    floatOp("b", "Neg", "a"),
    floats("y", 1, [], ["^b"]),
  ];
  assert.equal(left(cut(nodes, ["y:0"])).slice(3), ["a:Neg(switch:1)", "b:NoOp(^a)", "y:Const(^b)"]);
});

test.run();
