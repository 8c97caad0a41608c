// Monitored sessions: what hooks are told and may ask for, checkpoints saved and restored, a session that is lost and made
// anew, workers that wait for their chief. Nothing is left on the server when they end.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import {
  addQueueRunner,
  CancelledError,
  DataType,
  DeadlineExceededError,
  FailedPreconditionError,
  Graph,
  getOrCreateGlobalStep,
  InvalidArgumentError,
  LoggingTensorHook,
  latestCheckpoint,
  MonitoredSession,
  type MonitoredSessionOptions,
  monitoredTrainingSession,
  NanLossDuringTrainingError,
  NanTensorHook,
  OutOfRangeError,
  QueueRunner,
  type ScaffoldOptions,
  Server,
  Session,
  type SessionRunHook,
  StepCounterHook,
  StopAtStepHook,
  type TensorValue,
  Variable,
} from "../../../src/index.js";
import { test } from "../../support/suite.js";

let server: Server;
let folder: string;

test.before.each(async () => {
  server = await Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} });
  folder = await mkdtemp(join(tmpdir(), "monitored-"));
});

test.after.each(async () => {
  const { worker } = server.parts.engine;
  const held = { steps: worker.openSteps, sessions: worker.openSessions };
  await server.stop();
  await rm(folder, { recursive: true });
  assert.equal(held, { steps: 0, sessions: 0 });
});

/** A step adds 1 to the global step and to `sum` what is fed. */
function counting() {
  const graph = new Graph();
  const step = getOrCreateGlobalStep(graph);
  const sum = new Variable(graph, 0, { name: "sum", dtype: DataType.FLOAT });
  const x = graph.ops.placeholderWithDefault(graph.constant(1, DataType.FLOAT), { shape: [], name: "x" });
  const train = graph.group([step.assignAdd(1n), sum.assignAdd(x)]);
  return { graph, step, sum, x, train };
}

const optionsFor = (graph: Graph, more: Partial<MonitoredSessionOptions> = {}): MonitoredSessionOptions => ({
  graph,
  master: server,
  recoveryWaitSecs: 0.02,
  log: () => {},
  ...more,
});

async function failure(act: Promise<unknown>): Promise<Error> {
  try {
    await act;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it should have failed");
}

test("hooks are told what happens, in order, and get what they ask for", async () => {
  const { graph, sum, x, train } = counting();
  const told: string[] = [];
  const hook = (name: string, feed?: number): SessionRunHook => ({
    begin: () => void told.push(`${name} begin`),
    afterCreateSession: () => void told.push(`${name} session`),
    beforeRun: ({ originalArgs }) => {
      assert.is(originalArgs.fetches, train);
      told.push(`${name} before`);
      return { fetches: { sum, twice: [x, x] }, feeds: feed === undefined ? [] : [[x, feed]] };
    },
    afterRun: ({ requestStop }, { results }) => {
      const { twice } = results as { twice: TensorValue[] };
      told.push(`${name} after ${twice.map(({ data }) => data[0])}`);
      if (name === "b") requestStop();
    },
    end: () => void told.push(`${name} end`),
  });
  await monitoredTrainingSession(optionsFor(graph, { hooks: [hook("a", 5), hook("b")] }), async (session) => {
    assert.not(session.shouldStop());
    assert.is(await session.run(train), undefined);
    assert.ok(session.shouldStop());
    const refused = await failure(session.run(train));
    assert.instance(refused, FailedPreconditionError);
    assert.is(refused.message, "Run called even after should_stop requested.");
  });
  assert.equal(told, [
    "a begin",
    "b begin",
    "a session",
    "b session",
    "a before",
    "b before",
    "a after 5,5",
    "b after 5,5",
    "a end",
    "b end",
  ]);
});

test("a tensor is fed once", async () => {
  const { graph, x, train } = counting();
  const feeds = (): SessionRunHook => ({ beforeRun: () => ({ feeds: [[x, 2]] }) });
  const fails = async (hooks: SessionRunHook[], text: string) => {
    await using session = await MonitoredSession.open(optionsFor(graph, { hooks }));
    const error = await failure(session.run(train, hooks.length === 1 ? [["x", 3]] : []));
    assert.instance(error, InvalidArgumentError);
    assert.is(error.message, text);
  };
  await fails([feeds(), feeds()], "Same tensor is fed by two hooks. Conflict(s): [x:0]");
  await fails([feeds()], "Same tensor is fed by a SessionRunHook and user. Conflict(s): [x:0]");
});

test("a failed step is the caller's, hooks hear of no end", async () => {
  const { graph, x } = counting();
  let ended = false;
  const hooks: SessionRunHook[] = [
    {
      end: () => {
        ended = true;
      },
    },
  ];
  const broken = graph.ops.checkNumerics(x, { message: "broken" });
  const error = await failure(
    monitoredTrainingSession(optionsFor(graph, { hooks }), async (session) => {
      await session.run(broken, [[x, Number.NaN]]);
    }),
  );
  assert.instance(error, InvalidArgumentError);
  assert.not(ended);
});

test("hooks hear of the end after failures that the caller caught, and after queue runners failed", async () => {
  const { graph, x, train } = counting();
  const ends: string[] = [];
  const hooks: SessionRunHook[] = [{ end: () => void ends.push("end") }];
  const broken = graph.ops.checkNumerics(x, { message: "broken" });
  const fails = async (session: MonitoredSession) =>
    assert.instance(await failure(session.run(broken, [[x, Number.NaN]])), InvalidArgumentError);
  await monitoredTrainingSession(optionsFor(graph, { hooks }), fails);
  assert.equal(ends, ["end"]);
  const session = await MonitoredSession.open(optionsFor(graph, { hooks }));
  await fails(session);
  await session.run(train);
  await session.close();
  assert.equal(ends, ["end", "end"]);
  const queue = graph.ops.fifoQueueV2({ componentTypes: [DataType.FLOAT], shapes: [[]] });
  const never = graph.placeholder(DataType.FLOAT, [], "never");
  addQueueRunner(graph, new QueueRunner(queue, [graph.ops.queueEnqueueV2(queue, [never])]));
  const error = await failure(
    monitoredTrainingSession(optionsFor(graph, { hooks }), async (session) => {
      while (!session.shouldStop()) await new Promise((resolve) => setTimeout(resolve, 5));
    }),
  );
  assert.match(error.message, "You must feed a value for placeholder tensor 'never'");
  assert.equal(ends, ["end", "end", "end"]);
});

test("the end of the input is the end of the training", async () => {
  const { graph } = counting();
  const queue = graph.ops.fifoQueueV2({ componentTypes: [DataType.FLOAT], shapes: [[]] });
  const [next] = graph.ops.queueDequeueV2(queue, { componentTypes: [DataType.FLOAT] });
  const [put, close] = [
    graph.ops.queueEnqueueV2(queue, [graph.constant(3, DataType.FLOAT)]),
    graph.ops.queueCloseV2(queue),
  ];
  const ends: boolean[] = [];
  const found: unknown[] = [];
  const hooks: SessionRunHook[] = [{ end: () => void ends.push(true) }];
  await monitoredTrainingSession(optionsFor(graph, { hooks }), async (session) => {
    await session.run(put);
    await session.run(close);
    while (!session.shouldStop()) found.push((await session.run(next!)).data[0]);
  });
  assert.equal(found, [3]);
  assert.equal(ends, [true]);
  const session = await MonitoredSession.open(optionsFor(graph, { hooks }));
  await session.run(close);
  assert.instance(await failure(session.run(next!)), OutOfRangeError);
  await session.close();
  assert.equal(ends, [true, true]);
});

test("StopAtStepHook stops at a step, or after some", async () => {
  const { graph, step, train } = counting();
  const stepsAt = async (hook: StopAtStepHook, scaffold: ScaffoldOptions = {}): Promise<unknown> => {
    let last: unknown;
    await monitoredTrainingSession(optionsFor(graph, { hooks: [hook], scaffold }), async (session) => {
      while (!session.shouldStop()) await session.run(train);
      await using plain = new Session(server, { graph });
      last = (await plain.run(step)).data[0];
    });
    return last;
  };
  assert.is(await stepsAt(new StopAtStepHook({ lastStep: 3 })), 3n);
  assert.is(await stepsAt(new StopAtStepHook({ numSteps: 4 }), { initOp: graph.group([]) }), 7n);
  const refused = (make: () => unknown, text: string) =>
    assert.throws(make, (error: Error) => error instanceof InvalidArgumentError && error.message === text);
  refused(() => new StopAtStepHook({}), "One of num_steps or last_step must be specified.");
  refused(
    () => new StopAtStepHook({ numSteps: 1, lastStep: 1 }),
    "Only one of num_steps or last_step can be specified.",
  );
  await refusedWithoutStep(new StopAtStepHook({ lastStep: 1 }), "StopAtStepHook");
  await refusedWithoutStep(new StepCounterHook(), "StepCounterHook");
});

async function refusedWithoutStep(hook: SessionRunHook, name: string): Promise<void> {
  const error = await failure(MonitoredSession.open(optionsFor(new Graph(), { hooks: [hook] })));
  assert.instance(error, InvalidArgumentError);
  assert.is(error.message, `Global step should be created to use ${name}.`);
}

test("checkpoints are saved as the training goes, and found by the next one", async () => {
  const checkpointDir = join(folder, "deep", "model");
  const lines: string[] = [];
  const trained = async (lastStep: number) => {
    const { graph, sum, train } = counting();
    let value = 0;
    await monitoredTrainingSession(
      optionsFor(graph, {
        checkpointDir,
        saveCheckpointSteps: 2,
        hooks: [new StopAtStepHook({ lastStep })],
        log: (line) => lines.push(line),
      }),
      async (session) => {
        while (!session.shouldStop()) await session.run(train);
        await using plain = new Session(server, { graph });
        value = (await plain.run(sum)).data[0] as number;
      },
    );
    await Session.reset(server);
    return value;
  };
  const saved = (...steps: number[]) =>
    steps.map((step) => `Saving checkpoints for ${step} into ${checkpointDir}/model.ckpt.`);
  assert.is(await trained(5), 5);
  assert.equal(lines.splice(0), saved(0, 2, 4, 5));
  assert.is(await latestCheckpoint(checkpointDir), `${checkpointDir}/model.ckpt-5`);
  assert.is(await trained(7), 7);
  assert.equal(lines, saved(5, 7));
  const kept = (await readdir(checkpointDir)).filter((name) => name.endsWith(".index")).sort();
  assert.equal(
    kept,
    [0, 2, 4, 5, 7].map((step) => `model.ckpt-${step}.index`),
  );
});

test("a session that is lost is made anew: from the checkpoint, and the step is run again", async () => {
  const { graph, sum, train } = counting();
  const sessions: Session[] = [];
  const lines: string[] = [];
  const hooks: SessionRunHook[] = [{ afterCreateSession: (session) => void sessions.push(session) }];
  const more = { hooks, checkpointDir: folder, saveCheckpointSteps: 2, logStepCountSteps: 0 };
  await monitoredTrainingSession(optionsFor(graph, { ...more, log: (line) => lines.push(line) }), async (session) => {
    for (let i = 0; i < 3; i++) await session.run(train);
    await Session.reset(server);
    const value = await session.run([train, sum.value]);
    assert.ok([2, 3].includes(value[1].data[0] as number), "the checkpoint of step 2 and one more step");
    assert.is((await session.run(sum)).data[0], 3);
  });
  assert.is(sessions.length, 2);
  assert.is(new Set(sessions).size, 2);
  assert.ok(
    lines.some((line) => /^A task was lost, a new session will be made\. Error: Session .* is not found/.test(line)),
  );
});

test("steps side by side share the session that is made anew", async () => {
  const { graph, train } = counting();
  let made = 0;
  const hooks: SessionRunHook[] = [{ afterCreateSession: () => void made++ }];
  await monitoredTrainingSession(optionsFor(graph, { hooks }), async (session) => {
    await session.run(train);
    await Session.reset(server);
    await Promise.all([session.run(train), session.run(train), session.run(train)]);
  });
  assert.is(made, 2);
});

test("closing ends the making of a session that a step waits for", async () => {
  const chief = counting();
  const worker = counting();
  const waits: string[] = [];
  await using first = await MonitoredSession.open(optionsFor(chief.graph));
  await first.run(chief.train);
  const log = (line: string) => void waits.push(line);
  const session = await MonitoredSession.open(optionsFor(worker.graph, { isChief: false, log }));
  await Session.reset(server);
  const step = failure(session.run(worker.train));
  while (!waits.some((line) => line.startsWith("Waiting for model"))) await new Promise((wake) => setTimeout(wake, 5));
  await session.close();
  assert.instance(await step, CancelledError);
});

test("a worker waits for its chief, not longer than it is told", async () => {
  const worker = counting();
  const chief = counting();
  const waiting = optionsFor(worker.graph, { isChief: false });
  const late = await failure(MonitoredSession.open({ ...waiting, maxWaitSecs: 0.1 }));
  assert.instance(late, DeadlineExceededError);
  assert.is(late.message, "Session was not ready after waiting 0 secs.");
  const abort = new AbortController();
  const aborted = MonitoredSession.open({ ...waiting, signal: abort.signal, log: () => abort.abort() });
  assert.instance(await failure(aborted), CancelledError);
  const lines: string[] = [];
  const opening = MonitoredSession.open({ ...waiting, log: (line) => lines.push(line) });
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(lines[0], "Waiting for model to be ready.  Variables not initialized: global_step, sum");
  await using chiefs = await MonitoredSession.open(optionsFor(chief.graph));
  await chiefs.run(chief.train);
  await using workers = await opening;
  assert.is((await workers.run(worker.sum)).data[0], 1);
});

test("what the scaffold says initializes the model; a model that isn't ready then is refused", async () => {
  const { graph, sum, step } = counting();
  const seven = sum.assign(7);
  const initFn = async (session: Session) => {
    await session.run(seven);
  };
  const plain = await MonitoredSession.open(optionsFor(graph, { scaffold: { initOp: step.initializer, initFn } }));
  assert.is((await plain.run(sum)).data[0], 7);
  await plain.close();
  await Session.reset(server);
  const error = await failure(MonitoredSession.open(optionsFor(graph, { scaffold: { initOp: step.initializer } })));
  assert.instance(error, FailedPreconditionError);
  assert.is(
    error.message,
    "Init operations did not make model ready for local_init.  Init op: global_step/Assign, init fn: None, " +
      "error: Variables not initialized: sum",
  );
});

test("tensors and speed are logged, a loss that is no number ends the training", async () => {
  const { graph, sum, x, train } = counting();
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const loss = graph.ops.mul(x, 2, { name: "loss" });
  graph.ops.pack([x, x], { name: "pair" });
  const half = graph.ops.cast(loss, { dstT: DataType.HALF });
  const hooks = [
    new LoggingTensorHook({ loss, pair: "pair:0", half }, { everyNIter: 2, atEnd: true, log }),
    new StepCounterHook({ everyNSteps: 2, log }),
    new NanTensorHook(loss, false, log),
  ];
  await monitoredTrainingSession(optionsFor(graph, { hooks }), async (session) => {
    for (let i = 0; i < 4; i++) await session.run([train, sum]);
    await session.run(train, [[x, Number.NaN]]);
    assert.ok(session.shouldStop());
  });
  const shapes = lines.map((line) => line.replace(/\d+\.\d+ sec|(?<=sec: )[\d.]+/, "#"));
  assert.is(shapes[0], "loss = 2, pair = [1 1], half = 2");
  assert.is(shapes.filter((line) => line === "loss = 2, pair = [1 1], half = 2 (#)").length, 2);
  assert.is(shapes.filter((line) => line === "loss = NaN, pair = [NaN NaN], half = NaN (#)").length, 1);
  assert.ok(shapes.includes("global_step/sec: #"));
  assert.ok(shapes.includes("Model diverged with loss = NaN."));
  const strict = optionsFor(graph, { hooks: [new NanTensorHook(half)] });
  const error = await failure(
    monitoredTrainingSession(strict, async (session) => {
      await session.run(train, [[x, Number.NaN]]);
    }),
  );
  assert.instance(error, NanLossDuringTrainingError);
  assert.is(error.message, "NaN loss during training.");
});

test.run();
