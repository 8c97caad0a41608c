// A task that writes its variables when it stops and begins with them when it starts.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { CheckpointReader } from "../../src/client/checkpoint-reader.js";
import { Graph } from "../../src/client/graph.js";
import { Session } from "../../src/client/session.js";
import { DataLossError, NotFoundError, UnavailableError } from "../../src/errors/index.js";
import { Server } from "../../src/server/server.js";
import { DataType } from "../../src/tensor/dtype.js";
import { test } from "../support/suite.js";

const home = mkdtempSync(join(tmpdir(), "tensorfleet-state-"));
test.after(() => rmSync(home, { recursive: true }));

const start = (prefix: string, lines: string[] = []): Promise<Server> =>
  Server.create({ ps: ["127.0.0.1:0"] }, { checkpointOnStop: prefix, log: (line) => lines.push(line) });

/** A resource variable, a reference variable of the same name, one of texts, one elsewhere, one without a value. */
function model() {
  const graph = new Graph();
  const { ops } = graph;
  const resource = (sharedName: string, dtype: DataType, container = "") =>
    ops.varHandleOp({ dtype, shape: null, sharedName, container });
  const v = resource("v", DataType.FLOAT);
  const words = resource("words", DataType.STRING);
  const other = resource("v", DataType.INT64, "other");
  const ref = ops.variableV2({ shape: [2], dtype: DataType.DOUBLE, sharedName: "v" });
  const empty = ops.variableV2({ shape: [2], dtype: DataType.DOUBLE, sharedName: "empty" });
  const init = graph.group([
    ops.assignVariableOp(v, graph.constant([1.5, 2.5], DataType.FLOAT)),
    ops.assignVariableOp(words, graph.constant(["a", "ü"], DataType.STRING)),
    ops.assignVariableOp(other, graph.constant(7n, DataType.INT64)),
    ops.assign(ref, graph.constant([3, 4], DataType.DOUBLE)).op,
  ]);
  const read = (handle: typeof v, dtype: DataType) => ops.readVariableOp(handle, { dtype });
  const values = [
    read(v, DataType.FLOAT),
    read(words, DataType.STRING),
    read(other, DataType.INT64),
    ops.identity(ref),
  ];
  return { graph, init, values, unset: ops.isVariableInitialized(empty) };
}

test("a task finds its variables again", async () => {
  const prefix = join(home, "ps");
  const { graph, init, values, unset } = model();
  const first = await start(prefix);
  const before = new Session(first.target, { graph });
  await before.run(init);
  await first.stop();
  await before.close().catch(() => {});
  const lines: string[] = [];
  await using second = await start(prefix, lines);
  assert.ok(lines.includes(`Restored 4 variables from ${prefix}`), lines.join("\n"));
  await using after = new Session(second.target, { graph });
  const found = await after.run(values);
  assert.equal(
    found.map(({ data }) => [...data]),
    [[1.5, 2.5], ["a", "ü"], [7n], [3, 4]],
  );
  assert.equal([...(await after.run(unset)).data], [0]);
});

test("what it wrote is a checkpoint like any other", async () => {
  await using reader = await CheckpointReader.open(join(home, "ps"));
  assert.equal(
    reader.variables.map(({ name }) => name),
    ["_tensorfleet_variables", "other/v", "v", "v_1", "words"],
  );
  const { data } = await reader.tensor("_tensorfleet_variables");
  assert.equal((data as string[]).slice(4, 8), ["v", "ps", "v", "resource"]);
});

test("a damaged checkpoint keeps the task from starting", async () => {
  const prefix = join(home, "damaged");
  writeFileSync(`${prefix}.index`, "no table at all, and long enough to be taken for one: 48 bytes and more");
  const error = await start(prefix).catch((caught) => caught);
  assert.instance(error, DataLossError);
});

test("a task that can't write stops all the same, and says so", async () => {
  mkdirSync(join(home, "gone"));
  const server = await start(join(home, "gone/deep/ps"));
  rmSync(join(home, "gone"), { recursive: true });
  const session = new Session(server.target);
  await session.run(session.graph.constant(1));
  const error = await server.stop().catch((caught) => caught);
  assert.instance(error, NotFoundError);
  await server.join();
  const refused = await session.run(session.graph.constant(2)).catch((caught) => caught);
  assert.instance(refused, UnavailableError);
  await session.close().catch(() => {});
  assert.not(readdirSync(home).includes("gone"));
});

test("one that stops by itself says so in its log", async () => {
  const lines: string[] = [];
  mkdirSync(join(home, "soon-gone"));
  const server = await Server.create(
    { ps: ["127.0.0.1:0"] },
    { checkpointOnStop: join(home, "soon-gone/deep/ps"), endWhenIdleMs: 50, log: (line) => lines.push(line) },
  );
  rmSync(join(home, "soon-gone"), { recursive: true });
  await server.join();
  await new Promise((resolve) => setImmediate(resolve));
  assert.match(lines.join("\n"), /The server stopped with an error: .*soon-gone/);
});

test("a folder that isn't there is missed at the start", async () => {
  const error = await start(join(home, "no/such/folder/ps")).catch((caught) => caught);
  assert.instance(error, NotFoundError);
  assert.match(error.message, "no/such/folder");
});

test.run();
