// Gradients of graphs that Python made, beside those that TensorFlow found: `gradient_cases` of
// conformance/record_client.py. Rows (IndexedSlices) have to be rows, and `null` has to be `null`.
import * as assert from "uvu/assert";
import {
  DataType,
  type Gradient,
  Graph,
  GraphDef,
  gradients,
  IndexedSlices,
  InvalidArgumentError,
  NotFoundError,
  type Output,
  Server,
  Session,
} from "../../../src/index.js";
import { distance, type RecordedTensor, readRecorded, recordedValue } from "../../support/client-records.js";
import { test } from "../../support/suite.js";

interface Case {
  readonly name: string;
  readonly graph: string;
  readonly inputs: readonly RecordedTensor[];
  readonly dy: RecordedTensor;
  /** Where the gradients of the gradients were recorded: what came back for each of those. */
  readonly ddys: readonly RecordedTensor[];
  readonly expected: readonly (readonly RecordedTensor[] | null)[];
}

/** A few roundings of the dtype: sums run in another order here. */
const TOLERANCE: Record<number, number> = {
  [DataType.FLOAT]: 2e-6,
  [DataType.DOUBLE]: 1e-14,
  [DataType.COMPLEX128]: 1e-14,
};

const parts = (gradient: Gradient): Output[] =>
  gradient instanceof IndexedSlices ? [gradient.values, gradient.indices] : [gradient];

const server = await Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} });

const cases = readRecorded<Case[]>("gradients");

async function check({ graph: text, inputs, dy, ddys, expected }: Case): Promise<void> {
  const graph = new Graph();
  graph.importGraphDef(GraphDef.decode(Buffer.from(text, "base64")), { name: "" });
  const xs = inputs.map((_, i) => graph.findTensor(`x${i}`));
  const seed = graph.findTensor("dy");
  const first = gradients(graph.findTensor("y"), xs, [seed]);
  const more = ddys.map((_, i) => graph.findTensor(`ddy${i}`));
  const found = more.length === 0 ? first : gradients(first as Output[], xs, more);
  assert.equal(
    found.map((gradient) => (gradient === null ? null : parts(gradient).length)),
    expected.map((tensors) => tensors?.length ?? null),
  );
  const session = new Session(server, { graph });
  try {
    const feeds = [
      ...inputs.map((input, i) => [xs[i]!, recordedValue(input)] as const),
      [seed, recordedValue(dy)] as const,
      ...ddys.map((ddy, i) => [more[i]!, recordedValue(ddy)] as const),
    ];
    const values = await session.run(
      found.map((gradient) => (gradient === null ? [] : parts(gradient))),
      feeds,
    );
    expected.forEach((tensors, i) =>
      tensors?.forEach((tensor, j) => {
        const apart = distance(values[i]![j]!, recordedValue(tensor));
        assert.ok(apart <= (TOLERANCE[tensor.dtype] ?? 0), `x${i}: ${apart} apart`);
      }),
    );
  } finally {
    await session.close();
  }
}

for (const one of cases) test(one.name, () => check(one));

test("several ys, starts of their own, constants by request, zeros for the unconnected", async () => {
  const session = new Session(server);
  const { graph } = session;
  const { ops } = graph;
  const x = graph.placeholder(DataType.FLOAT, [], "x");
  const y = ops.mul(x, x);
  const z = ops.mul(y, 3);
  const [both] = gradients([y, z], [x], [null, graph.constant(2, DataType.FLOAT)]);
  const [stopped] = gradients(ops.mul(z, x), [x], [], { stopGradients: [z] });
  const [none] = gradients(y, [graph.constant(1, DataType.FLOAT)]);
  const [zero] = gradients(y, [graph.constant(1, DataType.FLOAT)], [], { unconnectedZeros: true });
  assert.is(none, null);
  const values = await session.run([both as Output, stopped as Output, zero as Output], [[x, 5]]);
  assert.equal(
    values.map(({ data }) => Number(data[0])),
    [70, 75, 0],
  );
  await session.close();
});

test("an op without a gradient is named in TensorFlow's words", () => {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [2, 2]);
  const y = graph.ops.matrixSquareRoot(x, { name: "root" });
  assert.throws(
    () => gradients(y, [x]),
    (error: Error) =>
      error instanceof NotFoundError &&
      error.message.startsWith(
        "No gradient defined for operation 'root' (op type: MatrixSquareRoot). In general every",
      ),
  );
});

test("integers start no gradient, nor does what isn't of a y's shape", () => {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [2, 3], "x");
  assert.equal(gradients(graph.ops.cast(x, { dstT: DataType.INT32 }), [x]), [null]);
  const start = graph.constant([1, 2, 3], DataType.FLOAT);
  assert.throws(
    () => gradients(graph.ops.identity(x, { name: "s" }), [x], [start]),
    (error: Error) =>
      error instanceof InvalidArgumentError &&
      error.message ===
        "Incompatible shapes between op input and calculated input gradient. Forward operation: s. Input index: 0. " +
          "Original input shape: (2, 3). Calculated input gradient shape: (3,)",
  );
});

test("an op may refuse its gradient", () => {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [2]);
  assert.throws(
    () => gradients(graph.ops.preventGradient(x, { message: "not here" }), [x]),
    (error: Error) =>
      error instanceof NotFoundError && error.message === "Gradient explicitly disabled. Reason: b'not here'",
  );
});

test.after(() => server.stop());
test.run();
