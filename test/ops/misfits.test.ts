// Recorded values and errors of real TensorFlow: family misfits.
import { InProcess } from "../support/in-process.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const task = await InProcess.create();
runFamily("misfits", task.runSteps);
test.after(() => task[Symbol.asyncDispose]());
test.run();
