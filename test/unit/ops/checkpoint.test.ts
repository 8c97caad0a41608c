import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Graph } from "../../../src/client/graph.js";
import type { Output } from "../../../src/client/output.js";
import { Session } from "../../../src/client/session.js";
import { CancelledError, PermissionDeniedError } from "../../../src/errors/index.js";
import { typesValue } from "../../../src/graph/attr-value.js";
import { Engine } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { test } from "../../support/suite.js";

const home = mkdtempSync(join(tmpdir(), "tensorfleet-checkpoint-"));
test.after(() => rmSync(home, { recursive: true }));

const texts = (graph: Graph, values: string[]): Output => graph.constant(values, DataType.STRING);

const save = (graph: Graph, prefix: string, names: string[], tensors: Output[]) =>
  graph.op("SaveV2", [
    graph.constant(prefix, DataType.STRING),
    texts(graph, names),
    texts(graph, new Array(names.length).fill("")),
    tensors,
  ]);

const restore = (graph: Graph, prefix: string, names: string[], dtypes: DataType[]) =>
  graph.op(
    "RestoreV2",
    [graph.constant(prefix, DataType.STRING), texts(graph, names), texts(graph, new Array(names.length).fill(""))],
    { dtypes: typesValue(dtypes) },
  );

async function withEngine(
  fileRoots: readonly string[] | undefined,
  use: (engine: Engine) => Promise<void>,
): Promise<void> {
  const options = { log: () => {}, ...(fileRoots === undefined ? {} : { fileRoots }) };
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, options);
  try {
    await use(engine);
  } finally {
    await engine.close();
  }
}

test("restores what it saved, and lets go of everything", () =>
  withEngine(undefined, async (engine) => {
    await using session = new Session(engine);
    const { graph } = session;
    const prefix = join(home, "a/b");
    await session.run(
      save(graph, prefix, ["x", "s"], [graph.constant([[1, 2.5]], DataType.FLOAT), texts(graph, ["p", "qq"])]),
    );
    assert.equal(readdirSync(join(home, "a")), ["b.data-00000-of-00001", "b.index"]);
    const [x, s] = restore(graph, prefix, ["x", "s"], [DataType.FLOAT, DataType.STRING]).outputs;
    const found = await session.run([x!, s!]);
    assert.equal([...(found[0]!.data as Float32Array)], [1, 2.5]);
    assert.equal(found[1]!.data, ["p", "qq"]);
    // The constants of the nodes are kept, what was restored is not.
    const before = engine.devices[0]!.allocator.bytesInUse;
    await session.run([x!, s!]);
    assert.is(engine.devices[0]!.allocator.bytesInUse, before);
  }));

test("a step that is cancelled ends its writing and leaves no file", () =>
  withEngine(undefined, async (engine) => {
    await using session = new Session(engine);
    const { graph } = session;
    const large = graph.op("Fill", [graph.constant([64 << 20]), graph.constant(1, DataType.UINT8)]).output();
    const cancel = new AbortController();
    const prefix = join(home, "cancelled/b");
    const running = session.run(save(graph, prefix, ["x"], [large]), [], { signal: cancel.signal });
    const written = () => {
      try {
        return readdirSync(join(home, "cancelled"));
      } catch {
        return [];
      }
    };
    while (written().length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    cancel.abort();
    const error = await running.catch((caught) => caught);
    assert.instance(error, CancelledError);
    while (engine.master.runningSteps > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(written(), []);
  }));

test("a server's graphs keep to the folders that it allows", () =>
  withEngine([join(home, "allowed")], async (engine) => {
    await using session = new Session(engine);
    const { graph } = session;
    const x = graph.constant(1, DataType.FLOAT);
    const refused = await session.run(save(graph, join(home, "elsewhere/b"), ["x"], [x])).catch((caught) => caught);
    assert.instance(refused, PermissionDeniedError);
    assert.ok(!readdirSync(home).includes("elsewhere"));
    await session.run(save(graph, join(home, "allowed/b"), ["x"], [x]));
    assert.is(readdirSync(join(home, "allowed")).length, 2);
  }));

test.run();
