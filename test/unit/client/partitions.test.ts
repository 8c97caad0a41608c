// Variables in slices beside TensorFlow's (conformance/client_partitions.py): how they are cut, looked up, trained, saved and
// restored, cut otherwise or whole.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import {
  AdamOptimizer,
  CheckpointReader,
  DataType,
  embeddingLookup,
  fixedSizePartitioner,
  GradientDescentOptimizer,
  Graph,
  globalVariables,
  globalVariablesInitializer,
  gradients,
  InvalidArgumentError,
  initializers,
  MomentumOptimizer,
  minMaxVariablePartitioner,
  type Optimizer,
  PartitionedVariable,
  type Partitioner,
  replicaDeviceSetter,
  Saver,
  Session,
  Variable,
  variableAxisSizePartitioner,
} from "../../../src/index.js";
import { distance, type RecordedTensor, readRecorded, recordedValue } from "../../support/client-records.js";
import { test } from "../../support/suite.js";

interface Cut {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly slices: readonly number[];
}

interface Training {
  readonly values: Readonly<Record<"table" | "w" | "b", RecordedTensor>>;
  readonly lookups: Readonly<Record<"div" | "mod", RecordedTensor>>;
  readonly losses: readonly number[];
  readonly variables: Readonly<Record<string, RecordedTensor>>;
  readonly files: Readonly<Record<string, string>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

const recorded = readRecorded<{ partitioners: Cut[]; training: Record<string, Training> }>("partitions");
const home = mkdtempSync(join(tmpdir(), "tensorfleet-partitions-"));
test.after(() => rmSync(home, { recursive: true }));

/** Four steps of roundings. */
const TOLERANCE = 2e-6;

test("partitioners cut as TensorFlow's do", () => {
  for (const { name, options, shape, dtype, slices } of recorded.partitioners) {
    const { num_shards, axis, max_shard_bytes, max_shards, bytes_per_string_element, max_partitions, min_slice_size } =
      options;
    const more = Object.fromEntries(
      Object.entries({
        axis,
        maxShards: max_shards,
        bytesPerStringElement: bytes_per_string_element,
        maxPartitions: max_partitions,
        minSliceSize: min_slice_size,
      }).filter(([, value]) => value !== undefined),
    );
    const make: Readonly<Record<string, () => Partitioner>> = {
      fixedSizePartitioner: () => fixedSizePartitioner(num_shards!, axis),
      variableAxisSizePartitioner: () => variableAxisSizePartitioner(max_shard_bytes!, more),
      minMaxVariablePartitioner: () => minMaxVariablePartitioner(more),
    };
    assert.equal(make[name]!()(shape, dtype), slices, JSON.stringify({ name, options, shape }));
  }
  assert.is(recorded.partitioners.length, 63);
});

function model(graph: Graph, { values }: Training) {
  const { ops } = graph;
  const cut = (name: "table" | "w" | "b", partitioner: Partitioner) =>
    new PartitionedVariable(graph, recordedValue(values[name]), { name, partitioner });
  const table = cut("table", fixedSizePartitioner(3));
  const w = cut("w", fixedSizePartitioner(2, 1));
  const b = cut("b", fixedSizePartitioner(4));
  const ids = graph.placeholder(DataType.INT32, [-1], "ids");
  const rows = {
    div: embeddingLookup(table, ids, { partitionStrategy: "div" }),
    mod: embeddingLookup(table, ids, { partitionStrategy: "mod" }),
  };
  const out = ops.sub(ops.addV2(ops.matMul(rows.div, w), b), 1);
  const loss = ops.addV2(ops.mean(ops.square(out), [0, 1]), ops.sum(ops.square(b), [0]));
  return { ids, rows, loss };
}

const optimizers: Readonly<Record<string, () => Optimizer>> = {
  sgd: () => new GradientDescentOptimizer(0.1),
  momentum: () => new MomentumOptimizer(0.05, 0.9),
  adam: () => new AdamOptimizer(0.05),
};

for (const [name, make] of Object.entries(optimizers)) {
  test(`${name} trains slices as TensorFlow's does, and saves what it saves`, async () => {
    const found = recorded.training[name]!;
    await using session = new Session();
    const { graph } = session;
    const { ids, rows, loss } = model(graph, found);
    const train = make().minimize(loss);
    const saver = new Saver(graph);
    assert.equal(
      globalVariables(graph)
        .map((variable) => variable.name)
        .sort(),
      Object.keys(found.variables).sort(),
    );
    await session.run(globalVariablesInitializer(graph));
    const looked = await session.run(rows, [[ids, [6, 0, 3, 3, 4]]]);
    assert.is(distance(looked.div, recordedValue(found.lookups.div)), 0);
    assert.is(distance(looked.mod, recordedValue(found.lookups.mod)), 0);
    for (let k = 0; k < found.losses.length; k++) {
      const [{ data }] = await session.run([loss, train], [[ids, [k, 2, 6, 5]]]);
      assert.ok(Math.abs(Number(data[0]) / found.losses[k]! - 1) < TOLERANCE, `step ${k}: ${data[0]}`);
    }
    for (const variable of globalVariables(graph)) {
      const apart = distance(await session.run(variable), recordedValue(found.variables[variable.name]!));
      assert.ok(apart < TOLERANCE, `${variable.name} is ${apart} apart`);
    }
    const prefix = await saver.save(session, join(home, name));
    await using reader = await CheckpointReader.open(prefix);
    assert.equal(Object.fromEntries(reader.variables.map((variable) => [variable.name, variable.shape])), found.shapes);
    // The same variables give the same bytes.
    for (const variable of globalVariables(graph)) {
      await session.run(variable.assign(recordedValue(found.variables[variable.name]!)));
    }
    await saver.save(session, join(home, "m"), { writeMetaGraph: false });
    for (const [file, bytes] of Object.entries(found.files)) {
      assert.ok(readFileSync(join(home, file)).equals(Buffer.from(bytes, "base64")), file);
    }
  });
}

test("a checkpoint of TensorFlow's is restored cut otherwise, and whole", async () => {
  const { files, variables } = recorded.training.adam!;
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(home, file), Buffer.from(bytes, "base64"));
  const parts = (name: string, slot = "") =>
    Object.entries(variables)
      .filter(([key]) => new RegExp(`^${name}/part_\\d${slot}$`).test(key))
      .map(([, value]) => [...recordedValue(value).data].map(Number));
  const zeros = initializers.zeros();
  const graph = new Graph();
  const table = new PartitionedVariable(graph, zeros, {
    name: "table",
    shape: [7, 3],
    partitioner: fixedSizePartitioner(5),
  });
  const byColumn = new PartitionedVariable(graph, zeros, {
    name: "columns",
    shape: [7, 3],
    partitioner: fixedSizePartitioner(2, 1),
  });
  const b = new Variable(graph, zeros, { name: "b", shape: [5] });
  const slot = new Variable(graph, zeros, { name: "slot", shape: [7, 3] });
  const session = new Session(undefined, { graph });
  for (const sharded of [false, true]) {
    const saver = new Saver(graph, [table, b], { sharded });
    const other = new Saver(graph, { table: byColumn, "table/Adam_1": slot }, { sharded });
    await session.run(globalVariablesInitializer(graph));
    await saver.restore(session, join(home, "m"));
    await other.restore(session, join(home, "m"));
    const found = await session.run([table, byColumn, b, slot]);
    const numbers = found.map(({ data }) => [...data].map(Number));
    const whole = parts("table").flat();
    assert.equal(numbers, [whole, whole, parts("b").flat(), parts("table", "/Adam_1").flat()]);
    const again = await saver.save(session, join(home, `again-${sharded}`), { writeMetaGraph: false });
    await session.run(table.assign({ dtype: DataType.FLOAT, shape: [7, 3], data: new Float32Array(21) }));
    assert.equal([...(await session.run(table)).data], new Array(21).fill(0));
    await saver.restore(session, again);
    assert.equal([...(await session.run(table)).data].map(Number), whole);
  }
  await session.close();
});

test("the whole is read, assigned and put together where it is asked for", async () => {
  await using session = new Session();
  const { graph } = session;
  const place = replicaDeviceSetter({ psTasks: 2 });
  const placed = new Graph();
  const spread = placed.device(place, () => {
    const v = new PartitionedVariable(placed, initializers.glorotUniform(), {
      shape: [10, 4],
      partitioner: fixedSizePartitioner(3),
    });
    assert.is(placed.ops.identity(v).device, "/job:worker");
    return v;
  });
  assert.equal(
    [...spread].map(({ name, handle, shape }) => [name, handle.device, shape]),
    [
      ["PartitionedVariable/part_0", "/job:ps/task:0", [4, 4]],
      ["PartitionedVariable/part_1", "/job:ps/task:1", [3, 4]],
      ["PartitionedVariable/part_2", "/job:ps/task:0", [3, 4]],
    ],
  );
  assert.equal(spread.parts[1]!.saveSliceInfo, {
    fullName: "PartitionedVariable",
    fullShape: [10, 4],
    varOffset: [4, 0],
    varShape: [3, 4],
  });
  // The limits are those of the whole, whatever a slice's shape.
  const limit = placed.find("PartitionedVariable/part_2/Initializer/max").node.attrs.get("value")!.tensor!;
  assert.is(new Float32Array(limit.tensorContent!.slice().buffer)[0], Math.fround(Math.sqrt(6 / 14)));
  const v = new PartitionedVariable(graph, [1, 2, 3], { name: "v", dtype: DataType.FLOAT, partitioner: () => [2] });
  const w = new PartitionedVariable(graph, v, { name: "w", partitioner: () => [2] });
  const one = new PartitionedVariable(graph, initializers.constant([7, 8]), { shape: [2], partitioner: () => [1] });
  const filled = new PartitionedVariable(graph, initializers.constant([7, 8, 9]), {
    dtype: DataType.DOUBLE,
    shape: [3],
    partitioner: () => [2],
  });
  assert.equal([v.value.name, one.value.name, filled.dtype], ["v:0", "PartitionedVariable:0", DataType.DOUBLE]);
  const read = graph.controlDependencies([v.assignAdd([10, 20, 30])], () => v.read());
  const numbers = async () =>
    (await session.run([v, w, one, filled])).map(({ data }) => [...data].map((value) => Number(value)));
  await session.run(v.parts.map(({ initializer }) => initializer));
  await session.run(globalVariablesInitializer(graph));
  assert.equal(await numbers(), [
    [1, 2, 3],
    [1, 2, 3],
    [7, 8],
    [7, 8, 9],
  ]);
  assert.equal([...(await session.run(read)).data], [11, 22, 33]);
  await session.run([w.assign(v), one.assignAdd(graph.ops.onesLike(one)), filled.assignSub([1, 1, 1])]);
  assert.equal(await numbers(), [
    [11, 22, 33],
    [11, 22, 33],
    [8, 9],
    [6, 7, 8],
  ]);
  const parts = [graph.constant([[1], [3]]), graph.constant([[2]])];
  const found = await session.run([
    embeddingLookup(one, [1, 0]),
    embeddingLookup(parts, [
      [2, 0],
      [1, 1],
    ]),
  ]);
  assert.equal(
    found.map(({ shape, data }) => [shape, [...data].map(Number)]),
    [
      [[2], [9, 8]],
      [
        [2, 2, 1],
        [3, 1, 2, 2],
      ],
    ],
  );
});

test("what can't be cut is refused in TensorFlow's words", () => {
  const graph = new Graph();
  const refuses = (shape: number[] | undefined, partitioner: Partitioner, text: string) =>
    assert.throws(
      () => new PartitionedVariable(graph, initializers.zeros(), { ...(shape && { shape }), partitioner }),
      (error: Error) => error instanceof InvalidArgumentError && error.message === text,
      text,
    );
  const unknown = "Shape of a new partitioned variable must be fully defined, but instead was";
  refuses(undefined, () => [1], `${unknown} <unknown>.`);
  refuses([-1, 2], () => [1, 1], `${unknown} (None, 2).`);
  refuses([], () => [], "A partitioned Variable must have rank at least 1, shape: ()");
  const rank = "Partitioner returned a partition list that does not match the Variable's rank:";
  refuses([4], () => [1, 2], `${rank} [1, 2] vs. (4,)`);
  refuses([4, 2], () => [0, 1], "Partitioner returned zero partitions for some axes: [0, 1]");
  const tooMany = "Expected 0 <= offset < shape but found";
  refuses([2, 3], () => [3, 1], `${tooMany} offset=2, shape=2 for var_offset=[2, 0], full_shape=[2, 3]`);
  refuses([0, 3], () => [2, 1], `${tooMany} offset=0, shape=0 for var_offset=[0, 0], full_shape=[0, 3]`);
  const twice = "Can only slice a variable along one dimension: shape: (4, 2), partitioning: [2, 2]";
  refuses([4, 2], () => [2, 2], twice);
  const slice = new PartitionedVariable(graph, initializers.zeros(), { name: "v", shape: [4], partitioner: () => [2] });
  const other = new Variable(graph, 1, { name: "other" });
  const renamed = new Graph();
  const whole = new Variable(renamed, 1, { name: "v" });
  const fails = (build: () => unknown, text: string) =>
    assert.throws(build, (error: Error) => error instanceof InvalidArgumentError && error.message === text);
  fails(() => new Saver(graph, [slice, whole]), "Mixing slices and non-slices with the same name: v");
  fails(() => new Saver(graph, [other, other]), "At least two variables have the same name: other");
  const bySlices = "A variable in slices is asked for its gradients slice by slice: [...variable]";
  fails(() => gradients(slice.value, [slice as never]), bySlices);
  fails(() => embeddingLookup([], [1]), "Length of params is currently 0. Need at least one param.");
  const unrecognized = "Unrecognized partition strategy: x.Must be one of either `mod` or `div`.";
  fails(() => embeddingLookup([other, other], [1], { partitionStrategy: "x" as never }), unrecognized);
  fails(() => variableAxisSizePartitioner(100, { maxShards: 0 }), "max_shards must be positive.");
});

test.run();
