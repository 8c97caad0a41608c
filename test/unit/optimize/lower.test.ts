// What is left of calls once they are lowered, and what a signature then needs of them.
import * as assert from "uvu/assert";
import { boolValue, funcValue, intValue, tensorValue, typesValue, typeValue } from "../../../src/graph/attr-value.js";
import { exportNode } from "../../../src/graph/export.js";
import { FunctionLibrary } from "../../../src/graph/function-library.js";
import { Graph } from "../../../src/graph/graph.js";
import { importGraph } from "../../../src/graph/import.js";
import { createOpRegistry } from "../../../src/ops/registry.js";
import { lowerGraph } from "../../../src/optimize/lower.js";
import { cutSignature } from "../../../src/optimize/signature.js";
import { DataType } from "../../../src/tensor/dtype.js";
import {
  type AttrValue,
  FunctionDef,
  GraphDef,
  NodeDef,
  OpDef,
  OpDef_ArgDef,
  TensorProto,
} from "../../../src/wire/core.js";
import { suite } from "../../support/suite.js";

const test = suite("optimize/lower");
const registry = createOpRegistry();
const CLIENT = { name: "/job:worker/replica:0/task:0/device:CPU:0", incarnation: 1n };
const FLOAT = typeValue(DataType.FLOAT);

const node = (name: string, op: string, input: string[], attrs: Record<string, AttrValue> = {}): NodeDef => ({
  ...NodeDef.create(),
  name,
  op,
  input,
  attr: new Map(Object.entries(attrs)),
});

const arg = (name: string): OpDef_ArgDef => ({ ...OpDef_ArgDef.create(), name, type: DataType.FLOAT });

/** `name(x)` with one result per entry of `results`; control results are nodes of the body. */
function define(name: string, nodes: NodeDef[], results: Record<string, string>, controls: string[] = []): FunctionDef {
  const outputs = Object.keys(results).map(arg);
  return {
    ...FunctionDef.create(),
    signature: { ...OpDef.create(), name, inputArg: [arg("x")], outputArg: outputs, controlOutput: controls },
    nodeDef: nodes,
    ret: new Map(Object.entries(results)),
    controlRet: new Map(controls.map((control) => [control, control])),
  };
}

const call = (name: string, callee: string, input: string[], results: number): NodeDef =>
  node(name, "StatefulPartitionedCall", input, {
    f: funcValue({ name: callee, attr: new Map() }),
    Tin: typesValue([DataType.FLOAT]),
    Tout: typesValue(new Array<number>(results).fill(DataType.FLOAT)),
  });

function lowered(functions: FunctionDef[], nodes: NodeDef[]): Graph {
  const graph = new Graph(new FunctionLibrary(registry, "host"));
  const library = { function: functions, gradient: [], registeredGradients: [] };
  graph.library.add(library);
  const first = importGraph(graph, { ...GraphDef.create(), node: nodes }, registry, { hostname: "host" });
  lowerGraph(graph, first);
  return graph;
}

const needed = (graph: Graph, fetch: string): string[] =>
  cutSignature(graph, { feeds: ["x:0"], fetches: [fetch], targets: [] }, CLIENT)
    .graph.nodes.map(({ name }) => name)
    .filter((name) => !name.startsWith("_"));

const x = node("x", "Placeholder", [], { dtype: FLOAT });
const unary = (name: string, op: string, input: string) => node(name, op, [input], { T: FLOAT });
const both = define("both", [unary("neg", "Neg", "x"), unary("exp", "Exp", "x")], { n: "neg:y:0", e: "exp:y:0" });

test("a consumer needs only the result that it takes", () => {
  const graph = lowered([both], [x, call("c", "both", ["x"], 2), unary("after", "Sqrt", "c:1")]);
  assert.equal(needed(graph, "after:0"), ["after", "c/exp"]);
});

test("a call is fetched under its own name", () => {
  const graph = lowered([both], [x, call("c", "both", ["x"], 2)]);
  assert.is(graph.find("c")!.op.name, "IdentityN");
  assert.equal(needed(graph, "c:0"), ["c", "c/neg", "c/exp"]);
});

test("what a function does beside its results is done whichever result is taken", () => {
  const print = node("print", "NoOp", []);
  const loud = define("loud", [unary("neg", "Neg", "x"), print], { n: "neg:y:0" }, ["print"]);
  const graph = lowered([loud], [x, call("c", "loud", ["x"], 1), unary("after", "Sqrt", "c")]);
  assert.equal(needed(graph, "after:0"), ["after", "c/neg", "c/print", "c/output_0"]);
});

test("a function in a function leaves its name behind", () => {
  const outer = define("outer", [call("inner", "both", ["x"], 2)], { r: "inner:output:1" });
  const graph = lowered([both, outer], [x, call("c", "outer", ["x"], 1), unary("after", "Sqrt", "c")]);
  assert.equal(needed(graph, "after:0"), ["after", "c/inner/exp"]);
});

test("what comes out of a function is named in errors as it is there, by the innermost", () => {
  const outer = define("outer", [call("inner", "both", ["x"], 2)], { r: "inner:output:1" });
  const graph = lowered([both, outer], [x, call("c", "outer", ["x"], 1)]);
  const origin = { originalNodeNames: ["exp"], originalFuncNames: ["both"] };
  assert.equal(graph.find("c/inner/exp")!.debugInfo, origin);
  assert.is(graph.find("x")!.debugInfo, undefined);
  const bytes = NodeDef.encode(exportNode(graph.find("c/inner/exp")!));
  assert.equal(NodeDef.decode(bytes).experimentalDebugInfo, origin, "other tasks hear of it");
});

test("what a function makes of nothing waits for the branch that calls it", () => {
  const one = { dtype: FLOAT, value: tensorValue({ ...TensorProto.create(), dtype: DataType.FLOAT }) };
  const made = define(
    "made",
    [node("one", "Const", [], one), node("sum", "Add", ["x", "one:output:0"], { T: FLOAT })],
    {
      r: "sum:z:0",
    },
  );
  const calls = define("calls", [call("inner", "made", ["x"], 1)], { r: "inner:output:0" });
  const choose = node("choose", "If", ["p", "x"], {
    Tcond: typeValue(DataType.BOOL),
    Tin: typesValue([DataType.FLOAT]),
    Tout: typesValue([DataType.FLOAT]),
    then_branch: funcValue({ name: "calls", attr: new Map() }),
    else_branch: funcValue({ name: "made", attr: new Map() }),
    _lower_using_switch_merge: boolValue(true),
  });
  const p = node("p", "Placeholder", [], { dtype: typeValue(DataType.BOOL) });
  const graph = lowered([made, calls], [x, p, choose, call("free", "made", ["x"], 1)]);
  const waits = (name: string) => graph.find(name)!.controlInputs.map((control) => control.op.name);
  assert.equal(waits("choose/then/inner/one"), waits("choose/else/one"));
  assert.is(waits("choose/else/one").length, 1);
  assert.equal(waits("free/one"), []);
});

test("a function that must not be inlined stays a call, unless it asks for devices", () => {
  const whole = (device: string) => {
    const definition = define("whole", [{ ...unary("neg", "Neg", "x"), device }], { n: "neg:y:0" });
    return { ...definition, attr: new Map([["_noinline", boolValue(true)]]) };
  };
  const nodes = [x, call("c", "whole", ["x"], 1)];
  assert.is(lowered([whole("")], nodes).find("c")!.op.name, "StatefulPartitionedCall");
  const placed = [x, call("c", "whole", ["x"], 1)];
  assert.is(lowered([whole("/device:CPU:1")], placed).find("c")!.op.name, "IdentityN");
});

test("a function that calls itself stays a call inside", () => {
  const again = define("again", [call("deeper", "again", ["x"], 1)], { r: "deeper:output:0" });
  const graph = lowered([again], [x, call("c", "again", ["x"], 1)]);
  assert.is(graph.find("c/deeper")!.op.name, "StatefulPartitionedCall");
});

test("200 nodes of 100,000 are cut out in time that the rest doesn't add to", () => {
  const chain = (length: number, prefix: string) =>
    Array.from({ length }, (_, i) => unary(`${prefix}${i}`, "Neg", i === 0 ? "x" : `${prefix}${i - 1}`));
  const time = (graph: Graph) => {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      assert.is(needed(graph, "a199:0").length, 200);
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  const small = time(lowered([], [x, ...chain(200, "a")]));
  const large = time(lowered([], [x, ...chain(200, "a"), ...chain(100_000, "b")]));
  assert.ok(large < small * 10 + 5, `${small} ms alone, ${large} ms among 100,000`);
});

test("a loop becomes a frame with the parallel iterations that it asked for", () => {
  const T = typesValue([DataType.FLOAT]);
  const cond: FunctionDef = {
    ...define("cond", [node("less", "Less", ["x", "x"], { T: FLOAT })], {}),
    ret: new Map([["go", "less:z:0"]]),
  };
  cond.signature!.outputArg.push({ ...OpDef_ArgDef.create(), name: "go", type: DataType.BOOL });
  const body = define("body", [unary("neg", "Neg", "x")], { r: "neg:y:0" });
  const loop = node("w", "While", ["x"], {
    T,
    cond: funcValue({ name: "cond", attr: new Map() }),
    body: funcValue({ name: "body", attr: new Map() }),
    parallel_iterations: intValue(3),
  });
  const graph = lowered([cond, body], [x, loop]);
  const ops = graph.nodes.map((made) => made.op.name);
  for (const op of ["Enter", "Merge", "LoopCond", "Switch", "NextIteration", "Exit"]) assert.ok(ops.includes(op), op);
  assert.is(graph.find("w/enter_0")!.attrs.get("parallel_iterations")!.i, 3n);
});

test.run();
