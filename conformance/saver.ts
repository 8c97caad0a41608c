// One side of conformance/programs/savers.py's `typescript`: a TypeScript client that saves variables on the server of
// the run, or restores what Python saved and prints it. `saver.js TARGET save|restore|restore-table PREFIX`.
import {
  DataType,
  fixedSizePartitioner,
  globalVariablesInitializer,
  PartitionedVariable,
  Saver,
  Session,
  Variable,
} from "../src/index.js";

const [target, action, prefix] = process.argv.slice(2) as [string, string, string];
await using session = new Session(target);
const { graph } = session;
const w = new Variable(
  graph,
  [
    [1, 2.5],
    [-3, 0.1],
  ],
  { name: "net/w", dtype: DataType.FLOAT },
);
const words = new Variable(graph, ["a", "ü"], { name: "words" });
const step = new Variable(graph, 7n, { name: "global_step", dtype: DataType.INT64, trainable: false });
const rows = Float32Array.from({ length: 10 }, (_, i) => Math.fround(i / 3));
const table = new PartitionedVariable(
  graph,
  { dtype: DataType.FLOAT, shape: [5, 2], data: rows },
  { name: "table", partitioner: fixedSizePartitioner(2) },
);
const saver = new Saver(graph);
const sharded = new Saver(graph, undefined, { sharded: true, name: "sharded" });
if (action === "save") {
  await session.run(globalVariablesInitializer(graph));
  await saver.save(session, prefix, { globalStep: step });
  await sharded.save(session, `${prefix}-sharded`);
} else {
  const onlyTable = action === "restore-table";
  await (onlyTable ? new Saver(graph, [table]) : saver).restore(session, prefix);
  const found = await session.run(onlyTable ? [table] : [w, words, step, table]);
  console.log(JSON.stringify(found.map(({ data }) => [...data].map(String))));
}
