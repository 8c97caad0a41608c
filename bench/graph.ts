// `npm run bench -- graph [NODES …]`: one Python client times large graphs on a real TensorFlow server and on ours: the
// first run of 1,000, 10,000 and 100,000 nodes, a new signature in a big session, a cached step in a small and a big one.
import { sideBySide } from "./support/side-by-side.js";

console.log(`Node ${process.version}; ratios are ours to real`);
await sideBySide("bench/graph.py", process.argv.slice(2));
