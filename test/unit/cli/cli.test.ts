// The command as a shell sees it: standard output, standard error, exit codes and signals of a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { Session } from "../../../src/index.js";
import { type Init, ServerDef } from "../../../src/wire/core.js";
import { test } from "../../support/suite.js";

const command = fileURLToPath(new URL("../../../src/cli/main.js", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `whenReady` gets the process and the first line of its output. */
async function tensorfleet(
  args: readonly string[],
  signal: AbortSignal,
  whenReady?: (child: ChildProcess, line: string) => unknown,
  env: Record<string, string> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [command, ...args], { env: { ...process.env, ...env }, signal });
  const ended = once(child, "close");
  let out = "";
  let err = "";
  let ready = whenReady;
  child.stderr.on("data", (text) => {
    err += text;
  });
  let working: unknown;
  child.stdout.on("data", (text) => {
    out += text;
    if (ready === undefined || !out.includes("\n")) return;
    working = ready(child, out.slice(0, out.indexOf("\n")));
    ready = undefined;
  });
  const [code] = await ended;
  await working;
  return { code: code as number | null, out, err };
}

const local = ["serve", "--cluster", JSON.stringify({ local: ["127.0.0.1:0"] }), "--job", "local", "--task", "0"];

for (const name of ["SIGTERM", "SIGINT"] as const) {
  test(`${name} ends serve with exit code 0, even one sent the moment the ready line is there`, async (signal) => {
    for (let round = 0; round < 5; round++) {
      const { code, out, err } = await tensorfleet(local, signal, (child) => child.kill(name));
      assert.is(code, 0, err);
      assert.match(out, /^Started server with target: grpc:\/\/127\.0\.0\.1:\d+\n$/);
    }
  });
}

test("serve ends by a signal while a session is open", async (signal) => {
  const { code } = await tensorfleet(local, signal, async (child, line) => {
    const session = new Session(line.replace("Started server with target: ", ""));
    assert.ok((await session.listDevices()).length > 0);
    child.kill("SIGTERM");
    await once(child, "exit");
    await session.close().catch(() => {});
  });
  assert.is(code, 0);
});

/** Starts a task, asks it for its devices, ends it. */
async function devicesOf(
  args: readonly string[],
  signal: AbortSignal,
  env: Record<string, string> = {},
): Promise<string[]> {
  let devices: string[] = [];
  const ended = await tensorfleet(
    ["serve", ...args],
    signal,
    async (child, line) => {
      const session = new Session(line.replace("Started server with target: ", ""));
      devices = (await session.listDevices()).map(({ name }) => name);
      await session.close();
      child.kill("SIGTERM");
    },
    env,
  );
  assert.is(ended.code, 0, ended.err);
  return devices;
}

const cpu = (job: string, task: number, device = 0) => `/job:${job}/replica:0/task:${task}/device:CPU:${device}`;
const alone = { worker: ["127.0.0.1:0"] };

test("serve is the task that TF_CONFIG names, in whichever form it does", async (signal) => {
  const forms: [config: unknown, device: string][] = [
    [{ cluster: { ps: ["127.0.0.1:0"] }, task: { type: "ps", index: 0 } }, cpu("ps", 0)],
    [
      { cluster: { chief: ["127.0.0.1:0"] }, task: { type: "chief", index: "0" }, environment: "cloud" },
      cpu("chief", 0),
    ],
    [{ cluster: { master: ["127.0.0.1:0"] }, task: { type: "master", index: 0 }, rpc_layer: "grpc" }, cpu("master", 0)],
    [{ cluster: { worker: { 1: "127.0.0.1:0" } }, task: { type: "worker", index: 1 } }, cpu("worker", 1)],
    // What is left out when there is only one.
    [{ cluster: alone, task: { type: "worker" } }, cpu("worker", 0)],
    [{ cluster: alone }, cpu("worker", 0)],
    [{}, cpu("local", 0)],
  ];
  for (const [config, device] of forms) {
    assert.equal(await devicesOf([], signal, { TF_CONFIG: JSON.stringify(config) }), [device]);
  }
});

test("a TF_CONFIG that names no task of the cluster, and flags come before it", async (signal) => {
  const cluster = { worker: ["127.0.0.1:0", "127.0.0.1:1"], ps: ["127.0.0.1:2"] };
  const refused: [config: string, line: string, args?: string[]][] = [
    ["[]", "TF_CONFIG must be an object"],
    [JSON.stringify({ cluster }), "Must specify an explicit `job_name`."],
    [JSON.stringify({ cluster, task: { type: "worker" } }), "Must specify an explicit `task_index`."],
    [JSON.stringify({ cluster, task: { type: "worker", index: 7 } }), 'Task 7 was not defined in job "worker"'],
    [JSON.stringify({ cluster, task: { type: "evaluator", index: 0 } }), 'Job "evaluator" was not defined in cluster'],
    [JSON.stringify({ cluster, task: { type: "worker", index: -1 } }), "TF_CONFIG's task.index must be a whole number"],
    [JSON.stringify({ cluster: alone }), "No such job in cluster: 'chief'", ["--job", "chief"]],
    [
      JSON.stringify({ cluster: alone, task: { type: "worker" } }),
      'Task 1 was not defined in job "worker"',
      ["--task", "1"],
    ],
  ];
  for (const [config, line, args = []] of refused) {
    const { code, out, err } = await tensorfleet(["serve", ...args], signal, undefined, { TF_CONFIG: config });
    assert.is(err, `tensorfleet serve: ${line}\n`);
    assert.equal([code, out], [2, ""]);
  }
  const broken = await tensorfleet(["serve"], signal, undefined, { TF_CONFIG: "{\n\n" });
  assert.match(broken.err, /^tensorfleet serve: TF_CONFIG is not JSON: .+\n$/);
  assert.is(broken.code, 2);
  const other = JSON.stringify({ cluster: alone, rpc_layer: "grpc+verbs" });
  const { code, err } = await tensorfleet(["serve"], signal, undefined, { TF_CONFIG: other });
  assert.match(
    err,
    /^tensorfleet serve: No server factory registered for the given ServerDef: .*protocol: "grpc\+verbs".*\n$/,
  );
  assert.is(code, 2);
});

test("--config opens the devices that it asks for", async (signal) => {
  const config = JSON.stringify({ device_count: { CPU: 2 } });
  assert.equal((await devicesOf(["--config", config], signal)).sort(), [cpu("local", 0), cpu("local", 0, 1)]);
});

test("serve reads a ServerDef as text and as bytes", async (signal) => {
  const folder = mkdtempSync(join(tmpdir(), "tensorfleet-cli-"));
  try {
    const file = join(folder, "server");
    const serverDef: Init<ServerDef> = {
      cluster: { job: [{ name: "worker", tasks: new Map([[3, "127.0.0.1:0"]]) }] },
      jobName: "worker",
      taskIndex: 3,
      protocol: "grpc",
      defaultSessionConfig: { deviceCount: new Map([["CPU", 2]]) },
    };
    const bytes = ServerDef.encode(serverDef);
    const text = `# A task.
      cluster { job < name: "worker" tasks { key: 3 value: "127.0.0.1:0" } > }
      job_name: "worker"; task_index: 3 protocol: "grpc"
      default_session_config { device_count { key: "CPU" value: 2 } }`;
    // Bytes that begin with the cluster begin as a line of text may: with a line feed.
    assert.is(bytes[0], 10);
    for (const content of [bytes, text, `\n${text}`]) {
      writeFileSync(file, content);
      const devices = await devicesOf(["--server-def", file], signal);
      assert.equal(devices.sort(), [cpu("worker", 3), cpu("worker", 3, 1)]);
    }
    const wrong: [content: string | Uint8Array, line: string][] = [
      ["cluster { nope: 3 }", '1:11: ClusterDef has no field called "nope"'],
      [bytes.subarray(0, 20), "a field is longer than its message"],
    ];
    for (const [content, line] of wrong) {
      writeFileSync(file, content);
      const { code, err } = await tensorfleet(["serve", "--server-def", file], signal);
      assert.equal([code, err], [2, `tensorfleet serve: ${line}\n`]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const refusals: readonly (readonly [args: readonly string[], line: RegExp])[] = [
  [["serve", "--bogus"], /^tensorfleet serve: Unknown option '--bogus'/],
  [["serve", "--task", "x"], /^tensorfleet serve: --task takes a whole number, not 'x'$/],
  [["serve", "--cluster", "{x"], /^tensorfleet serve: --cluster is no JSON: /],
  [["serve", "--config", '{"nope":1}'], /^tensorfleet serve: ConfigProto: ConfigProto has no field called "nope"$/],
  [["serve", "--memory-limit", "12x"], /^tensorfleet serve: --memory-limit takes bytes, .*, not '12x'$/],
  [["serve", "--idle-limit", "soon"], /^tensorfleet serve: --idle-limit takes a number of seconds .*, not 'soon'$/],
  [["serve", "--log-level", "loud"], /^tensorfleet serve: --log-level is one of silent, info, not 'loud'$/],
  [["serve", "--server-def", "/no/such/file"], /^tensorfleet serve: ENOENT/],
  [["serve", "more"], /^tensorfleet serve: Unexpected argument 'more'/],
  [
    ["serve", "--cluster", '{"ps":["192.0.2.1:1"]}', "--job", "ps", "--task", "0"],
    /^tensorfleet serve: "192\.0\.2\.1" is not an address of this machine: name the one to listen on with --bind/,
  ],
  [
    ["serve", "--bind", "127.0.0.1:2222"],
    /^tensorfleet serve: Could not start gRPC server: getaddrinfo ENOTFOUND 127\.0\.0\.1:2222$/,
  ],
  [["serve", "--cluster", "{\n\nx"], /^tensorfleet serve: --cluster is no JSON: .+$/],
  [["devices", "more"], /^tensorfleet devices: Unexpected argument 'more'/],
  [["cluster", "--workers", "many"], /^tensorfleet cluster: --workers takes a whole number, not 'many'$/],
  [["cluster", "script.mjs"], /^tensorfleet cluster: what is 'script\.mjs'\?$/],
  [["inspect"], /^tensorfleet inspect: takes one target/],
  [["inspect", "nowhere"], /^tensorfleet inspect: 'nowhere' is no target: grpc:\/\/host:port$/],
  [["end"], /^tensorfleet end: takes targets/],
  [["trace", "/no/such/file"], /^tensorfleet trace: ENOENT/],
  [["constructor"], /^tensorfleet: no command 'constructor', there are: serve, cluster, devices, inspect, end, trace$/],
];

test("bad flags: one clear line, exit code 2", async (signal) => {
  for (const [args, line] of refusals) {
    const { code, out, err } = await tensorfleet(args, signal);
    assert.is(code, 2, args.join(" "));
    assert.is(out, "");
    assert.match(err.replace(/\n$/, ""), line);
    assert.is(err.trimEnd().split("\n").length, 1, err);
  }
});

test("help, version and devices go to standard output", async (signal) => {
  for (const [args, text] of [
    [["--help"], /^usage: tensorfleet COMMAND/],
    [["serve", "--help"], /^usage: tensorfleet serve/],
    [["cluster", "--help"], /^usage: tensorfleet cluster/],
    [["inspect", "--help"], /^usage: tensorfleet inspect/],
    [["--version"], /^\d+\.\d+\.\d+\n$/],
    [
      ["devices", "--config", '{"deviceCount": {"CPU": 2, "NULL": 1}}'],
      /^(\/job:localhost\/replica:0\/task:0\/device:(CPU:[01] {2}CPU|NULL:0 {2}NULL) {2}\d+ bytes\n){3}$/,
    ],
    [["devices"], /^\/job:localhost\/replica:0\/task:0\/device:CPU:0 {2}CPU {2}\d+ bytes\n$/],
  ] as const) {
    const { code, out, err } = await tensorfleet(args, signal);
    assert.is(code, 0, err);
    assert.match(out, text);
  }
});

test.run();
