// The Kubernetes example: its manifest is read, and its containers' commands run as processes with the TF_CONFIG that
// Kubeflow's operator would set, on the loopback interface. The chief's end is the job's, the servers are told then.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { parseTfConfig } from "../../src/index.js";
import { test } from "../support/suite.js";

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Replicas {
  readonly replicas: number;
  readonly restartPolicy: string;
  readonly template: {
    readonly spec: { readonly containers: readonly Container[]; readonly volumes?: readonly { name: string }[] };
  };
}

interface TFJob {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly tfReplicaSpecs: Readonly<Record<string, Replicas>> };
}

const root = fileURLToPath(new URL("../../../", import.meta.url));
const job = parse(await readFile(join(root, "examples/kubernetes/tfjob.yaml"), "utf8")) as TFJob;
const replicaSpecs = Object.entries(job.spec.tfReplicaSpecs);

test("the manifest is a TFJob as the operator wants it", () => {
  assert.is(`${job.apiVersion} ${job.kind}`, "kubeflow.org/v1 TFJob");
  assert.equal(
    replicaSpecs.map(([type, { replicas }]) => [type, replicas]),
    [
      ["PS", 1],
      ["Chief", 1],
      ["Worker", 2],
    ],
  );
  for (const [type, { restartPolicy, template }] of replicaSpecs) {
    const [container, ...others] = template.spec.containers;
    assert.is(others.length, 0);
    assert.is(container!.name, "tensorflow", type);
    assert.equal(container!.ports, [{ name: "tfjob-port", containerPort: 2222 }]);
    assert.is(restartPolicy, "OnFailure");
    const volumes = (template.spec.volumes ?? []).map(({ name }) => name);
    for (const { name } of container!.volumeMounts ?? []) assert.ok(volumes.includes(name), name);
  }
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** What a process wrote, and how it ended. */
async function outcome(child: ChildProcess): Promise<{ readonly code: number | null; readonly text: string }> {
  let text = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (part) => {
      text += part;
    });
  }
  const [code] = await once(child, "close");
  return { code: code as number | null, text };
}

test("its commands train on the loopback interface, the servers end when they are told", async (signal) => {
  const model = await mkdtemp(join(tmpdir(), "tfjob-"));
  const cluster: Record<string, string[]> = {};
  for (const [type, { replicas }] of replicaSpecs) {
    const ports = await Promise.all(Array.from({ length: replicas }, freePort));
    cluster[type.toLowerCase()] = ports.map((port) => `127.0.0.1:${port}`);
  }
  const start = ([type, { template }]: (typeof replicaSpecs)[number], index: number) => {
    const [{ command, args = [], env = [] }] = template.spec.containers as readonly [Container];
    const [node, ...rest] = [...command, ...args].map((word) => (word === "/model" ? model : word));
    assert.is(node, "node");
    const task = { type: type.toLowerCase(), index };
    const TF_CONFIG = JSON.stringify({ cluster, task, environment: "cloud" });
    assert.is(parseTfConfig(TF_CONFIG).isChief, type === "Chief");
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value === "/model" ? model : value]));
    return outcome(
      spawn(process.execPath, rest, {
        cwd: root,
        signal,
        env: { ...process.env, ...variables, STEPS: "30", TF_CONFIG },
      }),
    );
  };
  const running = replicaSpecs.map((spec) => Array.from({ length: spec[1].replicas }, (_, i) => start(spec, i)));
  const [servers, chiefs, workers] = running as [(typeof running)[0], (typeof running)[0], (typeof running)[0]];
  const [chief] = await Promise.all(chiefs!);
  assert.is(chief!.code, 0, chief!.text);
  assert.match(chief!.text, /^accuracy on 1000 digits that it did not train on: 0\.\d+$/m);
  for (const { code, text } of await Promise.all(workers!)) assert.is(code, 0, text);
  const targets = cluster.ps!.map((address) => `grpc://${address}`);
  const cli = join(root, "dist/lib/cli/main.js");
  const told = await outcome(spawn(process.execPath, [cli, "end", ...targets], { signal }));
  assert.is(told.code, 0, told.text);
  for (const { code, text } of await Promise.all(servers!)) {
    assert.is(code, 0, text);
    assert.match(text, /^Started server with target: grpc:\/\/127\.0\.0\.1:\d+$/m);
  }
  assert.ok((await readdir(model)).includes("checkpoint"));
  await rm(model, { recursive: true });
}, 90_000);

test.run();
