// Which device a request leads to, as a real master with workers 0 and 1 and ps 0 and 1 chose (read from its partition
// graphs).
import * as assert from "uvu/assert";
import {
  funcValue,
  intValue,
  shapeValue,
  stringsValue,
  stringValue,
  typesValue,
  typeValue,
} from "../../../src/graph/attr-value.js";
import { FunctionLibrary } from "../../../src/graph/function-library.js";
import { Graph } from "../../../src/graph/graph.js";
import { importGraph } from "../../../src/graph/import.js";
import { createOpRegistry } from "../../../src/ops/registry.js";
import { place } from "../../../src/placement/place.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { type AttrValue, GraphDef, type NodeDef } from "../../../src/wire/core.js";
import { nodeDef } from "../../support/graphs.js";
import { suite } from "../../support/suite.js";

const test = suite("placement/place");
const registry = createOpRegistry();
const FLOAT = typeValue(DataType.FLOAT);
const full = (task: string) => `/job:${task.replace(":", "/replica:0/task:")}/device:CPU:0`;
const devices = ["worker:0", "ps:0", "ps:1", "worker:1"].map((task) => ({ name: full(task), type: "CPU" }));

const node = (
  name: string,
  op: string,
  device: string,
  input: string[] = [],
  attrs: Record<string, AttrValue> = {},
): NodeDef => ({ ...nodeDef(name, op, input, attrs), device });

function placed(nodes: NodeDef[], allowSoftPlacement = false): Graph {
  const graph = new Graph(new FunctionLibrary(registry, "host"));
  importGraph(graph, { ...GraphDef.create(), node: nodes }, registry, { hostname: "host" });
  place(graph, 0, { devices, allowSoftPlacement, hasKernel: () => true });
  return graph;
}

const where = (graph: Graph, name: string): string => graph.find(name)!.assignedDevice;

const hard: Record<string, string> = {
  "": "worker:0",
  "/cpu:0": "worker:0",
  "/CPU:0": "worker:0",
  "/device:cpu:0": "worker:0",
  "/device:CPU:*": "worker:0",
  "/replica:0": "worker:0",
  "/job:worker": "worker:0",
  "/task:1": "ps:1",
  "/job:ps": "ps:0",
  "/job:ps/task:1": "ps:1",
  "/job:worker/task:1/cpu:0": "worker:1",
  "/job:worker/replica:0/task:1/device:CPU:0": "worker:1",
};
const soft: Record<string, string> = {
  "/gpu:0": "worker:0",
  "/device:TPU:3": "worker:0",
  "/device:FOO:0": "worker:0",
  "/cpu:7": "worker:0",
  "/job:ps/task:1/device:GPU:0": "ps:1",
  "/job:ps/device:GPU:0": "ps:0",
  "/task:1/gpu:2": "ps:1",
};

for (const [request, task] of Object.entries(hard)) {
  test(`"${request}" leads to ${task}`, () => {
    assert.is(where(placed([node("a", "NoOp", request)]), "a"), full(task));
  });
}

for (const [request, task] of Object.entries(soft)) {
  test(`with soft placement "${request}" leads to ${task}`, () => {
    assert.is(where(placed([node("a", "NoOp", request)], true), "a"), full(task));
    assert.throws(() => placed([node("a", "NoOp", request)]), /explicitly assigned/);
  });
}

test("what only makes a value goes to its readers when they are together; what looks at a shape goes to its input", () => {
  const graph = placed([
    node("alone", "Placeholder", "", [], { dtype: FLOAT }),
    node("between", "Placeholder", "", [], { dtype: FLOAT }),
    node("pinned", "Placeholder", "/job:ps/task:1", [], { dtype: FLOAT }),
    node("a", "Neg", "/job:ps", ["alone"], { T: FLOAT }),
    node("b", "Neg", "/job:ps", ["between"], { T: FLOAT }),
    node("c", "Neg", "/job:worker/task:1", ["between"], { T: FLOAT }),
    node("d", "Neg", "", ["pinned"], { T: FLOAT }),
    node("shape", "Shape", "", ["a"], { T: FLOAT, out_type: typeValue(DataType.INT32) }),
    node("rank", "Rank", "/job:worker/task:1", ["a"], { T: FLOAT }),
  ]);
  const devices = {
    alone: "ps:0",
    between: "worker:0",
    pinned: "ps:1",
    d: "worker:0",
    shape: "ps:0",
    rank: "worker:1",
  };
  for (const [name, task] of Object.entries(devices)) assert.is(where(graph, name), full(task), name);
});

test("soft placement invents no task", () => {
  assert.throws(() => placed([node("a", "NoOp", "/job:ps/task:5")], true), /explicitly assigned to \/job:ps\/task:5/);
});

const handle = (name: string, device: string) =>
  node(name, "VarHandleOp", device, [], {
    dtype: FLOAT,
    shape: shapeValue([]),
    shared_name: stringValue(name),
  });

test("who takes a handle runs where it was made, whatever it asked for", () => {
  const graph = placed([
    handle("v", "/job:ps/task:0"),
    node("through", "Identity", "", ["v"], { T: typeValue(DataType.RESOURCE) }),
    node("read", "ReadVariableOp", "/job:worker/task:1", ["through"], { dtype: FLOAT }),
  ]);
  assert.is(where(graph, "through"), full("ps:0"));
  assert.is(where(graph, "read"), full("ps:0"));
});

test("so does a call that wasn't inlined", () => {
  const type = [DataType.RESOURCE];
  const f = funcValue({ name: "f", attr: new Map() });
  const attrs = { f, Tin: typesValue(type), Tout: typesValue([]) };
  const graph = placed([
    handle("v", "/job:ps/task:0"),
    node("call", "StatefulPartitionedCall", "/job:worker/task:1", ["v"], attrs),
  ]);
  assert.is(where(graph, "call"), full("ps:0"));
});

test("an update of a reference runs where the variable is", () => {
  const graph = placed([
    node("v", "VariableV2", "/job:ps/task:0", [], { dtype: FLOAT, shape: shapeValue([]) }),
    node("one", "Placeholder", "/job:worker/task:1", [], { dtype: FLOAT }),
    node("assign", "Assign", "/job:worker/task:1", ["v", "one"], { T: FLOAT }),
    node("value", "Identity", "/job:worker/task:1", ["v"], { T: FLOAT }),
  ]);
  assert.is(where(graph, "assign"), full("ps:0"));
  assert.is(where(graph, "value"), full("worker:1"));
});

test("a class brings nodes together, also one that nobody has the name of", () => {
  const to = (name: string) => ({ _class: stringsValue([`loc:@${name}`]) });
  const graph = placed([
    node("v", "NoOp", "/job:ps/task:1"),
    node("a", "NoOp", "", [], to("v")),
    node("b", "NoOp", "", [], to("nobody")),
    node("c", "NoOp", "/job:ps", [], to("nobody")),
  ]);
  assert.is(where(graph, "a"), full("ps:1"));
  assert.is(where(graph, "b"), full("ps:0"));
});

const beside = (name: string) => ({ _class: stringsValue([`loc:@${name}`]) });

test("a node that goes to its handle takes those along that its class brings; two requests contradict each other", () => {
  const read = (device: string) => node("read", "ReadVariableOp", device, ["v"], { dtype: FLOAT });
  const graph = placed([
    handle("v", "/job:ps/task:0"),
    read("/job:worker/task:1"),
    node("other", "NoOp", "", [], beside("read")),
  ]);
  assert.is(where(graph, "read"), full("ps:0"));
  assert.is(where(graph, "other"), full("ps:0"));
  const torn = () => [
    handle("v", "/job:ps/task:0"),
    read("/job:worker/task:1"),
    node("other", "NoOp", "/job:worker/task:1", [], beside("read")),
  ];
  assert.throws(
    () => placed(torn()),
    (error: Error) =>
      error.message ===
      "Cannot colocate nodes {{colocation_node other}} and {{colocation_node read}}: Cannot merge devices with " +
        "incompatible jobs: '/job:ps/task:0' and '/job:worker/task:1'\n\t [[{{node other}}]]",
  );
  // Soft placement leaves it where it asked to be.
  assert.is(where(placed(torn(), true), "other"), full("worker:1"));
});

test("handles of two places can't meet", () => {
  const nodes = [
    handle("a", "/job:ps/task:0"),
    handle("b", "/job:worker/task:1"),
    node("merge", "Merge", "", ["a", "b"], { T: typeValue(DataType.RESOURCE), N: intValue(2) }),
  ];
  assert.throws(
    () => placed(nodes),
    (error: Error) =>
      error.message ===
      "Cannot place the graph because a reference or resource edge connects colocation groups with incompatible resource " +
        "devices: /job:worker/task:1 vs /job:ps/task:0. The edge src node is name='b' (op='VarHandleOp'), and the dst " +
        "node is name='merge' (op='Merge').",
  );
});

test("a turn of a loop ends where the next begins, wherever else it was asked to", () => {
  for (const asked of ["", "/job:worker/task:0", "/job:ps/task:1"]) {
    const graph = placed([
      node("start", "Placeholder", "/job:ps/task:0", [], { dtype: FLOAT }),
      node("enter", "Enter", "/job:ps/task:0", ["start"], { T: FLOAT, frame_name: stringValue("f") }),
      node("merge", "Merge", "/job:ps/task:0", ["enter", "next"], { T: FLOAT, N: intValue(2) }),
      node("body", "Neg", asked, ["merge"], { T: FLOAT }),
      node("next", "NextIteration", asked, ["body"], { T: FLOAT }),
    ]);
    assert.is(where(graph, "next"), full("ps:0"));
    assert.is(where(graph, "body"), full(asked === "/job:ps/task:1" ? "ps:1" : "worker:0"));
  }
});

test.run();
