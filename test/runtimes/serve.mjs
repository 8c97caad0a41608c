// The command of the installed package: starts, says where it listens, takes a connection there, and ends when told to.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

function check(ok, what) {
  if (!ok) throw new Error(what);
}

const command = fileURLToPath(new URL("dist/lib/cli/main.js", import.meta.resolve("tensorfleet/package.json")));
const runtimeArgs = globalThis.Deno === undefined ? [] : ["run", "-A", "--node-modules-dir=manual"];
const cluster = JSON.stringify({ local: ["127.0.0.1:0"] });
const args = [...runtimeArgs, command, "serve", "--cluster", cluster, "--job", "local", "--task", "0"];
const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
const ended = once(server, "exit");

try {
  const [line] = await once(createInterface(server.stdout), "line");
  const target = /^Started server with target: grpc:\/\/127\.0\.0\.1:(\d+)$/.exec(line);
  check(target !== null, `first line: ${line}`);
  const socket = connect(Number(target[1]), "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
  // Not by `server.kill`: Deno reports what that ends as killed, whatever its exit code.
  process.kill(server.pid, "SIGTERM");
  const [code] = await ended;
  check(code === 0, `exit code ${code} after SIGTERM`);
} finally {
  if (server.exitCode === null) server.kill("SIGKILL");
}
