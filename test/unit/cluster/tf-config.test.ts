// TF_CONFIG, as Kubeflow's TFJob writes it.
import * as assert from "uvu/assert";
import { parseTfConfig } from "../../../src/cluster/tf-config.js";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { test } from "../../support/suite.js";

const hosts = (job: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${job}-${i}.svc:2222`);
const parse = (value: unknown) => parseTfConfig(JSON.stringify(value));

test("a TFJob's worker", () => {
  const config = parse({
    cluster: {
      chief: hosts("chief", 1),
      ps: hosts("ps", 2),
      worker: hosts("worker", 3),
      evaluator: hosts("evaluator", 1),
    },
    task: { type: "worker", index: 2 },
    environment: "cloud",
  });
  assert.equal(config.cluster.jobs, ["chief", "ps", "worker"]);
  assert.is(config.cluster.taskAddress("worker", 2), "worker-2.svc:2222");
  assert.equal([config.jobName, config.taskIndex, config.protocol, config.isChief], ["worker", 2, null, false]);
});

test("who leads", () => {
  const chief = (cluster: object, type: string, index: number): boolean =>
    parse({ cluster, task: { type, index } }).isChief;
  const workers = { worker: hosts("worker", 2) };
  assert.ok(chief({ ...workers, chief: hosts("chief", 1) }, "chief", 0));
  assert.ok(chief({ ...workers, master: hosts("master", 1) }, "master", 0));
  assert.not(chief({ ...workers, chief: hosts("chief", 1) }, "worker", 0));
  assert.ok(chief(workers, "worker", 0));
  assert.not(chief(workers, "worker", 1));
  assert.not(chief({ ...workers, ps: hosts("ps", 1) }, "ps", 0));
  assert.not(chief(workers, "evaluator", 0));
  assert.ok(parseTfConfig("{}").isChief);
});

test("what may be missing, and an index in quotes", () => {
  const empty = parseTfConfig("");
  assert.equal([empty.cluster.empty, empty.jobName, empty.taskIndex], [true, null, null]);
  assert.is(parse({ cluster: { worker: hosts("w", 2) }, task: { type: "worker", index: "1" } }).taskIndex, 1);
  assert.is(parse({ rpc_layer: "grpc" }).protocol, "grpc");
});

test("what is no TF_CONFIG", () => {
  const cases: [text: string, message: RegExp][] = [
    ["{", /^TF_CONFIG is not JSON: /],
    ["[]", /^TF_CONFIG must be an object$/],
    ['{"cluster": 3}', /^TF_CONFIG's cluster must be an object$/],
    ['{"task": "worker"}', /^TF_CONFIG's task must be an object$/],
    ['{"task": {"type": 3}}', /^TF_CONFIG's task.type must be a string$/],
    ['{"task": {"type": "w", "index": -1}}', /^TF_CONFIG's task.index must be a whole number$/],
    ['{"rpc_layer": 3}', /^TF_CONFIG's rpc_layer must be a string$/],
  ];
  for (const [text, message] of cases) {
    const wrong = (error: unknown): boolean => error instanceof InvalidArgumentError && message.test(error.message);
    assert.throws(() => parseTfConfig(text), wrong, text);
  }
  assert.throws(() => parse({ cluster: { worker: "a:1" } }), /^The tasks for job 'worker' must be a list/);
});

test.run();
