// Calls to a peer that refuses, breaks off, or says nothing any more.
import * as assert from "uvu/assert";
import { type CallSettings, GrpcChannel, type Probe } from "../../../src/transport/grpc-channel.js";
import { GrpcListener } from "../../../src/transport/grpc-listener.js";
import { test } from "../../support/suite.js";
import { TcpProxy } from "../../support/tcp-proxy.js";

const NOTHING = new Uint8Array(0);

const PROBE: Probe = { path: "/a/echo", timeMs: 30, timeoutMs: 250 };

const ask = (
  channel: GrpcChannel,
  path: string,
  settings: CallSettings = {},
): Promise<{ code: number; details: string } | Uint8Array> =>
  new Promise((resolve) => {
    channel.call(path, NOTHING, settings, (error, answer) => resolve(error ?? answer!));
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

test("one that hangs up at once is unavailable too", async () => {
  const { listener } = await listen();
  await using between = await TcpProxy.start(listener.port);
  await listener.close();
  const channel = new GrpcChannel(between.address);
  assert.match(
    failure(await ask(channel, "/a/echo")),
    /^14 failed to connect to all addresses; last error: UNAVAILABLE: Socket closed$/,
  );
  channel.close();
});

test("a peer that goes away in the middle of a call", async () => {
  const { listener } = await listen();
  await using between = await TcpProxy.start(listener.port);
  const channel = new GrpcChannel(between.address);
  assert.instance(await ask(channel, "/a/echo"), Uint8Array);
  const waits = ask(channel, "/a/wait");
  await new Promise((resolve) => setTimeout(resolve, 50));
  between.cut("close");
  // Whether bytes were still unread when it went decides between the two.
  assert.match(failure(await waits), /^14 (Socket closed|recvmsg:Connection reset by peer)$/);
  channel.close();
  await listener.close();
});

test("a peer that falls silent is found out by a probe; one that only takes its time is not", async () => {
  const { listener } = await listen();
  await using between = await TcpProxy.start(listener.port);
  const channel = new GrpcChannel(between.address, PROBE);
  let ended = false;
  const waits = ask(channel, "/a/wait").finally(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.not(ended);
  between.stall("up", "down");
  assert.is(failure(await waits), "14 keepalive watchdog timeout");
  channel.close();
  await listener.close();
});

test("after that the next call has another connection, and who waits for the peer is answered by it", async () => {
  const { listener } = await listen();
  await using between = await TcpProxy.start(listener.port);
  const channel = new GrpcChannel(between.address, PROBE);
  assert.instance(await ask(channel, "/a/echo"), Uint8Array);
  between.silence();
  const [fails, patient] = await Promise.all([
    ask(channel, "/a/wait"),
    ask(channel, "/a/echo", { waitForReady: true }),
  ]);
  assert.is(failure(fails), "14 keepalive watchdog timeout");
  assert.instance(patient, Uint8Array);
  assert.instance(await ask(channel, "/a/echo"), Uint8Array);
  channel.close();
  await listener.close();
});

test("calls that end by their own deadline are no sign of life", async () => {
  const { listener } = await listen();
  await using between = await TcpProxy.start(listener.port);
  const channel = new GrpcChannel(between.address, PROBE);
  assert.instance(await ask(channel, "/a/echo"), Uint8Array);
  between.silence();
  const answers = new Set<string>();
  const waits = ask(channel, "/a/wait").then((answer) => answers.add(failure(answer)));
  while (answers.size === 0) await ask(channel, "/a/echo", { timeoutMs: 10 });
  assert.equal([...answers], ["14 keepalive watchdog timeout"]);
  await waits;
  channel.close();
  await listener.close();
});

test("a caller that falls silent is given up, and its call with it", async () => {
  let cancelled = () => {};
  const gone = new Promise<void>((resolve) => {
    cancelled = resolve;
  });
  const listener = new GrpcListener({
    handlers: new Map([
      [
        "/a/wait",
        (_, call) => {
          call.onCancelled(cancelled);
          return new Promise<Uint8Array>(() => {});
        },
      ],
    ]),
    toStatus: () => ({ code: 13, details: "failed" }),
    keepAlive: { timeMs: 30, timeoutMs: 60 },
  });
  await listener.bind("127.0.0.1", 0);
  await using between = await TcpProxy.start(listener.port);
  const channel = new GrpcChannel(between.address);
  const waits = ask(channel, "/a/wait");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.is(listener.openSockets, 1);
  between.silence();
  await gone;
  while (listener.openSockets > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  between.cut("close");
  assert.is(failure(await waits), "14 Socket closed");
  channel.close();
  await listener.close();
});

/** Counts the calls that wait here. */
async function listenForWaits(): Promise<{
  listener: GrpcListener;
  address: string;
  waits: { begun: number; open: number };
}> {
  const waits = { begun: 0, open: 0 };
  const listener = new GrpcListener({
    handlers: new Map([
      ["/a/echo", async (bytes) => bytes],
      [
        "/a/wait",
        (_, call) => {
          waits.begun++;
          waits.open++;
          call.onCancelled(() => {
            waits.open--;
          });
          return new Promise<Uint8Array>(() => {});
        },
      ],
    ]),
    toStatus: () => ({ code: 13, details: "failed" }),
  });
  await listener.bind("127.0.0.1", 0);
  return { listener, address: `127.0.0.1:${listener.port}`, waits };
}

test("a call that is cancelled never goes on at the peer, however soon it is cancelled", async () => {
  const { listener, address, waits } = await listenForWaits();
  const channel = new GrpcChannel(address);
  assert.instance(await ask(channel, "/a/echo"), Uint8Array);
  const answers: string[] = [];
  const wait = () => channel.call("/a/wait", NOTHING, {}, (error) => answers.push(failure(error)));
  wait()();
  const soon = wait();
  queueMicrotask(soon);
  const next = wait();
  process.nextTick(next);
  const later = wait();
  while (waits.begun === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  later();
  // Any call that was still on its way has arrived when a later one is answered.
  assert.instance(await ask(channel, "/a/echo"), Uint8Array);
  while (waits.open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(answers, new Array(4).fill("1 Cancelled on client"));
  channel.close();
  await listener.close();
});

test("closing a channel ends its calls, and later ones are refused", async () => {
  const { listener, address } = await listen();
  const channel = new GrpcChannel(address);
  const waits = ask(channel, "/a/wait");
  await new Promise((resolve) => setTimeout(resolve, 50));
  channel.close();
  assert.is(failure(await waits), "1 Cancelled on client");
  assert.is(failure(await ask(channel, "/a/echo")), "14 Channel is closed");
  await listener.close();
});

test.run();
