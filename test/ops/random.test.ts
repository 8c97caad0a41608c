// Recorded values and errors of real TensorFlow: family random_ops.
import { Engine } from "../support/engine.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const engine = await Engine.create();
runFamily("random_ops", engine.runSteps);
test.after(() => engine[Symbol.asyncDispose]());
test.run();
