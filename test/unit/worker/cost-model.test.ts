// Steps that tell what nodes cost: which they are, and the largest values so far, over the devices of a task.
import * as assert from "uvu/assert";
import { ConfigProto, DataType, Graph, type Output, type RunMetadata, Session } from "../../../src/index.js";
import { Engine } from "../../../src/server/engine.js";
import { test } from "../../support/suite.js";

const config = (buildCostModel: bigint, buildCostModelAfter = 0n): ConfigProto =>
  ConfigProto.decode(
    ConfigProto.encode({
      deviceCount: new Map([["CPU", 2]]),
      graphOptions: { buildCostModel, buildCostModelAfter, rewriteOptions: { disableMetaOptimizer: true } },
    }),
  );

/** A product on one device, handed on to the other. */
async function withSession(
  options: ConfigProto,
  use: (run: (rows: number) => Promise<RunMetadata>) => Promise<void>,
): Promise<void> {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", options, { log: () => {} });
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [-1, 2], "x");
  const y = graph.device("/cpu:0", () => graph.ops.matMul(x, [[1], [2]], { name: "y" }));
  const flat = graph.device("/cpu:1", () =>
    graph.ops.reshape(graph.ops.neg(y, { name: "negative" }), [-1], { name: "flat" }),
  );
  const session = new Session({ localMaster: () => engine.localMaster() }, { graph, config: options });
  try {
    await use(async (rows) => {
      let metadata: RunMetadata | undefined;
      const onMetadata = (given: RunMetadata) => {
        metadata = given;
      };
      await session.run(flat, [[x, Array.from({ length: rows }, () => [1, 2])]], { onMetadata });
      return metadata!;
    });
  } finally {
    await session.close();
    await engine.close();
  }
}

const toldBy = async (options: ConfigProto): Promise<string> => {
  const told: boolean[] = [];
  await withSession(options, async (run) => {
    for (let step = 0; step < 7; step++) told.push((await run(1)).costGraph !== undefined);
  });
  return told.map(Number).join("");
};

test("every n-th step tells, counted from the first n after those that are left out", async () => {
  assert.is(await toldBy(config(0n)), "0000000");
  assert.is(await toldBy(config(1n)), "1111111");
  assert.is(await toldBy(config(2n)), "0101010");
  assert.is(await toldBy(config(2n, 1n)), "1010101");
  assert.is(await toldBy(config(3n, 5n)), "0100100");
});

test("nodes are told with their edges, the largest of their values so far, and what shares its input's bytes", async () => {
  await withSession(config(1n), async (run) => {
    await run(3);
    await run(5);
    const { node } = (await run(4)).costGraph!;
    assert.equal(
      node.map(({ id }) => id),
      node.map((_, id) => id),
    );
    const edges = new Map(
      node.map(({ name, device, inputInfo, controlInput }) => [
        `${name.replace(/_[SL]\d+$/, "_N")} ${device.slice(-5)}`.trim(),
        [...inputInfo.map((info) => node[info.precedingNode]!.name), ...controlInput.map((id) => `^${node[id]!.name}`)],
      ]),
    );
    assert.equal(edges.get("y CPU:0"), ["_recv_x_0", "y/b"]);
    assert.equal(edges.get("y/b CPU:0"), ["^_SOURCE"]);
    assert.equal(edges.get("flat CPU:1")!.slice(0, 1), ["negative"]);
    assert.is(node.filter(({ name }) => name === "_SOURCE").length, 2);
    const outputs = new Map(node.map(({ name, outputInfo: [output] }) => [name, output]));
    const described = ["y", "negative", "flat"].map((name) => {
      const { size, aliasInputPort, dtype, shape } = outputs.get(name)!;
      return [Number(size), Number(aliasInputPort), dtype, shape!.dim.map((dim) => Number(dim.size))];
    });
    assert.equal(described, [
      [20, -1, DataType.FLOAT, [5, 1]],
      [20, -1, DataType.FLOAT, [5, 1]],
      [20, 0, DataType.FLOAT, [5]],
    ]);
    assert.equal(outputs.get("_recv_x_0"), {
      size: -1n,
      aliasInputPort: -1n,
      shape: { dim: [], unknownRank: true },
      dtype: 0,
    });
    const { persistentMemorySize, computeCost, isFinal } = node.find(({ name }) => name === "y/b")!;
    assert.equal([persistentMemorySize, computeCost > 0n, isFinal], [8n, true, false]);
    assert.ok(node.filter(({ isFinal }) => isFinal).length >= 2);
  });
});

/** The labels of a traced step's nodes and the bytes of their outputs, but for what feeds and fetches them. */
async function traced(graph: Graph, targets: Output[]): Promise<Map<string, bigint[]>> {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", config(0n), { log: () => {} });
  const session = new Session({ localMaster: () => engine.localMaster() }, { graph });
  let metadata: RunMetadata | undefined;
  const onMetadata = (given: RunMetadata) => {
    metadata = given;
  };
  try {
    await session.run(targets, [], { options: { traceLevel: 3 }, onMetadata });
  } finally {
    await session.close();
    await engine.close();
  }
  return new Map(
    metadata!.stepStats!.devStats.flatMap(({ nodeStats }) =>
      nodeStats.map(({ timelineLabel, output }) => [
        timelineLabel,
        output.map(({ tensorDescription }) => tensorDescription!.allocationDescription!.requestedBytes),
      ]),
    ),
  );
}

test("a trace tells what nodes wait for, but for constants, and how large handles are", async () => {
  const graph = new Graph();
  const { ops } = graph;
  const draw = ops.randomUniform([2], { dtype: DataType.FLOAT, seed: 1, name: "draw" });
  const late = graph.controlDependencies([draw], () => graph.constant(1, DataType.FLOAT, "late"));
  const handle = ops.varHandleOp({ dtype: DataType.FLOAT, shape: [2], name: "handle" });
  const read = graph.controlDependencies([ops.assignVariableOp(handle, draw, { name: "write" })], () =>
    ops.readVariableOp(handle, { dtype: DataType.FLOAT, name: "read" }),
  );
  const list = ops.emptyTensorList([5], 3, { elementDtype: DataType.FLOAT, name: "list" });
  const texts = ops.asString(draw, { name: "texts" });
  const bytes = await traced(graph, [read, late, ops.tensorListLength(list), ops.size(texts)]);
  assert.equal(bytes.get("late = Const()"), [4n]);
  assert.equal(bytes.get("handle = VarHandleOp()"), [200n]);
  assert.equal(bytes.get("read = ReadVariableOp(handle, ^write)"), [8n]);
  assert.equal(bytes.get("list = EmptyTensorList(list/element_shape, list/max_num_elements)"), [64n]);
  assert.equal(bytes.get("texts = AsString(draw)"), [48n]);
});

test("what shares whose bytes is found in one look at a node of thousands of inputs and outputs", async () => {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", config(1n), { log: () => {} });
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [2], "x");
  const many = graph.ops.identityN(new Array(20_000).fill(x), { name: "many" });
  const session = new Session({ localMaster: () => engine.localMaster() }, { graph, config: config(1n) });
  let metadata: RunMetadata | undefined;
  const onMetadata = (given: RunMetadata) => {
    metadata = given;
  };
  await session.run(many.at(-1)!, [[x, [1, 2]]], { onMetadata });
  const { outputInfo } = metadata!.costGraph!.node.find(({ name }) => name === "many")!;
  assert.is(outputInfo.length, 20_000);
  await session.close();
  await engine.close();
}, 10_000);

test.run();
