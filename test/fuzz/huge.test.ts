// Graphs of a few nodes that make tensors of millions of elements, for the kernels that look at elements in JavaScript:
// they write straight into the heap, or are refused before a list fills JavaScript's own. Nothing of it stays.
import * as assert from "uvu/assert";
import { Graph } from "../../src/client/graph.js";
import type { Output } from "../../src/client/output.js";
import { Session } from "../../src/client/session.js";
import { ResourceExhaustedError } from "../../src/errors/index.js";
import { Engine } from "../../src/server/engine.js";
import { DataType } from "../../src/tensor/dtype.js";
import { suite } from "../support/suite.js";

const test = suite("huge", { deadlineMs: 60_000 });
const { BOOL, FLOAT, INT32, INT64, STRING, UINT8 } = DataType;
/** One more than a list of numbers may have, and than a tensor of JavaScript values. */
const NUMBERS = 2 ** 24 + 1;
const VALUES = 2 ** 22 + 1;

const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {} });

type Build = (graph: Graph, filled: (shape: number[], dtype: DataType) => Output) => Output;

/** Runs the graph for its size alone: what is fetched is copied. */
async function run(build: Build, on: Engine): Promise<number> {
  const graph = new Graph();
  const filled = (shape: number[], dtype: DataType) =>
    graph.op("Fill", [graph.constant(shape, INT32), graph.constant(dtype === STRING ? "a" : 1, dtype)]).output();
  const size = graph.op("Size", [build(graph, filled)]).output();
  const session = new Session(on, { graph });
  try {
    return Number((await session.run(size)).data[0]);
  } finally {
    await session.close();
    await on.master.reset([], []);
    assert.is(on.devices[0]!.allocator.bytesInUse, 0);
  }
}

function runs(name: string, size: number, build: Build): void {
  test(`${name} has ${size} elements`, async () => {
    assert.is(await run(build, engine), size);
  });
}

function refuses(name: string, build: Build, on = engine): void {
  test(`${name} is refused`, async () => {
    const error = await run(build, on).catch((caught: unknown) => caught);
    assert.instance(error, ResourceExhaustedError);
    assert.match((error as Error).message, "OOM when ");
  });
}

const column = (graph: Graph, x: Output): Output => graph.op("Reshape", [x, graph.constant([1, -1], INT32)]).output();

runs("Where", NUMBERS, (graph, filled) => graph.op("Where", [filled([NUMBERS], BOOL)]).output());
runs("LowerBound", NUMBERS, (graph, filled) => {
  const sorted = graph.constant([[0, 1, 2]], FLOAT);
  return graph.op("LowerBound", [sorted, filled([1, NUMBERS], FLOAT)]).output();
});
runs("TopKV2", 3, (graph, filled) => graph.op("TopKV2", [filled([NUMBERS], UINT8), graph.constant(3)]).output(1));
runs("OneHot of bytes", 2 * NUMBERS, (graph, filled) => {
  const [on, off] = [graph.constant(1, UINT8), graph.constant(0, UINT8)];
  return graph.op("OneHot", [filled([NUMBERS], UINT8), graph.constant(2), on, off]).output();
});

refuses("TopKV2 that sorts", (graph, filled) =>
  graph.op("TopKV2", [filled([NUMBERS], UINT8), graph.constant(100)]).output(1),
);
refuses("Unique", (graph, filled) => graph.op("Unique", [filled([NUMBERS], UINT8)]).output());
refuses("AsString", (graph, filled) => graph.op("AsString", [filled([VALUES], FLOAT)]).output());
refuses("Fill of strings", (_, filled) => filled([VALUES], STRING));
refuses("Select of strings", (graph, filled) => {
  const text = graph.constant("a", STRING);
  return graph.op("SelectV2", [filled([VALUES], BOOL), text, text]).output();
});
refuses("Substr that broadcasts", (graph, filled) => {
  const zeros = filled([VALUES], INT32);
  return graph.op("Substr", [graph.constant("a", STRING), zeros, zeros]).output();
});
refuses("a set of pairs", (graph, filled) => {
  const x = filled([VALUES, 1], INT32);
  return graph.op("DenseToDenseSetOperation", [x, x], { set_operation: "union" }).output();
});
refuses("SparseReorder", (graph, filled) => {
  const indices = filled([NUMBERS, 1], INT64);
  return graph.op("SparseReorder", [indices, filled([NUMBERS], UINT8), graph.constant([5], INT64)]).output(1);
});
refuses("TensorListFromTensor", (graph, filled) => {
  const shape = graph.constant([], INT32);
  const list = graph.op("TensorListFromTensor", [filled([NUMBERS], UINT8), shape], { shape_type: INT32 }).output();
  return graph.op("TensorListLength", [list]).output();
});
refuses("QueueEnqueueManyV2", (graph, filled) => {
  const queue = graph.op("FIFOQueueV2", [], { component_types: [UINT8] }).output();
  const put = graph.op("QueueEnqueueManyV2", [queue, [filled([NUMBERS], UINT8)]]);
  return graph.controlDependencies([put], () => column(graph, graph.constant([1], INT32)));
});

test("200,000 strings are split, and a batch of them that a closed queue can't fill goes back", async () => {
  const many = 200_000;
  const split = await run(
    (graph, filled) => graph.op("Split", [graph.constant(0), filled([2 * many], STRING)], { num_split: 2 }).output(1),
    engine,
  );
  assert.is(split, many);
  const graph = new Graph();
  const queue = graph.op("FIFOQueueV2", [], { component_types: [UINT8], shapes: [[]] }).output();
  const values = graph.op("Fill", [graph.constant([many], INT32), graph.constant(1, UINT8)]).output();
  const put = graph.op("QueueEnqueueManyV2", [queue, [values]]);
  const close = graph.op("QueueCloseV2", [queue]);
  const take = graph.op("QueueDequeueManyV2", [queue, graph.constant(many + 1)], { component_types: [UINT8] });
  const size = graph.op("QueueSizeV2", [queue]).output();
  const session = new Session(engine, { graph });
  await session.run(put);
  await session.run(close);
  const refused = await session.run(take).catch((error: unknown) => error);
  assert.match((refused as Error).message, `insufficient elements (requested ${many + 1}, current size ${many})`);
  assert.equal([...(await session.run(size)).data], [many]);
  await session.close();
  assert.is(engine.devices[0]!.allocator.bytesInUse, 0);
});

/** Texts need little to be too much. */
const small = await Engine.open("/job:worker/replica:0/task:0", "worker", null, {
  log: () => {},
  memoryLimit: 2 ** 20,
});

const vector = (graph: Graph, x: Output): Output => graph.op("Reshape", [x, graph.constant([1], INT32)]).output();
/** 2^`power` letters. */
const text = (graph: Graph, power: number): Output => {
  let x = graph.constant("a", STRING);
  for (let i = 0; i < power; i++) x = graph.op("StringJoin", [[x, x]]).output();
  return x;
};

refuses("a text of 2^50 letters", (graph) => text(graph, 50), small);
refuses(
  "a row of texts joined",
  (graph) => {
    const row = graph.op("Fill", [graph.constant([64], INT32), text(graph, 13)]).output();
    return graph.op("ReduceJoin", [row, graph.constant([0], INT32)]).output();
  },
  small,
);
refuses(
  "numbers as wide as a long text",
  (graph, filled) => graph.op("AsString", [filled([64], FLOAT)], { width: 2 ** 15 }).output(),
  small,
);
refuses(
  "a text cut at each letter",
  (graph) => graph.op("StringSplitV2", [vector(graph, text(graph, 13)), graph.constant("a", STRING)]).output(1),
  small,
);
refuses(
  "a text rewritten at each letter",
  (graph) => graph.op("StaticRegexReplace", [text(graph, 14)], { pattern: "a", rewrite: "bb" }).output(),
  small,
);

test.after(async () => {
  await engine.close();
  await small.close();
});

test.run();
