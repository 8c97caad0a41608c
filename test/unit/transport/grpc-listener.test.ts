// What a caller of any HTTP/2 library sees of the listener.
import { once } from "node:events";
import { connect } from "node:http2";
import * as assert from "uvu/assert";
import { GrpcListener } from "../../../src/transport/grpc-listener.js";
import { test } from "../../support/suite.js";

const MIB = 1024 * 1024;

const handlers = new Map([["/a/echo", async (bytes: Uint8Array) => bytes]]);

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

test.run();
