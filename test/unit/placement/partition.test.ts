// A graph cut by location: the pieces of a v1 loop across two tasks beside those a real master registered
// (loop-across-tasks.json), and such loops run over two devices of one task.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { stringAttr } from "../../../src/graph/attr.js";
import { exportGraph } from "../../../src/graph/export.js";
import { FunctionLibrary } from "../../../src/graph/function-library.js";
import { Graph } from "../../../src/graph/graph.js";
import { importGraph } from "../../../src/graph/import.js";
import { createOpRegistry } from "../../../src/ops/registry.js";
import { cutSignature } from "../../../src/optimize/signature.js";
import { taskOf } from "../../../src/placement/device-name.js";
import { partition } from "../../../src/placement/partition.js";
import { place } from "../../../src/placement/place.js";
import { ConfigProto, GraphDef } from "../../../src/wire/core.js";
import { InProcess } from "../../support/in-process.js";
import { suite } from "../../support/suite.js";

const test = suite("placement/partition");

const path = new URL("../../../../test/unit/placement/loop-across-tasks.json", import.meta.url);
const recorded: { client: string; ps: string } = JSON.parse(readFileSync(path, "utf8"));
const decode = (text: string) => GraphDef.decode(Buffer.from(text, "base64"));

const registry = createOpRegistry();
const WORKER = "/job:worker/replica:0/task:0/device:CPU:0";
const PS = "/job:ps/replica:0/task:0/device:CPU:0";

function pieces(graphDef: GraphDef, fetches: string[], only = false): Map<string, Graph> {
  const graph = new Graph(new FunctionLibrary(registry, "host"));
  importGraph(graph, graphDef, registry, { hostname: "host" });
  const devices = (only ? [WORKER] : [WORKER, PS]).map((name) => ({ name, type: "CPU" }));
  place(graph, 0, { devices, allowSoftPlacement: false, hasKernel: () => true });
  const cut = cutSignature(graph, { feeds: [], fetches, targets: [] }, { name: WORKER, incarnation: 7n });
  let serial = 0;
  return partition(cut.graph, (node) => taskOf(node.assignedDevice), {
    nextName: (base) => `${base}_S${serial++}`,
    incarnationOf: () => 7n,
  });
}

/** Serial numbers go by the order of work, which is ours; edges by kind, source and control inputs are compared. */
function shapeOf(graph: GraphDef): string[] {
  const plain = (name: string) => name.replace(/_S\d+(:1)?$/, "$1");
  const op = (name: string) => name.replace("_Host", "_");
  return graph.node
    .map((node) => `${plain(node.name)} ${op(node.op)}(${node.input.map(plain).sort().join(", ")})`)
    .sort();
}

test("a loop across tasks is cut as a real master cuts it", () => {
  const graphDef = decode(recorded.client);
  // The real master's optimizer had taken this identity out.
  const multiply = graphDef.node.find(({ name }) => name === "w/psmul")!;
  multiply.input = multiply.input.map((input) => (input === "w/Identity_1" ? "w/Switch_1:1" : input));
  const cut = pieces(graphDef, ["w/Exit:0", "w/Exit_1:0"]);
  assert.equal([...cut.keys()].sort(), [taskOf(PS), taskOf(WORKER)]);
  assert.equal(shapeOf(exportGraph(cut.get(taskOf(PS))!)), shapeOf(decode(recorded.ps)));
});

test("sends and receives meet: each key once on each side", () => {
  const cut = pieces(decode(recorded.client), ["w/Exit_1:0"]);
  const keys = (op: string) =>
    [...cut.values()]
      .flatMap((piece) => piece.nodes)
      .filter((node) => node.op.name === op && !node.name.startsWith("_send_"))
      .map(
        (node) =>
          `${stringAttr(node, "send_device")} ${stringAttr(node, "recv_device")} ${stringAttr(node, "tensor_name")}`,
      )
      .sort();
  const sent = keys("_Send");
  assert.ok(sent.length > 0);
  assert.is(new Set(sent).size, sent.length);
  assert.equal(sent, keys("_Recv"));
});

test("a graph of one location is not copied", () => {
  const graphDef = decode(recorded.client);
  for (const node of graphDef.node) node.device = "";
  const cut = pieces(graphDef, ["w/Exit_1:0"], true);
  assert.equal([...cut.keys()], [taskOf(WORKER)]);
});

test("a loop runs over two devices of a task", async () => {
  const graphDef = decode(recorded.client);
  for (const node of graphDef.node) node.device = node.device === "/job:ps/task:0" ? "/cpu:1" : "";
  const onOne = decode(recorded.client);
  for (const node of onOne.node) node.device = "";
  const config = ConfigProto.decode(ConfigProto.encode({ deviceCount: new Map([["CPU", 2]]) }));
  await using task = await InProcess.create(config);
  const step = { feeds: [], fetches: ["w/Exit:0", "w/Exit_1:0"], targets: [], expect: { tensors: [] } };
  const across = await task.runSteps(GraphDef.encode(graphDef), [step, step]);
  const alone = await task.runSteps(GraphDef.encode(onOne), [step, step]);
  assert.ok("answers" in alone && "tensors" in alone.answers[0]!);
  assert.equal(across, alone);
});

test("a loop whose turns end on the other device than they begin on runs", async () => {
  const graphDef = decode(recorded.client);
  for (const node of graphDef.node) node.device = node.op === "NextIteration" ? "" : "/cpu:1";
  const config = ConfigProto.decode(ConfigProto.encode({ deviceCount: new Map([["CPU", 2]]) }));
  await using task = await InProcess.create(config);
  const step = { feeds: [], fetches: ["w/Exit:0", "w/Exit_1:0"], targets: [], expect: { tensors: [] } };
  const run = await task.runSteps(GraphDef.encode(graphDef), [step]);
  assert.ok("answers" in run && "tensors" in run.answers[0]!);
});

test.run();
