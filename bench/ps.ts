// `npm run bench -- ps`: a step of training an MLP 784-512-10, batch 128, with its variables on one ps and the computation
// on one worker, one thread each, on a real cluster and on ours under one Python client in one run.
import { runPython } from "./support/python.js";

console.log(`Node ${process.version}; medians of five turns, ratios are to the real cluster, turn by turn`);
await runPython("bench/cluster.py", ["ps"]);
