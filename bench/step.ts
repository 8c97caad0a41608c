// `npm run bench -- step`: one Python client times steps on a real TensorFlow server and on ours, in turn.
import { sideBySide } from "./support/side-by-side.js";

console.log(`Node ${process.version}; times are medians of five turns, ratios are ours to real, turn by turn`);
await sideBySide("bench/step.py");
