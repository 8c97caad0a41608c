// Event files: the framing of their records, what a writer puts there, when the hook of a monitored session writes; and the
// other hooks that feed, wait, and fetch at the end.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import {
  DataType,
  FailedPreconditionError,
  FeedFnHook,
  FileWriter,
  FinalOpsHook,
  GlobalStepWaiterHook,
  Graph,
  getOrCreateGlobalStep,
  InvalidArgumentError,
  monitoredTrainingSession,
  Server,
  Session,
  StopAtStepHook,
  SummarySaverHook,
  type TensorValue,
} from "../../../src/index.js";
import { frameRecord } from "../../../src/io/record.js";
import { SessionLog_SessionStatus, Summary, Summary_Value } from "../../../src/wire/io.js";
import { eventsIn } from "../../support/event-files.js";
import { test } from "../../support/suite.js";

let folder: string;
test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), "summaries-"));
});
test.after.each(() => rm(folder, { recursive: true }));

/** A step adds 1 to the global step; its summary is of what is fed. */
function counting() {
  const graph = new Graph();
  const step = getOrCreateGlobalStep(graph);
  const x = graph.ops.placeholderWithDefault(graph.constant(1, DataType.FLOAT), { shape: [], name: "x" });
  const summary = graph.ops.scalarSummary(graph.constant("x"), x);
  return { graph, step, x, summary, train: step.assignAdd(1n) };
}

test("records are framed as TensorFlow's TFRecordWriter does it", () => {
  const written = Buffer.concat([frameRecord(new TextEncoder().encode("abc")), frameRecord(new Uint8Array(0))]);
  assert.is(written.toString("hex"), "0300000000000000b099490e6162636e57f121000000000000000029039807d8ea82a2");
});

test("a writer's file begins with its version and holds what was added, in order", async () => {
  const path = join(folder, "a/b");
  const writer = await FileWriter.open(path, { filenameSuffix: ".mine" });
  for (let step = 1; step <= 3; step++) {
    writer.addSummary({ value: [{ ...Summary_Value.create(), tag: "loss", simpleValue: step / 2 }] }, step);
    if (step === 2) void writer.flush();
  }
  await writer.close();
  await writer.close();
  const [first, ...events] = await eventsIn(path);
  assert.is(first!.fileVersion, "brain.Event:2");
  assert.equal(
    events.map(({ step, summary }) => [step, summary!.value[0]!.tag, summary!.value[0]!.simpleValue]),
    [
      [1n, "loss", 0.5],
      [2n, "loss", 1],
      [3n, "loss", 1.5],
    ],
  );
  for (const { wallTime } of events) assert.ok(Math.abs(wallTime - Date.now() / 1000) < 60);
  assert.throws(
    () => writer.addSummary(Summary.create(), 4),
    (error: unknown) => error instanceof FailedPreconditionError,
  );
});

test("summaries are saved at the first step and every so many; others are fed, waited for, fetched at the end", async () => {
  const { graph, step, x, summary, train } = counting();
  let fed = 0;
  const final = new FinalOpsHook([step]);
  const hooks = [
    new StopAtStepHook({ lastStep: 7 }),
    new SummarySaverHook({ saveSteps: 3, summaryOp: summary, outputDir: folder }),
    new FeedFnHook(() => [[x, ++fed / 4]]),
    final,
  ];
  await monitoredTrainingSession({ graph, hooks, log: () => {} }, async (session) => {
    while (!session.shouldStop()) await session.run(train);
  });
  const [, started, ...events] = await eventsIn(folder);
  assert.is(started!.sessionLog!.status, SessionLog_SessionStatus.START);
  assert.equal(
    events.map((event) => [event.step, event.summary!.value[0]!.simpleValue]),
    [
      [1n, 0.25],
      [4n, 1],
      [7n, 1.75],
    ],
  );
  assert.equal([...(final.finalOpsValues as [TensorValue])[0].data], [7n]);
  for (const given of [{}, { outputDir: folder, summaryWriter: await FileWriter.open(join(folder, "own")) }]) {
    assert.throws(
      () => new SummarySaverHook({ saveSteps: 1, summaryOp: summary, ...given }),
      (error: unknown) => error instanceof InvalidArgumentError,
    );
    await given.summaryWriter?.close();
  }
});

test("a worker that is to start late waits for the global step", async () => {
  await using server = await Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} });
  const [early, late] = [counting(), counting()];
  await using first = new Session(server, { graph: early.graph });
  await first.run(early.step.initializer);
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const options = { graph: late.graph, master: server, isChief: false, log: () => {} };
  let step = 0;
  const waiting = monitoredTrainingSession(
    { ...options, hooks: [new GlobalStepWaiterHook(2, log)] },
    async (session) => {
      await session.run(late.train);
      step = Number((await session.run(late.step)).data[0]);
    },
  );
  for (let i = 0; i < 2; i++) await first.run(early.train);
  await waiting;
  assert.is(step, 3);
  assert.equal(lines, ["Waiting for global step 2 before starting training."]);
});

test.run();
