// One side of conformance/programs/savers.py's `typescript`: a TypeScript client that saves variables on the server of
// the run, or restores what Python saved and prints it. `saver.js TARGET save|restore PREFIX`.
import { DataType, globalVariablesInitializer, Saver, Session, Variable } from "../src/index.js";

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
const saver = new Saver(graph);
const sharded = new Saver(graph, undefined, { sharded: true, name: "sharded" });
if (action === "save") {
  await session.run(globalVariablesInitializer(graph));
  await saver.save(session, prefix, { globalStep: step });
  await sharded.save(session, `${prefix}-sharded`);
} else {
  await saver.restore(session, prefix);
  const found = await session.run([w.value, words.value, step.value]);
  console.log(JSON.stringify(found.map(({ data }) => [...data].map(String))));
}
