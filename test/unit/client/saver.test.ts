import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { CheckpointReader } from "../../../src/client/checkpoint-reader.js";
import { getCheckpointState, latestCheckpoint } from "../../../src/client/checkpoint-state.js";
import { Graph } from "../../../src/client/graph.js";
import { AdamOptimizer } from "../../../src/client/optimizers.js";
import { Saver } from "../../../src/client/saver.js";
import { Session } from "../../../src/client/session.js";
import { globalVariablesInitializer, Variable } from "../../../src/client/variable.js";
import { InvalidArgumentError, NotFoundError } from "../../../src/errors/index.js";
import { FileSystem } from "../../../src/io/file-system.js";
import { nodeFiles } from "../../../src/platform/node-files.js";
import { Engine } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { MetaGraphDef } from "../../../src/wire/io.js";
import { test } from "../../support/suite.js";

const home = mkdtempSync(join(tmpdir(), "tensorfleet-saver-"));
const engines: Engine[] = [];
test.after(async () => {
  for (const engine of engines) await engine.close();
  rmSync(home, { recursive: true });
});

async function newEngine(): Promise<Engine> {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {} });
  engines.push(engine);
  return engine;
}

const numbers = async (session: Session, variable: Variable): Promise<number[]> =>
  Array.from((await session.run(variable.value)).data as Float32Array);

test("saves, keeps a few, and says which is the latest", async () => {
  const folder = join(home, "keeps");
  await using session = new Session(await newEngine());
  const { graph } = session;
  const v = new Variable(graph, 0, { name: "v", dtype: DataType.FLOAT });
  const step = new Variable(graph, 0n, { name: "step", dtype: DataType.INT64, trainable: false });
  const saver = new Saver(graph, undefined, { maxToKeep: 2 });
  const up = graph.group([v.assignAdd(1.5), step.assignAdd(1n)]);
  await session.run(globalVariablesInitializer(graph));
  for (let i = 0; i < 4; i++) {
    await session.run(up);
    await saver.save(session, join(folder, "m"), { globalStep: step });
  }
  assert.equal(readdirSync(folder).sort(), [
    "checkpoint",
    "m-3.data-00000-of-00001",
    "m-3.index",
    "m-3.meta",
    "m-4.data-00000-of-00001",
    "m-4.index",
    "m-4.meta",
  ]);
  // As Python's Saver writes it.
  assert.is(
    readFileSync(join(folder, "checkpoint"), "utf8"),
    `model_checkpoint_path: "${folder}/m-4"\n` +
      `all_model_checkpoint_paths: "${folder}/m-3"\nall_model_checkpoint_paths: "${folder}/m-4"\n`,
  );
  assert.is(await latestCheckpoint(folder), `${folder}/m-4`);
  assert.equal(saver.lastCheckpoints, [`${folder}/m-3`, `${folder}/m-4`]);
  await saver.restore(session, `${folder}/m-3`);
  assert.equal(await numbers(session, v), [4.5]);
  const gone = await saver.restore(session, `${folder}/m-1`).catch((error) => error);
  assert.instance(gone, NotFoundError);
  assert.match(gone.message, `Failed to find any matching files for ${folder}/m-1`);
});

test("a folder without checkpoints has no latest one; relative paths are the folder's", async () => {
  assert.is(await latestCheckpoint(join(home, "none")), null);
  assert.is(await getCheckpointState(join(home, "none")), null);
  const here = process.cwd();
  process.chdir(home);
  try {
    await using session = new Session(await newEngine());
    const v = new Variable(session.graph, [1, 2], { name: "v", dtype: DataType.FLOAT });
    const saver = new Saver(session.graph, { renamed: v });
    await session.run(globalVariablesInitializer(session.graph));
    const options = { writeMetaGraph: false };
    mkdirSync("relative/deeper", { recursive: true });
    assert.is(await saver.save(session, "relative/deeper/n", options), "relative/deeper/n");
    assert.is(await saver.save(session, "./relative/o", options), "./relative/o");
    assert.is(await saver.save(session, "relative/m", options), "relative/m");
  } finally {
    process.chdir(here);
  }
  assert.is(
    readFileSync(join(home, "relative/checkpoint"), "utf8"),
    'model_checkpoint_path: "m"\n' +
      ["deeper/n", "o", "m"].map((path) => `all_model_checkpoint_paths: "${path}"\n`).join(""),
  );
  assert.is(await latestCheckpoint(`${home}/relative/`), `${home}/relative/m`);
});

test("one checkpoint an hour stays, counted from the Saver's beginning", async () => {
  const folder = join(home, "hours");
  const { now } = Date;
  let hours = 0;
  Date.now = () => 1e12 + hours * 3_600_000;
  try {
    await using session = new Session(await newEngine());
    const { graph } = session;
    new Variable(graph, 0, { name: "v" });
    const saver = new Saver(graph, undefined, { maxToKeep: 2, keepCheckpointEveryNHours: 1 });
    await session.run(globalVariablesInitializer(graph));
    let globalStep = 0;
    for (hours of [0.2, 1.5, 1.7, 2.2, 2.4, 2.7, 4.6, 4.8, 5.1, 5.9]) {
      await saver.save(session, join(folder, "m"), { globalStep: globalStep++, writeMetaGraph: false });
    }
  } finally {
    Date.now = now;
  }
  const kept = readdirSync(folder).filter((file) => file.endsWith(".index"));
  assert.equal(
    kept.sort(),
    [1, 3, 6, 7, 8, 9].map((step) => `m-${step}.index`),
  );
});

test("the state file names the new checkpoint before the old one goes", async () => {
  const folder = join(home, "interrupted");
  await using session = new Session(await newEngine());
  const { graph } = session;
  new Variable(graph, 0, { name: "v" });
  const removeFile = () => Promise.reject(Object.assign(new Error("crash"), { code: "EIO" }));
  const files = new FileSystem({ ...nodeFiles, removeFile });
  const saver = new Saver(graph, undefined, { maxToKeep: 1, files });
  await session.run(globalVariablesInitializer(graph));
  await saver.save(session, join(folder, "m"), { globalStep: 1 });
  await saver.save(session, join(folder, "m"), { globalStep: 2 }).catch(() => {});
  assert.is(await latestCheckpoint(folder), `${folder}/m-2`);
});

test("checkpoints of an earlier run count, those that are gone don't", async () => {
  const folder = join(home, "earlier");
  await using session = new Session(await newEngine());
  const { graph } = session;
  const v = new Variable(graph, 0, { name: "v" });
  await session.run(globalVariablesInitializer(graph));
  const prefix = join(folder, "m");
  const first = new Saver(graph);
  for (const globalStep of [1, 2]) await first.save(session, prefix, { globalStep, writeMetaGraph: false });
  const saver = new Saver(graph, undefined, { maxToKeep: 2 });
  await saver.recoverLastCheckpoints([0, 1, 2].map((step) => `${prefix}-${step}`));
  assert.equal(saver.lastCheckpoints, [`${prefix}-1`, `${prefix}-2`]);
  await saver.save(session, prefix, { globalStep: 3, writeMetaGraph: false });
  assert.equal(saver.lastCheckpoints, [`${prefix}-2`, `${prefix}-3`]);
  assert.not(existsSync(`${prefix}-1.index`));
  const refuses = (build: () => unknown, text: string) =>
    assert.throws(build, (error: Error) => error instanceof InvalidArgumentError && error.message === text);
  refuses(() => new Saver(graph, { a: v, b: v }), "The same saveable will be restored with two names: b");
  const nowhere = await saver.save(session, "").catch((error) => error);
  assert.instance(nowhere, InvalidArgumentError);
  assert.is(nowhere.message, "no path specified");
});

test("a reader lists and reads what was saved", async () => {
  await using session = new Session(await newEngine());
  const { graph } = session;
  new Variable(graph, [[1, 2.5, -3]], { name: "net/w", dtype: DataType.FLOAT });
  new Variable(graph, ["a", "bcd"], { name: "words" });
  new Variable(graph, [1n, 2n], { name: "counts", dtype: DataType.INT64 });
  const saver = new Saver(graph, undefined, { sharded: true });
  await session.run(globalVariablesInitializer(graph));
  mkdirSync(join(home, "read"));
  const prefix = await saver.save(session, join(home, "read/m"));
  assert.ok(!existsSync(`${prefix}_temp`));
  await using reader = await CheckpointReader.open(join(home, "read"));
  assert.is(reader.prefix, prefix);
  assert.equal(
    reader.variables.map(({ name, dtype, shape }) => [name, dtype, shape]),
    [
      ["counts", DataType.INT64, [2]],
      ["net/w", DataType.FLOAT, [1, 3]],
      ["words", DataType.STRING, [2]],
    ],
  );
  assert.equal([...(await reader.tensor("net/w")).data], [1, 2.5, -3]);
  assert.equal((await reader.tensor("words")).data, ["a", "bcd"]);
  assert.ok(reader.has("counts") && !reader.has("w"));
  assert.instance(await reader.tensor("w").catch((error) => error), NotFoundError);
});

test("training goes on from a checkpoint as if it had never stopped", async () => {
  const build = () => {
    const graph = new Graph();
    const w = new Variable(graph, [[0.3], [-0.2]], { name: "w", dtype: DataType.FLOAT });
    const { ops } = graph;
    const error = ops.square(
      ops.sub(
        ops.tanh(
          ops.matMul(
            [
              [1, 2],
              [3, -1],
            ],
            w,
          ),
        ),
        [[0.5], [0.1]],
      ),
    );
    const loss = ops.mean(error, [0, 1]);
    const train = new AdamOptimizer(0.05).minimize(loss, { variables: [w] });
    return { graph, loss, train, saver: new Saver(graph), init: globalVariablesInitializer(graph) };
  };
  const steps = async (session: Session, { loss, train }: ReturnType<typeof build>, count: number) => {
    const found: number[] = [];
    for (let i = 0; i < count; i++) found.push((await session.run([loss, train]))[0].data[0] as number);
    return found;
  };
  const whole = build();
  await using one = new Session(await newEngine(), { graph: whole.graph });
  await one.run(whole.init);
  const wanted = await steps(one, whole, 10);
  const first = build();
  await using before = new Session(await newEngine(), { graph: first.graph });
  await before.run(first.init);
  const found = await steps(before, first, 5);
  const prefix = await first.saver.save(before, join(home, "resume/m"), { globalStep: 5 });
  const second = build();
  await using after = new Session(await newEngine(), { graph: second.graph });
  await second.saver.restore(after, prefix);
  assert.equal([...found, ...(await steps(after, second, 5))], wanted);
});

test("the meta graph names the saver's tensors and the variables", async () => {
  const graph = new Graph();
  new Variable(graph, 1, { name: "v", dtype: DataType.FLOAT });
  const saver = new Saver(graph);
  await using session = new Session(await newEngine(), { graph });
  await session.run(globalVariablesInitializer(graph));
  const prefix = await saver.save(session, join(home, "meta/m"));
  const meta = MetaGraphDef.decode(readFileSync(`${prefix}.meta`));
  assert.is(meta.saverDef!.filenameTensorName, "save/Const:0");
  assert.is(meta.saverDef!.saveTensorName, "save/control_dependency:0");
  assert.is(meta.saverDef!.restoreOpName, "save/restore_all");
  assert.is(meta.collectionDef.get("variables")!.bytesList!.value.length, 1);
  assert.is(meta.graphDef!.node.length, graph.operations.length);
});

test("refuses what can't be told apart", () => {
  const graph = new Graph();
  assert.throws(
    () => new Saver(graph),
    (error: unknown) => error instanceof InvalidArgumentError,
  );
  const v = new Variable(graph, 1, { name: "v" });
  assert.throws(() => new Saver(graph, [v, v]), /At least two variables have the same name: v/);
});

test.run();
