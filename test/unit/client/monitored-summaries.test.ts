// What a monitored session leaves beside its checkpoints without being told: summaries of the graph, its speed, the graph,
// notes of checkpoints; traces of steps by the profiler's hook; queues that are filled while it runs.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import {
  addQueueRunner,
  CheckpointSaverHook,
  type CheckpointSaverListener,
  DataType,
  FileWriter,
  Graph,
  GraphDef,
  getOrCreateGlobalStep,
  InvalidArgumentError,
  monitoredTrainingSession,
  ProfilerHook,
  QueueRunner,
  Saver,
  StopAtStepHook,
  summary,
  type TensorValue,
  Variable,
} from "../../../src/index.js";
import { type Event, SessionLog_SessionStatus } from "../../../src/wire/io.js";
import { parseText } from "../../../src/wire/text-parser.js";
import { eventsIn } from "../../support/event-files.js";
import { test } from "../../support/suite.js";

let folder: string;
test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), "monitored-summaries-"));
});
test.after.each(() => rm(folder, { recursive: true }));

function counting() {
  const graph = new Graph();
  const step = getOrCreateGlobalStep(graph);
  const sum = new Variable(graph, 0, { name: "sum", dtype: DataType.FLOAT });
  const train = graph.group([step.assignAdd(1n), sum.assignAdd(0.5)]);
  return { graph, step, sum, train };
}

test("a chief saves all summaries of the graph, its speed and the graph, in one file", async () => {
  const { graph, sum, train } = counting();
  graph.nameScope("tower", () => summary.scalar("the loss", sum));
  summary.histogram("weights", graph.ops.add([1, 2, 3], sum));
  summary.scalar("not saved", sum, { collections: [] });
  const hooks = [new StopAtStepHook({ lastStep: 5 })];
  const options = { saveSummariesSteps: 2, logStepCountSteps: 2, saveCheckpointSteps: 3, checkpointDir: folder };
  await monitoredTrainingSession({ graph, hooks, log: () => {}, ...options }, async (session) => {
    while (!session.shouldStop()) await session.run(train);
  });
  const events = await eventsIn(folder);
  const kind = ({ fileVersion, graphDef, sessionLog, summary: found, step }: Event) => {
    if (fileVersion !== undefined) return "version";
    if (graphDef !== undefined) return "graph";
    if (sessionLog !== undefined)
      return `${step} ${sessionLog.status} ${sessionLog.checkpointPath.slice(folder.length)}`;
    return `${step} ${found!.value.map(({ tag }) => tag)}`;
  };
  const { START, CHECKPOINT } = SessionLog_SessionStatus;
  assert.equal(events.map(kind), [
    "version",
    "graph",
    `0 ${CHECKPOINT} /model.ckpt`,
    `1 ${START} `,
    "1 tower/the_loss,weights",
    "3 global_step/sec",
    "3 tower/the_loss,weights",
    `3 ${CHECKPOINT} /model.ckpt`,
    "5 global_step/sec",
    "5 tower/the_loss,weights",
    `5 ${CHECKPOINT} /model.ckpt`,
  ]);
  const losses = events.flatMap((event) => event.summary?.value.filter(({ tag }) => tag === "tower/the_loss") ?? []);
  assert.equal(
    losses.map(({ simpleValue }) => simpleValue),
    [0, 1, 2],
  );
  // The graph as text, and as the event has it.
  const text = parseText<GraphDef>("GraphDef", await readFile(join(folder, "graph.pbtxt"), "utf8"));
  const names = graph.exportGraphDef().node.map(({ name }) => name);
  assert.equal(
    text.node.map(({ name }) => name),
    names,
  );
  assert.equal(
    GraphDef.decode(events[1]!.graphDef!).node.map(({ name }) => name),
    names,
  );
  assert.ok(names.includes("tower/the_loss/tags") && names.includes("Merge/MergeSummary"));
});

test("a summaryDir of its own, none where there is nothing to save, none for workers", async () => {
  const run = async (more: { isChief?: boolean; checkpointDir?: string; summaryDir?: string }) => {
    const { graph, train } = counting();
    const options = { graph, log: () => {}, saveCheckpointSecs: 0, maxWaitSecs: 0.01, recoveryWaitSecs: 0.1, ...more };
    await monitoredTrainingSession(options, async (session) => {
      await session.run(train);
    }).catch((error: Error) => assert.match(error.message, "Session was not ready"));
  };
  await run({ summaryDir: join(folder, "own") });
  assert.is((await eventsIn(join(folder, "own"))).length, 2);
  await run({ isChief: false, checkpointDir: join(folder, "worker") });
  assert.equal(await readdir(folder), ["own"]);
  const { graph, sum } = counting();
  assert.is(summary.mergeAll(graph), null);
  const merged = summary.merge([summary.scalar("a", sum)], { collections: ["mine"] });
  assert.equal(graph.collection("mine"), [merged]);
  assert.throws(
    () => summary.merge([]),
    (error: unknown) => error instanceof InvalidArgumentError,
  );
});

test("listeners hear of checkpoints and may end the training", async () => {
  const { graph, train } = counting();
  const told: string[] = [];
  const listener: CheckpointSaverListener = {
    begin: () => void told.push("begin"),
    beforeSave: (_, step) => void told.push(`before ${step}`),
    afterSave: (_, step) => {
      told.push(`after ${step}`);
      return step >= 2;
    },
    end: (_, step) => void told.push(`end ${step}`),
  };
  const saver = new Saver(graph);
  const hook = new CheckpointSaverHook(folder, {
    saveSteps: 2,
    saver,
    listeners: [listener],
    saveGraphDef: false,
    log: () => {},
  });
  await monitoredTrainingSession({ graph, hooks: [hook], log: () => {} }, async (session) => {
    while (!session.shouldStop()) await session.run(train);
  });
  assert.equal(told, ["begin", "before 0", "after 0", "before 2", "after 2", "end 2"]);
  assert.equal(
    (await readdir(folder)).filter((name) => /pbtxt|meta/.test(name)),
    [],
  );
});

test("the profiler traces a step every so often", async () => {
  const { graph, train } = counting();
  const writer = await FileWriter.open(join(folder, "events"));
  const hooks = [
    new ProfilerHook({ saveSteps: 2, outputDir: join(folder, "traces"), summaryWriter: writer, log: () => {} }),
    new StopAtStepHook({ lastStep: 5 }),
  ];
  await monitoredTrainingSession({ graph, hooks, log: () => {} }, async (session) => {
    while (!session.shouldStop()) await session.run(train);
  });
  await writer.close();
  assert.equal((await readdir(join(folder, "traces"))).sort(), ["timeline-2.json", "timeline-4.json"]);
  const { traceEvents } = JSON.parse(await readFile(join(folder, "traces/timeline-4.json"), "utf8"));
  assert.ok(traceEvents.some(({ name }: { name: string }) => name === "AssignAddVariableOp"));
  const tags = (await eventsIn(join(folder, "events"))).flatMap((event) => event.taggedRunMetadata?.tag ?? []);
  assert.equal(tags, ["step_2", "step_4"]);
});

test("queues are filled while a monitored session runs, and closed when their input ends", async () => {
  const { graph, train } = counting();
  const { ops } = graph;
  const queue = ops.fifoQueueV2({ componentTypes: [DataType.INT64], shapes: [[]], capacity: 2, name: "input_queue" });
  const next = new Variable(graph, 0n, { name: "next", dtype: DataType.INT64 });
  const counted = ops.resourceCountUpTo(next.handle, { limit: 5, t: DataType.INT64 });
  addQueueRunner(graph, new QueueRunner(queue, [ops.queueEnqueueV2(queue, [counted])]));
  const [item] = ops.queueDequeueV2(queue, { componentTypes: [DataType.INT64] });
  const found: bigint[] = [];
  await monitoredTrainingSession({ graph, log: () => {} }, async (session) => {
    while (!session.shouldStop()) {
      const [{ data }] = (await session.run([item!, train])) as [TensorValue, undefined];
      found.push(data[0] as bigint);
    }
  });
  assert.equal(found, [0n, 1n, 2n, 3n, 4n]);
});

test("two runners of one queue both come to their end", async () => {
  const { graph, train } = counting();
  const { ops } = graph;
  const queue = ops.fifoQueueV2({ componentTypes: [DataType.INT64], shapes: [[]], capacity: 10 });
  for (const limit of [1, 2]) {
    const next = new Variable(graph, 0n, { name: `next${limit}`, dtype: DataType.INT64 });
    const counted = ops.resourceCountUpTo(next.handle, { limit, t: DataType.INT64 });
    addQueueRunner(graph, new QueueRunner(queue, [ops.queueEnqueueV2(queue, [counted])]));
  }
  const [item] = ops.queueDequeueV2(queue, { componentTypes: [DataType.INT64] });
  let found = 0;
  await monitoredTrainingSession({ graph, log: () => {} }, async (session) => {
    // Both close the queue, the second in vain.
    await new Promise((resolve) => setTimeout(resolve, 100));
    while (!session.shouldStop()) {
      await session.run([item!, train]);
      found++;
    }
  });
  assert.ok(found > 0);
});

test.run();
