// Places in groups and rings, lengths of pieces, keys of graphs: figures as TensorFlow's tasks were seen to have them.
import * as assert from "uvu/assert";
import { graphKeyOf } from "../../../src/collective/graph-key.js";
import { chunkElements, groupOf, offsetsFor, ringsOf } from "../../../src/collective/ranks.js";
import { FunctionLibrary } from "../../../src/graph/function-library.js";
import { Graph as Nodes } from "../../../src/graph/graph.js";
import { importGraph } from "../../../src/graph/import.js";
import { DataType, Graph } from "../../../src/index.js";
import type { CollectiveRequest } from "../../../src/kernel/collective.js";
import { createOpRegistry } from "../../../src/ops/registry.js";
import { test } from "../../support/suite.js";

const device = (name: string) => ({
  name: `/job:worker/replica:0/task:${name}`,
  deviceType: "CPU",
  memoryLimit: 0n,
  incarnation: 1n,
  physicalDeviceDesc: "",
});

const group = (...names: string[]) => groupOf(1, "CPU", names.map(device));

test("tasks come in the order of their names as text, devices by number", () => {
  const { members, devicesPerTask } = group(
    "2/device:CPU:10",
    "10/device:CPU:0",
    "2/device:CPU:9",
    "1/device:CPU:0",
    "2/device:CPU:0",
  );
  assert.equal(
    members.map(({ device: { name } }) => name.replace("/job:worker/replica:0/task:", "")),
    ["1/device:CPU:0", "10/device:CPU:0", "2/device:CPU:0", "2/device:CPU:9", "2/device:CPU:10"],
  );
  assert.equal(devicesPerTask, [1, 1, 3]);
});

test("an offset turns the devices of every task, a negative one runs backwards", () => {
  const rings = ringsOf(
    group("0/device:CPU:0", "0/device:CPU:1", "0/device:CPU:2", "1/device:CPU:0", "1/device:CPU:1"),
    [0, 1, -1],
  );
  assert.equal(rings, [
    [0, 1, 2, 3, 4],
    [1, 2, 0, 4, 3],
    [1, 0, 2, 3, 4],
  ]);
});

test("pieces are whole alignments, and one more where they were that already", () => {
  assert.equal(
    [3, 32, 40, 4000].map((elements) => chunkElements(elements, 2, 4)),
    [16, 32, 32, 2016],
  );
});

test("large tensors get as many rings as keep pieces below four megabytes", () => {
  const pair = group("0/device:CPU:0", "0/device:CPU:1", "1/device:CPU:0", "1/device:CPU:1");
  const offsets = (elements: number, maxSubdivs: number) =>
    offsetsFor({ dtype: DataType.FLOAT, shape: [elements], maxSubdivs } as unknown as CollectiveRequest, pair);
  assert.equal(offsets(2 ** 26, -1), [0]);
  assert.equal(offsets(1000, 0), [0]);
  assert.equal(offsets(2 ** 23, 0), [0, -1]);
  assert.equal(offsets(2 ** 26, 0), [0, -1, 2, -3]);
  assert.equal(offsets(2 ** 26, 1), [0, -1]);
});

test("the key of a graph comes from the instances that it names", () => {
  const registry = createOpRegistry();
  const keyOf = (build: (graph: Graph) => void) => {
    const graph = new Graph();
    build(graph);
    const nodes = new Nodes(new FunctionLibrary(registry, ""));
    importGraph(nodes, graph.exportGraphDef(), registry, { hostname: "" });
    return graphKeyOf(nodes);
  };
  const sum = (graph: Graph, instanceKey: number) =>
    graph.ops.collectiveReduce([1, 2], {
      groupSize: 2,
      groupKey: 1,
      instanceKey,
      mergeOp: "Add",
      finalOp: "Id",
      subdivOffsets: [0],
    });
  assert.is(
    keyOf((graph) => graph.constant(1)),
    0n,
  );
  assert.is(
    keyOf((graph) => sum(graph, 1)),
    2714584368876951667n,
  );
  assert.is(
    keyOf((graph) => sum(graph, 8)),
    2714584368876958842n,
  );
  assert.is(
    keyOf((graph) => [14, 13].map((key) => sum(graph, key))),
    -4331444885509375887n,
  );
  assert.is(
    keyOf((graph) => graph.ops.collectiveBcastSendV2([1], 2, 1, 6)),
    -8686130450446246798n,
  );
});

test.run();
