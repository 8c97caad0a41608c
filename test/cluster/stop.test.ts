// What `stop` means: steps in flight end or are cancelled, whoever waits hears of it, and then nothing stays open.
import * as assert from "uvu/assert";
import { DataType, Graph, Session, UnavailableError } from "../../src/index.js";
import { Server } from "../../src/server/server.js";
import { test } from "../support/suite.js";

const serve = () => Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A queue that sessions share, and a step that waits for its element. */
function waiting(target: string) {
  const graph = new Graph();
  const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT], shared_name: "q" }).output();
  const put = graph.op("QueueEnqueueV2", [queue, [graph.constant(7, DataType.FLOAT)]]);
  const take = graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }).output();
  return { put, take, session: new Session(target, { graph }) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await pause(10);
  assert.ok(condition());
}

test("steps may end by themselves while the grace lasts", async () => {
  const server = await serve();
  const { put, take, session } = waiting(server.target);
  const element = session.run(take);
  await until(() => server.parts.engine.worker.openSteps === 1);
  const stopped = server.stop({ graceMs: 10_000 });
  assert.is(server.stop(), stopped);
  await session.run(put);
  assert.equal([...(await element).data], [7]);
  await Promise.all([stopped, server.join()]);
  await session.close().catch(() => {});
});

test("without it they are unavailable, and so is the server", async () => {
  const server = await serve();
  server.start();
  server.start();
  const { put, take, session } = waiting(server.target);
  const failed = session.run(take).catch((error: unknown) => error);
  await until(() => server.parts.engine.worker.openSteps === 1);
  await server.stop();
  await server.join();
  assert.instance(await failed, UnavailableError);
  const later = await session.run(put).catch((error: unknown) => error);
  assert.instance(later, UnavailableError);
  await session.close().catch(() => {});
});

test("nothing stays open: sockets, timers, memory", async () => {
  await pause(50);
  const before = process.getActiveResourcesInfo().sort();
  const server = await serve();
  const { put, take, session } = waiting(server.target);
  await session.run(put);
  await session.run(take);
  await session.run(put);
  await session.close();
  const { allocator } = server.parts.engine.devices[0]!;
  assert.ok(allocator.bytesInUse > 0);
  await server.stop();
  assert.is(allocator.bytesInUse, 0);
  assert.is(server.parts.engine.worker.openSteps, 0);
  const added = () => {
    const left = [...before];
    return process.getActiveResourcesInfo().filter((kind) => {
      const at = left.indexOf(kind);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  // The wait itself is a timer.
  await until(() => added().every((kind) => kind === "Timeout"));
  assert.ok(added().length <= 1, added().join());
});

test.run();
