// The library of the installed package: fits a line by gradient descent, once without a socket and once over gRPC, and
// finds the same weights both ways, and again after they went to the disk. Errors arrive as their classes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CheckpointReader,
  DataType,
  GradientDescentOptimizer,
  Graph,
  globalVariablesInitializer,
  InvalidArgumentError,
  Saver,
  Server,
  Session,
  Variable,
} from "tensorfleet";

function check(ok, what) {
  if (!ok) throw new Error(what);
}

/** y = 3x - 1 in eight points, fitted in 200 steps. */
async function fit(target) {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [-1], "x");
  const y = graph.placeholder(DataType.FLOAT, [-1], "y");
  const slope = new Variable(graph, graph.constant(0, DataType.FLOAT), { name: "slope" });
  const offset = new Variable(graph, graph.constant(0, DataType.FLOAT), { name: "offset" });
  const product = graph.op("Mul", [x, slope.value]).output();
  const guess = graph.op("Add", [product, offset.value]).output();
  const error = graph.op("Sub", [guess, y]).output();
  const squares = graph.op("Square", [error]).output();
  const loss = graph.op("Mean", [squares, graph.constant([0])]).output();
  const train = new GradientDescentOptimizer(0.1).minimize(loss);
  const saver = new Saver(graph);
  const folder = mkdtempSync(join(tmpdir(), "tensorfleet-runtime-"));
  const session = new Session(target, { graph });
  try {
    await session.run(globalVariablesInitializer(graph));
    const xs = Float32Array.from({ length: 8 }, (_, i) => i / 4 - 1);
    const feeds = [
      [x, xs],
      [y, xs.map((value) => 3 * value - 1)],
    ];
    for (let step = 0; step < 200; step++) await session.run(train, feeds);
    let refused;
    const tooFew = [
      [x, xs.subarray(3)],
      [y, xs],
    ];
    await session.run(loss, tooFew).catch((thrown) => {
      refused = thrown;
    });
    check(refused instanceof InvalidArgumentError, `shapes that don't fit: ${refused}`);
    const [a, b, last] = await session.run([slope.value, offset.value, loss], feeds);
    check(last.data[0] < 1e-6, `loss ${last.data[0]}`);
    const prefix = await saver.save(session, join(folder, "line"), { globalStep: 200 });
    await session.run(train, feeds);
    await saver.restore(session, prefix);
    const [again] = await session.run([slope.value]);
    check(again.data[0] === a.data[0], `${again.data[0]} restored, ${a.data[0]} saved`);
    const reader = await CheckpointReader.open(folder);
    const read = await reader.tensor("offset");
    await reader.close();
    check(read.data[0] === b.data[0], `${read.data[0]} read, ${b.data[0]} saved`);
    return [a.data[0], b.data[0]];
  } finally {
    await session.close();
    rmSync(folder, { recursive: true });
  }
}

const near = await fit();
check(Math.abs(near[0] - 3) < 1e-2 && Math.abs(near[1] + 1) < 1e-2, `weights ${near}`);

const server = await Server.create({ local: ["127.0.0.1:0"] });
try {
  const far = await fit(server.target);
  check(far[0] === near[0] && far[1] === near[1], `weights ${far} over gRPC, ${near} without`);
} finally {
  await server.stop();
}
