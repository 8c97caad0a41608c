import * as assert from "uvu/assert";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { childFrameId, hash64 } from "../../../src/executor/frame-id.js";
import { createKey, parseKey } from "../../../src/rendezvous/key.js";
import { test } from "../../support/suite.js";

const PS = "/job:ps/replica:0/task:0/device:CPU:0";
const WORKER = "/job:worker/replica:0/task:0/device:CPU:0";
const KEY = `${PS};cbe05a18a62ce012;${WORKER};edge_5_w/read;0:0`;

test("a key is made of five parts, the incarnation in hex", () => {
  assert.is(createKey(PS, 14690841046396231698n, WORKER, "edge_5_w/read"), KEY);
  assert.is(createKey(PS, BigInt.asIntN(64, 14690841046396231698n), WORKER, "edge_5_w/read"), KEY);
});

test("a key gives its parts back", () => {
  assert.equal(parseKey(KEY), {
    sendDevice: PS,
    incarnation: 14690841046396231698n,
    recvDevice: WORKER,
    tensorName: "edge_5_w/read",
    frameIter: "0:0",
  });
});

test("what is no key is refused with TensorFlow's text", () => {
  for (const bad of ["bad", `${KEY};more`, KEY.replace("cbe05a18a62ce012", "zz"), "a;1;b;c;0:0"]) {
    assert.throws(
      () => parseKey(bad),
      (error: unknown) => error instanceof InvalidArgumentError && error.message === `Invalid  rendezvous key: ${bad}`,
    );
  }
});

test("frame ids are TensorFlow's hash of the frame's name", () => {
  assert.is(hash64(new TextEncoder().encode("w/while_context")), 973921939875113406n);
  assert.is(childFrameId(0n, 0, "w/while_context"), 5328607504811956670n);
});

test.run();
