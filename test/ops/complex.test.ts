// Recorded values and errors of real TensorFlow: family complex.
import { InProcess } from "../support/in-process.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const task = await InProcess.create();
runFamily("complex", task.runSteps);
test.after(() => task[Symbol.asyncDispose]());
test.run();
