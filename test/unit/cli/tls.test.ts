// TLS from a shell: tasks that serve with it, commands that dial with it, and files that are of no use.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { Authority } from "../../support/certificates.js";
import { test } from "../../support/suite.js";

const command = fileURLToPath(new URL("../../../src/cli/main.js", import.meta.url));
const authority = new Authority("authority");
const own = authority.issue();
const folder = mkdtempSync(join(tmpdir(), "tensorfleet-tls-"));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const cert = file("cert.pem", own.cert);
const key = file("key.pem", own.key);
const ca = file("ca.pem", authority.cert);
const otherKey = file("other.pem", authority.issue().key);
const missing = join(folder, "missing.pem");
const mutual = ["--tls-cert", cert, "--tls-key", key, "--tls-ca", ca];

async function run(args: readonly string[], signal: AbortSignal): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [command, ...args], { signal });
  let text = "";
  const add = (more: string) => {
    text += more;
  };
  child.stdout.setEncoding("utf8").on("data", add);
  child.stderr.setEncoding("utf8").on("data", add);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

test.after(() => rmSync(folder, { recursive: true }));

test("a task serves with TLS; inspect and end reach it with the same certificates", async (signal) => {
  const cluster = ["--cluster", '{"local": ["127.0.0.1:0"]}', "--end-on-request"];
  const server = spawn(process.execPath, [command, "serve", ...cluster, ...mutual], { signal });
  const ended = once(server, "close");
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  const target = line.slice(line.indexOf("grpc://"));
  const open = await run(["inspect", target, "--timeout", "3000"], signal);
  assert.is(open.code, 1);
  assert.match(
    open.text,
    "does not answer: failed to connect to all addresses; last error: UNAVAILABLE: Socket closed",
  );
  const nameless = await run(["inspect", target, "--tls-ca", ca], signal);
  assert.is(nameless.code, 1);
  assert.match(nameless.text, "Ssl handshake failed: tlsv13 alert certificate required");
  const distrusting = await run(["inspect", target, "--tls"], signal);
  assert.match(distrusting.text, "Ssl handshake failed: self-signed certificate in certificate chain");
  const seen = await run(["inspect", target, ...mutual], signal);
  assert.is(seen.code, 0, seen.text);
  assert.match(seen.text, "/job:local/replica:0/task:0");
  assert.is((await run(["end", target, ...mutual], signal)).code, 0);
  assert.equal(await ended, [0, null]);
}, 60_000);

test("a cluster of processes with TLS, for anybody who trusts their certificates", async (signal) => {
  const flags = ["--ps", "1", "--workers", "1", ...mutual, "--tls-any-client"];
  const child = spawn(process.execPath, [command, "cluster", ...flags], { signal });
  const ended = once(child, "close");
  let jobs: { ps: string[] } | null = null;
  let started = 0;
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith("{")) jobs = JSON.parse(line);
    if (line.includes("Started server") && ++started === 2) break;
  }
  const { code, text } = await run(["inspect", jobs!.ps[0]!, "--tls-ca", ca], signal);
  assert.is(code, 0, text);
  assert.match(text, /\/job:ps\/replica:0\/task:0 {2}\S+ {2}up.*\/job:worker\/replica:0\/task:0 {2}\S+ {2}up/s);
  child.kill("SIGINT");
  assert.equal(await ended, [0, null]);
}, 60_000);

test("files that are of no use are told in one line, with exit code 2", async (signal) => {
  const target = "grpc://127.0.0.1:1";
  const noFile = `--tls-ca: ENOENT: no such file or directory, open '${missing}'`;
  const foreign = "The TLS key doesn't belong to the certificate";
  const cases: [readonly string[], string][] = [
    [["serve", "--tls-cert", cert], "--tls-cert and --tls-key go together"],
    [["serve", "--tls-ca", ca], "a server needs --tls-cert and --tls-key for TLS"],
    [["serve", "--tls-cert", cert, "--tls-key", otherKey], foreign],
    [["serve", ...mutual.slice(0, 4), "--tls-ca", missing], noFile],
    [
      ["serve", "--tls-cert", key, "--tls-key", key],
      "The TLS certificate can't be read: it holds no certificate in PEM",
    ],
    [["inspect", target, "--tls-ca", missing], noFile],
    [["inspect", target, "--tls-key", key], "--tls-cert and --tls-key go together"],
    [["end", target, "--tls-cert", cert, "--tls-key", otherKey], foreign],
    [["cluster", "--tls-cert", cert, "--tls-key", otherKey], foreign],
  ];
  await Promise.all(
    cases.map(async ([args, text]) => {
      assert.equal(await run(args, signal), { code: 2, text: `tensorfleet ${args[0]}: ${text}\n` });
    }),
  );
}, 60_000);

test.run();
