// `npm run bench -- transfer`: tensors from a ps to a worker, between two real tasks, two of ours with and without the data
// connection, and one of each, under one Python client in one run.
import { runPython } from "./support/python.js";

console.log(`Node ${process.version}; medians of five turns, ratios are to the real pair, turn by turn`);
await runPython("bench/cluster.py", ["transfer"]);
