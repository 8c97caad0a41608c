// A traced step of a real session as a trace viewer reads it: complete events on lanes in which nothing overlaps.
import * as assert from "uvu/assert";
import { chromeTrace, DataType, Graph, RunMetadata, Session, whileLoop } from "../../../src/index.js";
import { test } from "../../support/suite.js";

interface Event {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Record<string, string>;
}

const eventsOf = (json: string): Event[] => (JSON.parse(json) as { traceEvents: Event[] }).traceEvents;

test("nodes that overlap lie on lanes of their own, each device is a process", () => {
  const node = (nodeName: string, allStartMicros: bigint, allEndRelMicros: bigint, timelineLabel = "") => ({
    nodeName,
    allStartMicros,
    allEndRelMicros,
    timelineLabel,
  });
  const nodeStats = [node("b", 1005n, 10n), node("a", 1000n, 10n, "a = MatMul(x, y:1)"), node("c", 1010n, 1n)];
  const bytes = RunMetadata.encode({
    stepStats: {
      devStats: [
        { device: "CPU:0", nodeStats },
        { device: "CPU:1", nodeStats: [node("d", 1002n, 0n)] },
      ],
    },
  });
  const events = eventsOf(chromeTrace(RunMetadata.decode(bytes).stepStats!));
  assert.equal(
    events.map(({ ph, pid, tid, ts, dur, name }) => [ph, pid, tid, ts, dur, name]),
    [
      ["M", 0, 0, undefined, undefined, "process_name"],
      ["X", 0, 0, 0, 10, "MatMul"],
      ["X", 0, 0, 10, 1, "c"],
      ["X", 0, 1, 5, 10, "b"],
      ["M", 1, 0, undefined, undefined, "process_name"],
      ["X", 1, 0, 2, 0, "d"],
    ],
  );
  assert.equal(events[1]!.args, { name: "a", op: "MatMul", inputs: "x, y:1" });
});

test("a label that isn't a node's is shown as it is", () => {
  const label = "[8B] [0.5Mb/s] edge_1_a from /job:ps to /job:worker";
  const stats = { nodeName: "RecvTensor", allStartMicros: 5n, allEndRelMicros: 128n, timelineLabel: label };
  const bytes = RunMetadata.encode({ stepStats: { devStats: [{ device: "CPU:0", nodeStats: [stats] }] } });
  const [, event] = eventsOf(chromeTrace(RunMetadata.decode(bytes).stepStats!));
  assert.equal([event!.name, event!.dur, event!.args], ["RecvTensor", 128, { name: "RecvTensor", label }]);
});

test("no nodes, no events", () => {
  assert.equal(eventsOf(chromeTrace({ devStats: [] })), []);
});

test("a step of a session", async () => {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [2], "x");
  const y = graph.op("Neg", [x], {}, { name: "y" }).output();
  await using session = new Session(undefined, { graph });
  let metadata: RunMetadata | undefined;
  const onMetadata = (given: RunMetadata) => {
    metadata = given;
  };
  await session.run(y, [[x, [1, 2]]], { options: { traceLevel: 3 }, onMetadata });
  const named = eventsOf(chromeTrace(metadata!.stepStats!)).filter(({ args }) => args.name === "y");
  assert.is(named.length, 1);
  assert.is(named[0]!.name, "Neg");
});

test("a trace of a long loop stops at a number of nodes, the step goes on", async () => {
  const graph = new Graph();
  const { ops } = graph;
  const turns = 60_000;
  const [last] = whileLoop(
    graph,
    (i) => ops.less(i!, turns),
    (i) => [ops.addV2(i!, 1)],
    [0],
  );
  await using session = new Session({ graph });
  let metadata: RunMetadata | undefined;
  const onMetadata = (given: RunMetadata) => {
    metadata = given;
  };
  const result = await session.run(last!, [], { options: { traceLevel: 3 }, onMetadata });
  assert.equal([...result.data], [turns]);
  // With _SOURCE.
  assert.is(metadata!.stepStats!.devStats[0]!.nodeStats.length, 2 ** 18 + 1);
});

test.run();
