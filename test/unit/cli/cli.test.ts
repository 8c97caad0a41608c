// The command as a shell sees it: standard output, standard error, exit codes and signals of a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { Session } from "../../../src/index.js";
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

test("serve is the task that TF_CONFIG names, and flags come before it", async (signal) => {
  const config = JSON.stringify({ cluster: { ps: ["127.0.0.1:0"] }, task: { type: "ps", index: 0 } });
  const ended = await tensorfleet(["serve"], signal, (child) => child.kill("SIGTERM"), { TF_CONFIG: config });
  assert.is(ended.code, 0, ended.err);
  const refused = await tensorfleet(["serve", "--job", "chief"], signal, undefined, { TF_CONFIG: config });
  assert.is(refused.code, 2);
  assert.is(refused.err, 'tensorfleet serve: Job "chief" was not defined in cluster\n');
});

test("serve reads a ServerDef as text", async (signal) => {
  const folder = mkdtempSync(join(tmpdir(), "tensorfleet-cli-"));
  try {
    const file = join(folder, "server.pbtxt");
    writeFileSync(
      file,
      `cluster { job { name: "worker" tasks { key: 0 value: "127.0.0.1:0" } } }
       job_name: "worker" task_index: 0 protocol: "grpc"`,
    );
    const { code, err } = await tensorfleet(["serve", "--server-def", file], signal, (child) => child.kill("SIGTERM"));
    assert.is(code, 0, err);
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
