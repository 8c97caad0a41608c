// Calls to a peer that refuses, breaks off, or says nothing any more.
import { type AddressInfo, createServer, type Socket } from "node:net";
import * as assert from "uvu/assert";
import { GrpcChannel, type Probe } from "../../../src/transport/grpc-channel.js";
import { GrpcListener } from "../../../src/transport/grpc-listener.js";
import { test } from "../../support/suite.js";

const NOTHING = new Uint8Array(0);

const ask = (channel: GrpcChannel, path: string): Promise<{ code: number; details: string } | Uint8Array> =>
  new Promise((resolve) => {
    channel.call(path, NOTHING, {}, (error, answer) => resolve(error ?? answer!));
  });

/** A listener whose `/a/wait` never answers. */
async function listen(): Promise<{ listener: GrpcListener; address: string }> {
  const listener = new GrpcListener({
    handlers: new Map([
      ["/a/echo", async (bytes: Uint8Array) => bytes],
      ["/a/wait", () => new Promise<Uint8Array>(() => {})],
    ]),
    toStatus: () => ({ code: 13, details: "failed" }),
  });
  await listener.bind("127.0.0.1", 0);
  return { listener, address: `127.0.0.1:${listener.port}` };
}

const failure = (answer: unknown) => {
  const { code, details } = answer as { code: number; details: string };
  return `${code} ${details}`;
};

test("a peer that isn't there is unavailable at once, in TensorFlow's words", async () => {
  const { listener, address } = await listen();
  await listener.close();
  const channel = new GrpcChannel(address);
  assert.is(
    failure(await ask(channel, "/a/echo")),
    `14 failed to connect to all addresses; last error: UNKNOWN: ipv4:${address}: Failed to connect to remote host: ` +
      "Connection refused",
  );
  channel.close();
});

/** Between channel and listener; it can stop passing bytes on without closing anything. */
async function silencer(to: string): Promise<{ address: string; silence: () => void; close: () => void }> {
  const sockets: Socket[] = [];
  const { connect } = await import("node:net");
  const server = createServer((near) => {
    const far = connect(Number(to.split(":")[1]), "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) sockets.push(socket.on("error", () => {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const silence = () => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, silence, close };
}

test("a peer that goes away in the middle of a call", async () => {
  const { listener, address } = await listen();
  const between = await silencer(address);
  const channel = new GrpcChannel(between.address);
  assert.instance(await ask(channel, "/a/echo"), Uint8Array);
  const waits = ask(channel, "/a/wait");
  await new Promise((resolve) => setTimeout(resolve, 50));
  between.close();
  assert.is(failure(await waits), "14 Socket closed");
  channel.close();
  await listener.close();
});

test("a peer that falls silent is found out by a probe; one that only takes its time is not", async () => {
  const { listener, address } = await listen();
  const between = await silencer(address);
  const probe: Probe = { path: "/a/echo", afterMs: 30, timeoutMs: 60 };
  const channel = new GrpcChannel(between.address, probe);
  let ended = false;
  const waits = ask(channel, "/a/wait").finally(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.not(ended);
  between.silence();
  assert.is(failure(await waits), "14 keepalive watchdog timeout");
  channel.close();
  between.close();
  await listener.close();
});

test.run();
