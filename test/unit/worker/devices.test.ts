// A step over two devices of one task: a failure on one ends the executor of the other, whether that has begun or not, and
// is what the step is said to have failed of.
import * as assert from "uvu/assert";
import { DataType, Graph, InvalidArgumentError, Session } from "../../../src/index.js";
import { Engine } from "../../../src/server/engine.js";
import { ConfigProto } from "../../../src/wire/core.js";
import { test } from "../../support/suite.js";

test("the failure that ended a step is named, not its echo on another device", async () => {
  const config = ConfigProto.decode(ConfigProto.encode({ deviceCount: new Map([["CPU", 2]]) }));
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", config, { log: () => {} });
  const graph = new Graph();
  const x = graph.placeholder(DataType.INT32, [], "x");
  const [here, there] = [0, 1].map((index) =>
    graph.device(`/cpu:${index}`, () => graph.ops.floorDiv(4, x, { name: `quotient${index}` })),
  );
  const after = graph.device("/cpu:1", () => graph.ops.neg(here!));
  const session = new Session({ localMaster: () => engine.localMaster() }, { graph });
  assert.equal(
    (await session.run([here!, there!, after], [[x, 2]])).map(({ data }) => Number(data[0])),
    [2, 2, -2],
  );
  for (const [fetched, name] of [
    [after, "quotient0"],
    [there!, "quotient1"],
  ] as const) {
    try {
      await session.run(fetched, [[x, 0]]);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, InvalidArgumentError);
      assert.is(
        (error as Error).message,
        `From /job:worker/replica:0/task:0:\nInteger division by zero\n\t [[{{node ${name}}}]]`,
      );
    }
  }
  await session.close();
  assert.equal([engine.worker.openSteps, ...engine.devices.map(({ allocator }) => allocator.blocksInUse)], [0, 0, 0]);
  await engine.close();
});

test.run();
