// Numbers in messages, as a real server wrote them in "assertion failed".
import * as assert from "uvu/assert";
import { Engine } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { summarize } from "../../../src/tensor/summarize.js";
import { allocateTensor } from "../../../src/tensor/tensor.js";
import { test } from "../../support/suite.js";

test("zero keeps its sign", async () => {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {} });
  const { heap } = engine;
  const tensor = allocateTensor(engine.devices[0]!.allocator, DataType.FLOAT, [2])!;
  heap.f32.set([0.5, -0], tensor.ptr / 4);
  assert.is(summarize(tensor, heap, 3), "0.5 -0");
  tensor.release();
  await engine.close();
});

test.run();
