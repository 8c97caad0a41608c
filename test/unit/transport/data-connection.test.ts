// Data connections over real sockets: who gets in, that bodies arrive and memory comes back, and how one ends.
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { createServer, connect as dial, type Socket } from "node:net";
import * as assert from "uvu/assert";
import { listenTcp, type TcpListener } from "../../../src/platform/sockets.js";
import {
  acceptDataConnection,
  DataConnection,
  type DataEvents,
  openDataConnection,
  type Source,
} from "../../../src/transport/data-connection.js";
import { MAGIC, type Routes, routeByFirstBytes } from "../../../src/transport/first-bytes.js";
import { TOKEN_BYTES, Tokens } from "../../../src/transport/tokens.js";
import { test } from "../../support/suite.js";

const random = (bytes: Uint8Array): void => void randomFillSync(bytes);
const ignore: DataEvents = { message: () => null, cancel() {}, closed() {} };

/** Listens, and serves data connections that bring `token`. */
async function serve(token: Uint8Array, events: DataEvents, http2: (socket: Socket) => void = () => {}) {
  const connections: DataConnection[] = [];
  const undecided = new Set<Socket>();
  const routes: Routes = {
    http2,
    data: (accepted, given) => {
      if (!Buffer.from(given).equals(token)) return false;
      connections.push(acceptDataConnection(accepted, events));
      return true;
    },
  };
  const listener = await listenTcp("127.0.0.1", 0, (socket) => routeByFirstBytes(socket, routes, undecided));
  return { listener, connections, address: { host: "127.0.0.1", port: listener.port } };
}

async function end(listener: TcpListener, ...connections: readonly DataConnection[]): Promise<void> {
  for (const connection of connections) connection.close();
  await listener.close();
}

/** Bytes 0, 1, 2 … and how often they were let go. */
class Counted implements Source {
  released = 0;
  readonly all: Uint8Array;

  constructor(readonly bytes: number) {
    this.all = new Uint8Array(bytes).map((_, i) => i % 251);
  }

  view(offset: number, bytes: number): Uint8Array {
    return this.all.subarray(offset, offset + bytes);
  }

  release(): void {
    this.released++;
  }
}

test("a token is good once, and not for ever", () => {
  let now = 0;
  const tokens = new Tokens(random, () => now);
  const token = tokens.issue();
  assert.is(token.length, TOKEN_BYTES);
  assert.not(tokens.take(tokens.issue().reverse()));
  assert.ok(tokens.take(token));
  assert.not(tokens.take(token));
  const late = tokens.issue();
  now += 20_000;
  assert.not(tokens.take(late));
  const many = Array.from({ length: 2000 }, () => tokens.issue());
  assert.not(tokens.take(many[0]!), "the oldest make room");
  assert.ok(tokens.take(many[1999]!));
});

test("bodies of every size arrive, interleaved, and each source is let go once", async (signal) => {
  const sources = [0, 1, 16_384, 16_385, 3_000_000, 1_048_576, 20_000_000].map((bytes) => new Counted(bytes));
  const { listener, connections, address } = await serve(new Uint8Array(TOKEN_BYTES), {
    ...ignore,
    message: (connection, id, head) => {
      assert.equal([...head], [id]);
      connection.send(id + 100, Uint8Array.of(1, 2), sources[id]!);
      return null;
    },
  });
  const got = new Map<number, Uint8Array>();
  let complete!: () => void;
  const done = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const events: DataEvents = {
    ...ignore,
    message: (_, id, head, bodyBytes) => {
      assert.equal([...head], [1, 2]);
      const memory = new Uint8Array(new SharedArrayBuffer(bodyBytes));
      const end = () => {
        got.set(id - 100, memory);
        if (got.size === sources.length) complete();
      };
      const view = (offset: number, bytes: number) => memory.subarray(offset, offset + bytes);
      return { stable: id % 2 === 0, view, end, fail: (error) => assert.unreachable(error.message) };
    },
  };
  const client = await openDataConnection(address, new Uint8Array(TOKEN_BYTES), events, signal);
  for (const id of sources.keys()) client.send(id, Uint8Array.of(id));
  await done;
  for (const [id, { bytes, all }] of sources.entries())
    assert.ok(Buffer.from(got.get(id)!).equals(all), `${bytes} bytes`);
  // The last write's callback comes a turn after its bytes.
  while (sources.some(({ released }) => released === 0)) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(
    sources.map(({ released }) => released),
    sources.map(() => 1),
  );
  await end(listener, client, ...connections);
});

test("a wrong token, other bytes and silence get nothing", async (signal) => {
  const { listener, connections, address } = await serve(new Uint8Array(TOKEN_BYTES).fill(1), ignore);
  await openDataConnection(address, new Uint8Array(TOKEN_BYTES), ignore, signal).then(
    () => assert.unreachable(),
    (error) => assert.instance(error, Error),
  );
  for (const bytes of [MAGIC.map((byte, i) => (i === 3 ? 0 : byte)), MAGIC]) {
    const socket = dial(address.port, address.host);
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    socket.write(Buffer.concat([bytes, new Uint8Array(TOKEN_BYTES)]));
    await ended;
  }
  assert.is(connections.length, 0);
  await end(listener);
});

test("a greeting that comes byte by byte is waited for, and holds up nobody", async (signal) => {
  const token = Uint8Array.from({ length: TOKEN_BYTES }, (_, i) => i);
  const { listener, connections } = await serve(token, ignore);
  const socket = dial({ host: "127.0.0.1", port: listener.port, signal });
  for (const byte of [...MAGIC, ...token]) {
    assert.is(connections.length, 0);
    socket.write(Uint8Array.of(byte));
    // Timers fire and sockets are served meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const [accepted] = await once(socket, "data");
  assert.equal([...(accepted as Buffer)], [1]);
  socket.destroy();
  await end(listener, ...connections);
});

test("other first bytes go to HTTP/2 with nothing lost, however slowly they come", async () => {
  let told!: (text: string) => void;
  const text = new Promise<string>((resolve) => {
    told = resolve;
  });
  const { listener, address } = await serve(new Uint8Array(TOKEN_BYTES), ignore, (socket) => {
    socket.once("data", (bytes) => {
      told(String(bytes));
      socket.destroy();
    });
  });
  const socket = dial(address.port, address.host);
  socket.write("PRI * HTTP/2.0");
  assert.is(await text, "PRI * HTTP/2.0");
  await end(listener);
});

test("a broken frame ends the connection on both sides; memory that was lent comes back", async (signal) => {
  const source = new Counted(50_000_000);
  let asked!: () => void;
  const sending = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { listener, connections, address } = await serve(new Uint8Array(TOKEN_BYTES), {
    ...ignore,
    message: (connection) => {
      connection.send(1, new Uint8Array(1), source);
      asked();
      return null;
    },
  });
  let failed: Error | null = null;
  const closed = new Promise<Error>((resolve) => {
    const events: DataEvents = {
      message: (_, __, ___, bodyBytes) => ({
        stable: true,
        view: (__, bytes) => new Uint8Array(bytes),
        end: () => assert.unreachable(`${bodyBytes} bytes can't have come`),
        fail: (error) => {
          failed = error;
        },
      }),
      cancel() {},
      closed: (_, error) => resolve(error),
    };
    void openDataConnection(address, new Uint8Array(TOKEN_BYTES), events, signal).then((client) => {
      client.send(7, new Uint8Array(0));
      void sending.then(() => client.socket.write(new Uint8Array(9).fill(255)));
    });
  });
  const error = await closed;
  assert.is(failed, error);
  while (source.released === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.is(source.released, 1);
  assert.ok(connections[0]!.closed);
  await end(listener);
});

test("a peer that falls silent is cut off, one that answers isn't", async (signal) => {
  const mute = createServer((socket) => socket.once("data", () => socket.write(Uint8Array.of(1))));
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  const { port } = mute.address() as { port: number };
  const socket = dial(port, "127.0.0.1");
  const error = await new Promise<Error>((resolve) => {
    new DataConnection(socket, { ...ignore, closed: (_, reason) => resolve(reason) }, { timeMs: 20, timeoutMs: 20 });
  });
  assert.is(error.message, "keepalive watchdog timeout");
  await new Promise((resolve) => mute.close(resolve));

  const { listener, connections, address } = await serve(new Uint8Array(TOKEN_BYTES), ignore);
  const client = await openDataConnection(address, new Uint8Array(TOKEN_BYTES), ignore, signal, {
    timeMs: 20,
    timeoutMs: 20,
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.not(client.closed);
  await end(listener, client, ...connections);
});

test.run();
