// Handles to tensors that a session in process keeps from one step to the next. What is asserted is what TensorFlow's
// session in process does; one of a server keeps none.
import * as assert from "uvu/assert";
import {
  DataType,
  FailedPreconditionError,
  Graph,
  InternalError,
  InvalidArgumentError,
  Server,
  Session,
} from "../../../src/index.js";
import { openLocalEngine } from "../../../src/server/engine.js";
import { notReached, scoped } from "../../support/scoped.js";
import { test } from "../../support/suite.js";

const DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0";
const handle = (id: number): string => `h;${id};${DEVICE}`;

function build() {
  const graph = new Graph();
  const { ops } = graph;
  const value = graph.constant([1.5, 2]);
  const made = ops.getSessionHandle(value, { name: "h" });
  const unfetched = graph.controlDependencies([made], () => ops.identity(value));
  const name = graph.placeholder(DataType.STRING, []);
  const get = ops.getSessionTensor(name, { dtype: DataType.FLOAT });
  const wrong = ops.getSessionTensor(name, { dtype: DataType.INT32 });
  return { graph, made, unfetched, name, get, wrong, drop: ops.deleteSessionTensor(name) };
}

async function refused(run: Promise<unknown>, kind: new (...args: never[]) => Error, text: string): Promise<void> {
  await run.then(notReached, (error: Error) => {
    assert.instance(error, kind);
    assert.ok(error.message.includes(text), error.message);
  });
}

scoped("a tensor whose handle was fetched is there for later steps, until it is deleted", async (keep) => {
  const engine = await openLocalEngine();
  const { allocator } = engine.devices[0]!;
  const { graph, made, unfetched, name, get, wrong, drop } = build();
  const session = keep(new Session(engine, { graph }));
  assert.equal((await session.run(made)).data, [handle(0)]);
  assert.equal((await session.run(made)).data, [handle(1)]);
  await session.run(unfetched);
  assert.equal([...((await session.run(get, [[name, handle(0)]])).data as Float32Array)], [1.5, 2]);
  await refused(
    session.run(get, [[name, handle(2)]]),
    InvalidArgumentError,
    `The tensor with handle '${handle(2)}' is not in the session store.`,
  );
  await refused(session.run(wrong, [[name, handle(1)]]), InternalError, "declared output type int32");
  await session.run(drop, [[name, handle(0)]]);
  await refused(
    session.run(drop, [[name, handle(0)]]),
    InvalidArgumentError,
    `Failed to delete a tensor with handle '${handle(0)}' in the session store.`,
  );
  assert.equal((await session.run(made)).data, [handle(3)]);
  await session.close();
  assert.is(allocator.blocksInUse, 0);
  await engine.close();
});

scoped("a server's session keeps none", async (keep) => {
  const server = keep(await Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} }));
  const { graph, made } = build();
  const session = keep(new Session(server.target, { graph }));
  await refused(session.run(made), FailedPreconditionError, "GetSessionHandle called on null session state");
});

test.run();
