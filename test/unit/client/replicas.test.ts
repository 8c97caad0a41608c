// Graphs for several workers beside those that Python makes (conformance/record_client.py): devices by a replica device
// setter, and all that a SyncReplicasOptimizer adds, node by node.
import * as assert from "uvu/assert";
import {
  DataType,
  GradientDescentOptimizer,
  Graph,
  getOrCreateGlobalStep,
  IndexedSlices,
  InvalidArgumentError,
  initializers,
  type Operation,
  type ReplicaDeviceOptions,
  replicaDeviceSetter,
  SyncReplicasOptimizer,
  Variable,
} from "../../../src/index.js";
import { readRecorded } from "../../support/client-records.js";
import { test } from "../../support/suite.js";

interface NodeLine {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly device: string;
  readonly class?: readonly string[];
  readonly shared_name?: string;
}

interface Recorded {
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly sync: Readonly<Record<string, { nodes: readonly NodeLine[]; made: Readonly<Record<string, string>> }>>;
}

const recorded = readRecorded<Recorded>("replicas");

const setters: Readonly<Record<string, ReplicaDeviceOptions>> = {
  one: { psTasks: 1 },
  "round robin": { psTasks: 2, workerDevice: "/job:worker/task:1" },
  cluster: { cluster: { ps: ["a:1", "b:1", "c:1"], worker: ["d:1"] }, workerDevice: "/job:worker/task:0" },
  "other job": { psTasks: 2, psDevice: "/job:store/device:CPU:0", workerDevice: "" },
  ops: { psTasks: 2, psOps: ["Placeholder"] },
  strategy: { psTasks: 4, psStrategy: ({ name }) => name.length % 4 },
  "no ps": { psTasks: 0, workerDevice: "/job:worker/task:1" },
  "no ps in the cluster": { cluster: { worker: ["d:1"] } },
};

for (const [name, options] of Object.entries(setters)) {
  test(`devices by a replica device setter: ${name}`, () => {
    const graph = new Graph();
    const handle = (as: string) =>
      graph.ops.varHandleOp({ dtype: DataType.FLOAT, shape: [], sharedName: as, name: as });
    const noOp = (as: string) => graph.op("NoOp", [], {}, { name: as });
    graph.device(replicaDeviceSetter(options), () => {
      handle("a");
      graph.placeholder(DataType.FLOAT, [], "x");
      handle("b");
      graph.device("/job:ps/task:1", () => handle("c"));
      graph.device("/job:other", () => [handle("d"), noOp("n")]);
      graph.device("/device:GPU:1", () => [handle("e"), noOp("m")]);
      graph.device("/job:ps", () => noOp("o"));
      handle("f");
    });
    const devices = Object.fromEntries(graph.operations.map((operation) => [operation.name, operation.device]));
    assert.equal(devices, recorded.devices[name]);
  });
}

function buildSync(totalNumReplicas: number) {
  const graph = new Graph();
  return graph.device(replicaDeviceSetter({ psTasks: 2, workerDevice: "/job:worker/task:1" }), () => {
    const globalStep = getOrCreateGlobalStep(graph);
    const w = new Variable(graph, initializers.zeros(), { name: "w", shape: [3, 2] });
    const table = new Variable(graph, initializers.ones(), { name: "table", shape: [4, 2] });
    const idle = new Variable(graph, 1, { name: "idle", dtype: DataType.FLOAT });
    const dense = graph.placeholder(DataType.FLOAT, [3, 2], "dense");
    const rows = new IndexedSlices(
      graph.placeholder(DataType.FLOAT, [-1, 2], "values"),
      graph.placeholder(DataType.INT32, [-1], "indices"),
      graph.placeholder(DataType.INT32, [2], "shape"),
    );
    const inner = new GradientDescentOptimizer(0.5);
    const optimizer = new SyncReplicasOptimizer(inner, { replicasToAggregate: 2, totalNumReplicas });
    const pairs = [[dense, w] as const, [rows, table] as const, [null, idle] as const];
    const train = optimizer.applyGradients(pairs, { globalStep });
    const tokens = optimizer.initTokensOp();
    return { graph, optimizer, train, tokens };
  });
}

const decoder = new TextDecoder();

function lineOf(operation: Operation): NodeLine {
  const { attrs } = operation.node;
  const classes = (attrs.get("_class")?.list?.s ?? []).map((name) => decoder.decode(name));
  const shared = decoder.decode(attrs.get("shared_name")?.s ?? new Uint8Array());
  return {
    name: operation.name,
    op: operation.type,
    input: [
      ...operation.inputs.map(({ name }) => name.replace(/:0$/, "")),
      ...operation.controlInputs.map(({ name }) => `^${name}`),
    ],
    device: operation.device,
    ...(classes.length === 0 ? {} : { class: classes }),
    ...(shared === "" ? {} : { shared_name: shared }),
  };
}

/**
 * Without what has no part in it: how initial values are made and which variables have one is asked. A variable's own ops
 * name it as their place here; Python leaves that to its placer. Python also reads each variable that it assigns, in vain.
 */
function comparable(nodes: readonly NodeLine[]): NodeLine[] {
  const apart = /\/Initializer\/|\/IsInitialized\/|^report_uninitialized_variables|^ReadVariableOp_\d$/;
  const isOwn = ({ name }: NodeLine) => /\/(Assign|Read\/ReadVariableOp)$/.test(name);
  const isVariable = ({ op }: NodeLine) => op === "VarHandleOp";
  return nodes
    .filter(({ name }) => !apart.test(name))
    .map((line) => {
      const { class: classes, ...rest } = line;
      return isOwn(line) || isVariable(line) || classes === undefined ? rest : line;
    })
    .map((line) => ({ ...line, input: line.input.filter((name) => !apart.test(name)).sort() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

for (const total of [2, 3]) {
  test(`SyncReplicasOptimizer adds TensorFlow's nodes: 2 of ${total} replicas`, () => {
    const { graph, optimizer, train, tokens } = buildSync(total);
    const expected = recorded.sync[total]!;
    const found = comparable(graph.operations.map(lineOf));
    assert.ok(found.length > 60);
    assert.equal(found, comparable(expected.nodes));
    const { queueRunner, chiefInitOp, localStepInitOp } = optimizer.syncOps;
    const made = {
      train,
      tokens,
      chief_init: chiefInitOp,
      local_init: localStepInitOp,
      enqueue: queueRunner.enqueueOps[0]!,
      close: queueRunner.closeOp,
      cancel: queueRunner.cancelOp,
    };
    assert.equal(Object.fromEntries(Object.entries(made).map(([key, { name }]) => [key, name])), expected.made);
    const { tensorContent } = graph.find("Fill/dims").node.attrs.get("value")!.tensor!;
    assert.equal([...tensorContent!], [total, 0, 0, 0]);
  });
}

test("SyncReplicasOptimizer refuses what TensorFlow refuses", () => {
  const optimizer = new SyncReplicasOptimizer(new GradientDescentOptimizer(0.1), {
    replicasToAggregate: 3,
    totalNumReplicas: 1,
  });
  const refused = (act: () => unknown, text: string) =>
    assert.throws(act, (error: Error) => error instanceof InvalidArgumentError && error.message === text);
  refused(() => optimizer.syncOps, "Should be called after apply_gradients().");
  refused(() => optimizer.initTokensOp(), "get_init_tokens_op() should be called after apply_gradients().");
  refused(() => optimizer.applyGradients([]), "Must supply at least one variable");
  const graph = new Graph();
  const w = new Variable(graph, 1, { dtype: DataType.FLOAT });
  const pair = [graph.constant(1, DataType.FLOAT), w] as const;
  refused(() => optimizer.applyGradients([pair]), "Global step is required to check staleness");
  optimizer.applyGradients([pair], { globalStep: getOrCreateGlobalStep(graph) });
  refused(() => optimizer.initTokensOp(1), "Too few tokens to finish the first step: 1 (given) vs 2 (needed)");
  assert.is(optimizer.initTokensOp(2).type, "QueueEnqueueManyV2");
});

test.run();
