// Recorded values and errors of real TensorFlow: family staging. What they held is given back with their containers.
import * as assert from "uvu/assert";
import { InProcess } from "../support/in-process.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const task = await InProcess.create();
runFamily("staging", task.runSteps);
test("staging give back all memory", () => assert.is(task.engine.devices[0]!.allocator.blocksInUse, 0));
test.after(() => task[Symbol.asyncDispose]());
test.run();
