// What a caller of any HTTP/2 library sees of the listener.
import { once } from "node:events";
import { connect, constants } from "node:http2";
import * as assert from "uvu/assert";
import { GrpcListener } from "../../../src/transport/grpc-listener.js";
import { test } from "../../support/suite.js";

const MIB = 1024 * 1024;

const handlers = new Map([
  ["/a/echo", async (bytes: Uint8Array) => bytes],
  ["/a/later", (bytes: Uint8Array) => new Promise<Uint8Array>((resolve) => setTimeout(resolve, 50, bytes))],
  ["/a/never", () => new Promise<Uint8Array>(() => {})],
]);

test("a caller may send 4 MiB, in a call and in all, before it hears back", async () => {
  const listener = new GrpcListener({ handlers, toStatus: () => ({ code: 13, details: "" }) });
  await listener.bind("127.0.0.1", 0);
  const session = connect(`http://127.0.0.1:${listener.port}`);
  try {
    const [settings] = (await once(session, "remoteSettings")) as [{ initialWindowSize: number }];
    assert.is(settings.initialWindowSize, 4 * MIB);
    // The connection's window follows in a frame of its own.
    await new Promise((resolve) => session.ping(resolve));
    assert.is(session.state.remoteWindowSize, 4 * MIB);
  } finally {
    session.close();
    await listener.close();
  }
});

/** The status of a call with this deadline, as its trailers have it. */
async function statusOf(port: number, path: string, deadline: string): Promise<[code: unknown, text: unknown]> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ...headers, "grpc-timeout": deadline });
    const trailers = new Promise<[unknown, unknown]>((resolve, reject) => {
      const read = (sent: Record<string, unknown>) => {
        if (sent["grpc-status"] !== undefined)
          resolve([sent["grpc-status"], decodeURIComponent(String(sent["grpc-message"]))]);
      };
      stream.once("response", read).once("trailers", read).once("error", reject);
    });
    // An empty message: not compressed, of length zero.
    stream.resume().end(Buffer.alloc(5));
    return await trailers;
  } finally {
    session.destroy();
  }
}

test("a deadline that passes is told as C++ servers tell it, one beyond what timers can wait doesn't pass at once", async () => {
  const listener = new GrpcListener({ handlers, toStatus: () => ({ code: 13, details: "" }) });
  await listener.bind("127.0.0.1", 0);
  try {
    assert.equal(await statusOf(listener.port, "/a/never", "20m"), ["4", "Deadline Exceeded"]);
    for (const deadline of ["99999999H", "2147484S", "35792M", "5S"]) {
      assert.equal(await statusOf(listener.port, "/a/later", deadline), ["0", "OK"], deadline);
    }
  } finally {
    await listener.close();
  }
});

/** Node 20 has a limit of its own, and no option for it. */
const MANY = process.versions.node.startsWith("20.") ? 900 : 5_000;

test(`a caller may cancel ${MANY} calls in a row`, async () => {
  const listener = new GrpcListener({ handlers, toStatus: () => ({ code: 13, details: "" }) });
  await listener.bind("127.0.0.1", 0);
  const session = connect(`http://127.0.0.1:${listener.port}`);
  try {
    for (let i = 0; i < MANY; i++) {
      const stream = session.request({ ":method": "POST", ":path": "/a/never", "content-type": "application/grpc" });
      stream.end(Buffer.alloc(5));
      // Sent, then cancelled.
      if (i % 50 === 0) await new Promise((resolve) => session.ping(resolve));
      else await new Promise(setImmediate);
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await new Promise((resolve, reject) => session.ping((error) => (error === null ? resolve(null) : reject(error))));
    assert.not(session.closed);
  } finally {
    session.destroy();
    await listener.close();
  }
});

test.run();
