// Operating a cluster from a shell: it starts, is looked at, runs a script, and ends.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { DataType, Graph, RunMetadata, Server, Session } from "../../../src/index.js";
import { TestCluster } from "../../support/cluster.js";
import { test } from "../../support/suite.js";

const command = fileURLToPath(new URL("../../../src/cli/main.js", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  /** All that it writes, standard error too. */
  text: string;
  readonly ended: Promise<number | null>;
}

function tensorfleet(args: readonly string[], signal: AbortSignal): Run {
  const child = spawn(process.execPath, [command, ...args], { signal });
  const run: Run = { child, text: "", ended: once(child, "close").then(([code]) => code as number | null) };
  const add = (text: string) => {
    run.text += text;
  };
  child.stdout.setEncoding("utf8").on("data", add);
  child.stderr.setEncoding("utf8").on("data", add);
  return run;
}

/** What the command prints, once it has ended well. */
async function output(args: readonly string[], signal: AbortSignal): Promise<string> {
  const run = tensorfleet(args, signal);
  assert.is(await run.ended, 0, run.text);
  return run.text;
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a cluster runs until a signal, every task in a process", async (signal) => {
  const run = tensorfleet(["cluster", "--ps", "1", "--workers", "2"], signal);
  await until(() => (run.text.match(/Started server/g) ?? []).length === 3);
  const [, jobs] = /^(\{.*\})$/m.exec(run.text)!;
  const { ps, worker } = JSON.parse(jobs!) as { ps: string[]; worker: string[] };
  assert.is(worker.length, 2);
  const session = new Session(`grpc://${worker[0]}`);
  assert.is((await session.listDevices()).length, 3);
  assert.match(
    await output(["inspect", `grpc://${ps[0]}`], signal),
    new RegExp(`^/job:ps/replica:0/task:0  ${ps[0]}  up`),
  );
  await session.close();
  run.child.kill("SIGINT");
  assert.is(await run.ended, 0, run.text);
}, 60_000);

test("a script finds its place in TF_CONFIG; the cluster ends with it and has its exit code", async (signal) => {
  const folder = mkdtempSync(join(tmpdir(), "tensorfleet-cluster-"));
  try {
    const script = join(folder, "script.mjs");
    writeFileSync(
      script,
      `const { cluster, task } = JSON.parse(process.env.TF_CONFIG);
       console.log(task.type, task.index, Object.keys(cluster).join(), process.argv.slice(2).join());
       if (process.argv[2] === "fail" && task.index === 1) process.exit(7);
       if (process.argv[2] === "fail") setTimeout(() => {}, 60_000);`,
    );
    const cluster = ["cluster", "--ps", "1", "--workers", "2", "--quiet", "--run", script, "--"];
    const good = (await output([...cluster, "x", "y"], signal)).trim().split("\n").sort();
    assert.equal(good, ["[worker/0] worker 0 ps,worker x,y", "[worker/1] worker 1 ps,worker x,y"]);
    const bad = tensorfleet([...cluster, "fail"], signal);
    assert.is(await bad.ended, 7);
    assert.match(bad.text, /tensorfleet cluster: worker\/1 ended with 7\n/);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

test("inspect shows sessions, steps in flight, and who waits for which tensor", async (signal) => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const waits = graph.device("/job:ps/task:0", () => {
    const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT] }).output();
    return graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }, { name: "waits" }).output();
  });
  const y = graph.device("/job:worker/task:0", () => graph.op("Neg", [waits]).output());
  const session = new Session(cluster.target("worker", 0), { graph });
  const abort = new AbortController();
  const run = session.run(y, [], { signal: abort.signal }).catch(() => {});
  const report = () => cluster.server("ps", 0).report();
  await until(() => report().steps.some(({ running, waits }) => running && waits.length > 0));
  const text = await output(["inspect", cluster.target("worker", 0)], signal);
  assert.match(text, /session [0-9a-f]{16} {2}\d+ nodes, 1 steps running/);
  assert.match(text, /works for session [0-9a-f]{16} of \/job:worker\/replica:0\/task:0 {2}1 graphs/);
  assert.match(text, /step \d+ {2}runs since/);
  assert.match(
    text,
    /\/job:worker\/replica:0\/task:0\/device:CPU:0 waits for \S*waits\S* of \/job:ps\/replica:0\/task:0\/device:CPU:0 since/,
  );
  const json = JSON.parse(await output(["inspect", cluster.target("worker", 0), "--json"], signal)) as object;
  assert.equal(Object.keys(json), ["/job:ps/replica:0/task:0", "/job:worker/replica:0/task:0"]);
  abort.abort();
  await run;
  await session.close();
  await cluster.stopTask("ps", 0);
  const rest = await output(["inspect", cluster.target("worker", 0), "--timeout", "500"], signal);
  assert.match(rest, /\/job:ps\/replica:0\/task:0 {2}\S+ {2}does not answer/);
  assert.match(rest, /idle for|works for|up /);
}, 60_000);

test("a task ends when it is asked to, if it was told to", async (signal) => {
  const cluster = { local: ["127.0.0.1:0"] };
  const willing = await Server.create(cluster, { endOnRequest: true });
  await output(["end", willing.target], signal);
  await willing.join();
  await using unwilling = await Server.create(cluster);
  const refused = tensorfleet(["end", unwilling.target], signal);
  assert.is(await refused.ended, 2);
  assert.match(refused.text, /doesn't end on request/);
});

test("a task ends when no session came for a while, and not before", async () => {
  const server = await Server.create({ local: ["127.0.0.1:0"] }, { endWhenIdleMs: 300 });
  const session = new Session(server.target);
  await session.listDevices();
  let ended = false;
  void server.join().then(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 900));
  assert.not(ended);
  await session.close();
  await server.join();
});

test("trace makes a trace of a RunMetadata", async (signal) => {
  const folder = mkdtempSync(join(tmpdir(), "tensorfleet-trace-"));
  try {
    const file = join(folder, "metadata.pb");
    const nodeStats = [{ nodeName: "y", allStartMicros: 5n, allEndRelMicros: 2n, timelineLabel: "y = Neg(x)" }];
    writeFileSync(file, RunMetadata.encode({ stepStats: { devStats: [{ device: "CPU:0", nodeStats }] } }));
    const { traceEvents } = JSON.parse(await output(["trace", file], signal)) as { traceEvents: { name: string }[] };
    assert.equal(
      traceEvents.map(({ name }) => name),
      ["process_name", "Neg"],
    );
    writeFileSync(file, RunMetadata.encode({}));
    const refused = tensorfleet(["trace", file], signal);
    assert.is(await refused.ended, 2);
    assert.match(refused.text, /was not traced/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
