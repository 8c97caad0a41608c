// TLS on the port that gRPC and data connections share: who gets in, and what is said to whoever doesn't.
import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { listenTcp } from "../../../src/platform/sockets.js";
import { openTls, type Tls, type TlsOptions, tlsDoor } from "../../../src/platform/tls.js";
import {
  acceptDataConnection,
  type DataConnection,
  openDataConnection,
} from "../../../src/transport/data-connection.js";
import { type CallSettings, GrpcChannel } from "../../../src/transport/grpc-channel.js";
import { GrpcListener } from "../../../src/transport/grpc-listener.js";
import { checkedTls } from "../../../src/transport/tls.js";
import { TOKEN_BYTES } from "../../../src/transport/tokens.js";
import { Authority } from "../../support/certificates.js";
import { test } from "../../support/suite.js";
import { TcpProxy } from "../../support/tcp-proxy.js";

const authority = new Authority("authority");
const stranger = new Authority("stranger");
const { cert: ca } = authority;
const own = authority.issue();
const MUTUAL: TlsOptions = { ...own, ca };

const probing = { path: "/a/echo", timeMs: 5_000, timeoutMs: 10_000 };
const hasty = { ...probing, timeMs: 200, timeoutMs: 300 };

async function listen(tls: TlsOptions | null, connections: DataConnection[] = []) {
  const listener = new GrpcListener({
    handlers: new Map([
      ["/a/echo", async (bytes: Uint8Array) => bytes],
      ["/a/wait", () => new Promise<Uint8Array>(() => {})],
    ]),
    toStatus: () => ({ code: 13, details: "failed" }),
    onDataConnection: (socket) => {
      connections.push(acceptDataConnection(socket, { message: () => null, cancel() {}, closed() {} }));
      return true;
    },
    tls: tls === null ? null : openTls(tls),
  });
  await listener.bind("127.0.0.1", 0);
  return listener;
}

/** What comes of a call: its answer's length, or its code and text. */
const ask = (channel: GrpcChannel, bytes = 0, settings: CallSettings = {}): Promise<string> =>
  new Promise((resolve) => {
    channel.call("/a/echo", new Uint8Array(bytes), settings, (error, answer) =>
      resolve(error === null ? `${answer!.length} bytes` : `${error.code} ${error.details}`),
    );
  });

async function askOnce(
  address: string,
  tls: Tls | null,
  settings: CallSettings = {},
  probe = probing,
): Promise<string> {
  const channel = new GrpcChannel(address, probe, tls);
  try {
    return await ask(channel, 0, settings);
  } finally {
    channel.close();
  }
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("gRPC and a data connection share a port, both with certificates on either side", async (signal) => {
  const connections: DataConnection[] = [];
  const listener = await listen(MUTUAL, connections);
  const tls = openTls(MUTUAL);
  const channel = new GrpcChannel(`127.0.0.1:${listener.port}`, probing, tls);
  assert.is(await ask(channel, 5_000_000), "5000000 bytes");
  const address = { host: "127.0.0.1", port: listener.port };
  const events = { message: () => null, cancel() {}, closed() {} };
  const data = await openDataConnection(address, new Uint8Array(TOKEN_BYTES), events, signal, undefined, tls);
  assert.is(connections.length, 1);
  assert.is(listener.openSockets, 2);
  data.close();
  channel.close();
  await until(() => listener.openSockets === 0);
  await listener.close();
});

test("a certificate may be for a name, dialed or given, or for an address", async () => {
  for (const [names, host, serverName] of [
    [["localhost"], "localhost", undefined],
    [["127.0.0.1"], "127.0.0.1", undefined],
    [["tasks.example"], "127.0.0.1", "tasks.example"],
    [["10.0.0.1"], "localhost", "10.0.0.1"],
  ] as const) {
    const listener = await listen(authority.issue({ names }));
    assert.is(await askOnce(`${host}:${listener.port}`, openTls({ ca, serverName })), "0 bytes", names[0]);
    await listener.close();
  }
});

/** Text of a failed handshake, as every call gets it. */
const failed = (address: string, reason: string): string =>
  `14 failed to connect to all addresses; last error: UNKNOWN: ${address}: Ssl handshake failed: ${reason}`;

test("each refusal is told by its reason, to calls that wait for the peer as well, and leaves nothing open", async () => {
  const elsewhere = authority.issue({ names: ["elsewhere.example"] });
  const hungUp = "Socket closed; the peer may not accept this end's certificate";
  const cases: [what: string, server: TlsOptions | null, client: TlsOptions, reason: string | RegExp][] = [
    ["another CA's certificate", own, { ca: stranger.cert }, /^unable to verify the first certificate$|self.signed/],
    ["one that no CA of the runtime's signed", own, {}, /^unable to verify the first certificate$|self.signed/],
    ["an expired one", authority.issue({ expired: true }), { ca }, "certificate has expired"],
    [
      "one for another name",
      elsewhere,
      { ca },
      /^Hostname\/IP does not match certificate's altnames: IP: 127\.0\.0\.1 is not in the cert's list: ?$/,
    ],
    ["no certificate", MUTUAL, { ca }, "tlsv13 alert certificate required"],
    ["a certificate that the server doesn't trust", MUTUAL, { ca, ...stranger.issue() }, hungUp],
    ["an expired one of the client's", MUTUAL, { ca, ...authority.issue({ expired: true }) }, hungUp],
    ["a peer without TLS", null, { ca }, "wrong version number; the peer doesn't seem to speak TLS"],
  ];
  for (const [what, server, client, reason] of cases) {
    const listener = await listen(server);
    const address = `127.0.0.1:${listener.port}`;
    for (const settings of [{}, { waitForReady: true }]) {
      const text = await askOnce(address, openTls(client), settings);
      if (typeof reason === "string") assert.is(text, failed(address, reason), what);
      else {
        assert.ok(text.startsWith(failed(address, "")), `${what}: ${text}`);
        assert.match(text.slice(failed(address, "").length), reason);
      }
    }
    await until(() => listener.openSockets === 0);
    await listener.close();
  }
});

test("a client without TLS is unavailable at once", async () => {
  const listener = await listen(own);
  assert.is(
    await askOnce(`127.0.0.1:${listener.port}`, null),
    "14 failed to connect to all addresses; last error: UNAVAILABLE: Socket closed",
  );
  await until(() => listener.openSockets === 0);
  await listener.close();
});

test("a peer that says nothing, or stops in the middle of the handshake, has a deadline", async (signal) => {
  const silent = new Set<Socket>();
  const mute = await listenTcp("127.0.0.1", 0, (socket) => void silent.add(socket));
  const listener = await listen(own);
  await using between = await TcpProxy.start(listener.port);
  between.stall("down");
  for (const address of [`127.0.0.1:${mute.port}`, between.address]) {
    for (const settings of [{}, { waitForReady: true }]) {
      const text = await askOnce(address, openTls({ ca }), settings, { ...probing, timeoutMs: 100 });
      assert.is(text, failed(address, "no answer within 100 ms"));
    }
  }
  const [host, port] = between.address.split(":") as [string, string];
  const late = AbortSignal.any([signal, AbortSignal.timeout(50)]);
  const events = { message: () => null, cancel() {}, closed() {} };
  const token = new Uint8Array(TOKEN_BYTES);
  await openDataConnection({ host, port: Number(port) }, token, events, late, undefined, openTls({ ca })).then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.name, "TimeoutError"),
  );
  between.heal();
  for (const socket of silent) socket.resume();
  await until(() => [...silent].every(({ destroyed }) => destroyed) && listener.openSockets === 0);
  await mute.close();
  await listener.close();
});

test("a channel that is closed in the middle of a handshake leaves no socket", async () => {
  const sockets: Socket[] = [];
  const mute = await listenTcp("127.0.0.1", 0, (socket) => void sockets.push(socket));
  const channel = new GrpcChannel(`127.0.0.1:${mute.port}`, null, openTls({ ca }));
  const asked = ask(channel);
  await until(() => sockets.length === 1);
  const closed = once(sockets[0]!.resume(), "close");
  channel.close();
  assert.match(await asked, /^14 Channel closed before call started$|^1 Cancelled on client$/);
  await closed;
  await mute.close();
});

test("handshakes that aren't done in time are cut off, however many, and hold up nobody", async () => {
  const open = new Set<Socket>();
  let secure = 0;
  const enter = tlsDoor(openTls(own), () => secure++, 200);
  const listener = await listenTcp("127.0.0.1", 0, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    enter(socket);
  });
  const halves = Array.from({ length: 200 }, (_, i) => {
    const socket = dial(listener.port, "127.0.0.1");
    // Nothing, the beginning of a ClientHello, or what is none.
    if (i % 3 > 0) socket.write(i % 3 === 1 ? Uint8Array.of(22, 3, 1, 2, 0, 1) : Buffer.alloc(100, 1));
    return once(socket.on("error", () => {}).resume(), "close");
  });
  await Promise.all(halves);
  await until(() => open.size === 0);
  assert.is(secure, 0);
  await listener.close();
});

test("half-open handshakes don't hold up a listener that closes, whatever grace it gives to calls", async () => {
  const listener = await listen(own);
  const halves = Array.from({ length: 20 }, () => dial(listener.port, "127.0.0.1").on("error", () => {}));
  await until(() => listener.openSockets === 20);
  const gone = halves.map((socket) => once(socket.resume(), "close"));
  await listener.close(10_000);
  await Promise.all(gone);
}, 5_000);

test("a handshake that ends while a listener closes lets nobody in", async () => {
  const listener = await listen(own);
  const channel = new GrpcChannel(`127.0.0.1:${listener.port}`, null, openTls({ ca }));
  const ended = new Promise((resolve) => channel.call("/a/wait", new Uint8Array(0), {}, resolve));
  assert.is(await ask(channel), "0 bytes");
  const late = dial(listener.port, "127.0.0.1");
  await until(() => listener.openSockets === 2);
  const closed = listener.close(300);
  const secure = connectTls({ socket: late, host: "127.0.0.1", ca, ALPNProtocols: ["h2"] }).on("error", () => {});
  const began = performance.now();
  await once(secure.resume(), "close");
  assert.ok(performance.now() - began < 250, "before the calls that have time");
  await ended;
  channel.close();
  await closed;
});

test("a peer that falls silent under TLS is found out as without", async () => {
  const listener = await listen(own);
  await using between = await TcpProxy.start(listener.port);
  const channel = new GrpcChannel(between.address, hasty, openTls({ ca }));
  assert.is(await ask(channel), "0 bytes");
  between.silence();
  assert.is(await ask(channel), "14 keepalive watchdog timeout");
  assert.is(await ask(channel), "0 bytes");
  between.cut("close");
  channel.close();
  await listener.close();
});

test("who was heard before and hung up is no refusal", async () => {
  const listener = await listen(MUTUAL);
  await using between = await TcpProxy.start(listener.port);
  const channel = new GrpcChannel(between.address, probing, openTls(MUTUAL));
  for (let i = 0; i < 7; i++) {
    // A call may still go to the connection that was cut.
    for (let answer = ""; answer !== "1 bytes"; ) {
      answer = await ask(channel, 1, { waitForReady: true });
      assert.not.match(answer, "handshake");
    }
    between.cut("close");
  }
  channel.close();
  await listener.close();
});

test("certificates that are of no use are refused before anything is opened", () => {
  const other = authority.issue();
  const refused: [TlsOptions, string][] = [
    [{ cert: own.cert }, "TLS takes a certificate and its key together"],
    [{ key: own.key }, "TLS takes a certificate and its key together"],
    [{ cert: own.cert, key: other.key }, "The TLS key doesn't belong to the certificate"],
    [{ cert: "server.pem", key: own.key }, "The TLS certificate can't be read: it holds no certificate in PEM"],
    [{ cert: own.key, key: own.key }, "The TLS certificate can't be read: it holds no certificate in PEM"],
    [{ ...own, key: own.cert }, "The TLS key can't be read: it is no private key in PEM without a passphrase"],
    [{ ...own, ca: "" }, "The TLS CA can't be read: it holds no certificate in PEM"],
    [{ ...own, cert: own.cert.slice(0, 200) }, "The TLS certificate can't be read: its certificate is broken"],
    [{ ca: stranger.cert.slice(0, 200) + ca }, "The TLS CA can't be read: its certificate 1 of 2 is broken"],
    [{ ca: ca + stranger.cert.slice(0, 200) }, "The TLS CA can't be read: its certificate 2 of 2 is broken"],
  ];
  for (const [options, text] of refused) {
    try {
      checkedTls(options);
      assert.unreachable(text);
    } catch (error) {
      assert.instance(error, InvalidArgumentError);
      assert.is((error as Error).message, text);
    }
  }
  assert.is(checkedTls(undefined), null);
  const bytes = new TextEncoder();
  assert.is(checkedTls({ cert: bytes.encode(own.cert), key: bytes.encode(own.key) })!.pem.cert, own.cert);
});

test.run();
