// Recorded values and errors of real TensorFlow: family readers. The cases write the files that they read.
import { rm } from "node:fs/promises";
import * as assert from "uvu/assert";
import { InProcess } from "../support/in-process.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const HOME = "/tmp/tensorfleet-readers";

const task = await InProcess.create();
test.before(() => rm(HOME, { recursive: true, force: true }));
runFamily("readers", task.runSteps);
test("readers give back all memory", () => assert.is(task.engine.devices[0]!.allocator.blocksInUse, 0));
test.after(async () => {
  await task[Symbol.asyncDispose]();
  await rm(HOME, { recursive: true, force: true });
});
test.run();
