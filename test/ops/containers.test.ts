// Recorded values and errors of real TensorFlow: family containers.
import { Engine } from "../support/engine.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const engine = await Engine.create();
runFamily("containers", engine.runSteps);
test.after(() => engine[Symbol.asyncDispose]());
test.run();
