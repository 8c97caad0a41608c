// Recorded values and errors of real TensorFlow: family training.
import { Engine } from "../support/engine.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const engine = await Engine.create();
runFamily("training", engine.runSteps);
test.after(() => engine[Symbol.asyncDispose]());
test.run();
