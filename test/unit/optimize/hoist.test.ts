// Constants that leave loops, and those that must stay.
import * as assert from "uvu/assert";
import { boolValue, intValue, stringValue } from "../../../src/graph/attr-value.js";
import { hoistConstants } from "../../../src/optimize/hoist.js";
import { sweep } from "../../../src/optimize/signature.js";
import type { NodeDef } from "../../../src/wire/core.js";
import { cut, FLOAT, floatOp, floats, lines, nodeDef } from "../../support/graphs.js";
import { suite } from "../../support/suite.js";

const test = suite("optimize/hoist");

const enter = (name: string, input: string, frame: string): NodeDef =>
  nodeDef(name, "Enter", [input], {
    T: FLOAT,
    frame_name: stringValue(frame),
    is_constant: boolValue(false),
    parallel_iterations: intValue(10),
  });

const merge = (name: string, ...inputs: string[]): NodeDef =>
  nodeDef(name, "Merge", inputs, { T: FLOAT, N: intValue(inputs.length) });

/** `while (x < 5) x = body(x)` with what the body is made of; the body's input is `in`. */
const loop = (body: NodeDef[], controls = ["^merge"]): NodeDef[] => [
  floats("start", 0),
  enter("enter", "start", "loop"),
  merge("merge", "enter", "next"),
  floats("five", 5, [], controls),
  floatOp("less", "Less", "merge", "five"),
  nodeDef("go", "LoopCond", ["less"]),
  floatOp("switch", "Switch", "merge", "go"),
  floatOp("in", "Identity", "switch:1"),
  ...body,
  floatOp("next", "NextIteration", "out"),
  floatOp("exit", "Exit", "switch"),
];

function hoisted(nodes: NodeDef[], fetches = ["exit:0"], targets: string[] = []): string[] {
  const { graph, roots } = cut(nodes, fetches, targets);
  const changed = hoistConstants(graph, roots);
  const after = lines(sweep(graph, roots));
  assert.is(
    changed,
    after.some((line) => line.includes("/Enter")),
  );
  return after;
}

/** Whether the constant came out, as its consumers see it. */
const isOut = (after: string[], name: string): boolean => after.includes(`${name}:Const()`);

test("constants of the condition and of the body come in from outside", () => {
  const after = hoisted(loop([floats("one", 1, [], ["^in"]), floatOp("out", "AddV2", "in", "one")]));
  for (const line of [
    "five:Const()",
    "five/Enter:Enter(five)",
    "less:Less(merge, five/Enter)",
    "one:Const()",
    "one/Enter:Enter(one)",
    "out:AddV2(in, one/Enter)",
  ]) {
    assert.ok(after.includes(line), `${line} in\n${after.join("\n")}`);
  }
});

test("the way in may be longer: a NoOp that waits for the body, other values of the body", () => {
  const nodes = loop([
    nodeDef("body", "NoOp", ["^in"]),
    floats("one", 1, [], ["^body"]),
    floatOp("twice", "Neg", "in"),
    floatOp("out", "AddV2", "twice", "one"),
  ]);
  assert.ok(isOut(hoisted(nodes), "one"));
});

test("a constant that alone tells whether its consumer runs stays", () => {
  const only = [floats("one", 1, [], ["^in"])];
  assert.not.ok(isOut(hoisted(loop([...only, floatOp("out", "Identity", "one")])), "one"));
  const two = [...only, floats("two", 2, [], ["^in"]), floatOp("out", "AddV2", "one", "two")];
  assert.not.ok(isOut(hoisted(loop(two)), "one"));
  // What the consumer has else is alive in the last turn too.
  const early = [...only, floatOp("all", "AddV2", "merge", "one"), floatOp("out", "Identity", "in", "^all")];
  assert.not.ok(isOut(hoisted(loop(early)), "one"));
});

test("a constant that others wait for, or that waits for work, stays", () => {
  const waited = [floats("one", 1, [], ["^in"]), floatOp("out", "AddV2", "in", "one", "^one")];
  assert.not.ok(isOut(hoisted(loop(waited)), "one"));
  const waits = [floatOp("work", "Neg", "in"), floats("one", 1, [], ["^work"]), floatOp("out", "AddV2", "in", "one")];
  assert.not.ok(isOut(hoisted(loop(waits)), "one"));
});

test("a branch inside the body keeps its constants", () => {
  const nodes = loop([
    floatOp("negative", "Less", "in", "in"),
    floatOp("branch", "Switch", "in", "negative"),
    floatOp("taken", "Identity", "branch:1"),
    floats("one", 1, [], ["^taken"]),
    floatOp("more", "AddV2", "taken", "one"),
    merge("out", "branch", "more"),
  ]);
  const after = hoisted(nodes);
  assert.ok(isOut(after, "five"));
  assert.not.ok(isOut(after, "one"));
});

test("a constant of an inner loop comes in through the outer one", () => {
  const inner = [
    enter("enter2", "in", "inner"),
    merge("merge2", "enter2", "next2"),
    floats("nine", 9, [], ["^merge2"]),
    floatOp("less2", "Less", "merge2", "nine"),
    nodeDef("go2", "LoopCond", ["less2"]),
    floatOp("switch2", "Switch", "merge2", "go2"),
    floatOp("in2", "Identity", "switch2:1"),
    floats("three", 3, [], ["^in2"]),
    floatOp("sum2", "AddV2", "in2", "three"),
    floatOp("next2", "NextIteration", "sum2"),
    floatOp("out", "Exit", "switch2"),
  ];
  const after = hoisted(loop(inner));
  for (const line of [
    "three:Const()",
    "three/Enter:Enter(three)",
    "three/Enter_1:Enter(three/Enter)",
    "sum2:AddV2(in2, three/Enter_1)",
    "less2:Less(merge2, nine/Enter_1)",
  ]) {
    assert.ok(after.includes(line), `${line} in\n${after.join("\n")}`);
  }
});

test("so does one of eight loops in each other, but not of more: each would cost it a node", () => {
  const nested = (depth: number): NodeDef[] => [
    floats("start", 0),
    ...Array.from({ length: depth }, (_, i) => enter(`enter${i}`, i === 0 ? "start" : `in${i - 1}`, `loop${i}`)),
    ...Array.from({ length: depth }, (_, i) => [
      merge(`merge${i}`, `enter${i}`, `next${i}`),
      floats(`five${i}`, 5, [], [`^merge${i}`]),
      floatOp(`less${i}`, "Less", `merge${i}`, `five${i}`),
      nodeDef(`go${i}`, "LoopCond", [`less${i}`]),
      floatOp(`switch${i}`, "Switch", `merge${i}`, `go${i}`),
      floatOp(`in${i}`, "Identity", `switch${i}:1`),
      floatOp(`next${i}`, "NextIteration", i === depth - 1 ? `in${i}` : `exit${i + 1}`),
      floatOp(`exit${i}`, "Exit", `switch${i}`),
    ]).flat(),
  ];
  const after = hoisted(nested(9), ["exit0:0"]);
  assert.ok(isOut(after, "five7"));
  assert.not.ok(isOut(after, "five8"));
});

test("a constant that is asked for stays where it is", () => {
  const nodes = loop([floats("one", 1, [], ["^in"]), floatOp("out", "AddV2", "in", "one")]);
  assert.not.ok(isOut(hoisted(nodes, ["exit:0"], ["one"]), "one"));
});

test("a graph without loops stays as it is", () => {
  const { graph, roots } = cut([floats("x", 1), floats("y", 1, [], ["^x"]), floatOp("z", "AddV2", "x", "y")], ["z:0"]);
  assert.not.ok(hoistConstants(graph, roots));
});

test.run();
