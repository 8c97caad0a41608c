// `npm run bench -- step`: one Python client times steps on a real TensorFlow server and on ours, in turn.
import { sideBySide } from "./support/side-by-side.js";

console.log(
  `Node ${process.version}; ten turns each; medians of all steps, ratios ours to real, the least and greatest of a turn`,
);
await sideBySide("bench/step.py");
