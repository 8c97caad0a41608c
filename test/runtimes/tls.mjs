// TLS of the installed package: two tasks with certificates for each other, a step whose tensor goes from one to the other,
// and clients that aren't let in. The certificates lie beside this program: who runs it makes them.
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { DataType, Graph, Server, Session, UnavailableError } from "tensorfleet";

function check(ok, what) {
  if (!ok) throw new Error(what);
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const { tls, stranger } = JSON.parse(readFileSync(new URL("certificates.json", import.meta.url), "utf8"));
const cluster = { ps: [`127.0.0.1:${await freePort()}`], worker: [`127.0.0.1:${await freePort()}`] };
const servers = [];
try {
  for (const jobName of ["ps", "worker"]) servers.push(await Server.create(cluster, { jobName, taskIndex: 0, tls }));
  const [, worker] = servers;
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [], "x");
  const filled = graph.device("/job:ps/task:0", () => graph.ops.fill(graph.constant([1_000_000]), x));
  const sum = graph.device("/job:worker/task:0", () => graph.ops.sum(filled, graph.constant([0])));
  const session = new Session(worker.target, { graph, tls });
  const giveUp = Date.now() + 20_000;
  do {
    const { data } = await session.run(sum, [[x, 3]]);
    check(data[0] === 3_000_000, `sum ${data[0]}`);
  } while (worker.report().connections.dataIn === 0 && Date.now() < giveUp);
  check(worker.report().connections.dataIn === 1, "no data connection");
  await session.close();
  for (const [what, settings] of [
    ["no TLS", {}],
    ["no certificate", { tls: { ca: tls.ca } }],
    ["a certificate of a stranger", { tls: { ...stranger, ca: tls.ca } }],
    ["trust in a stranger", { tls: { ...tls, ca: stranger.ca } }],
  ]) {
    const refused = new Session(worker.target, settings);
    const config = settings.tls === undefined ? { signal: AbortSignal.timeout(1000) } : {};
    let error;
    await refused.listDevices(config).catch((thrown) => {
      error = thrown;
    });
    if (settings.tls === undefined) check(error !== undefined, `${what}: let in`);
    else check(error instanceof UnavailableError && /Ssl handshake failed/.test(error.message), `${what}: ${error}`);
    await refused.close();
  }
} finally {
  for (const server of servers) await server.stop();
}
