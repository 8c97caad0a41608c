// Where windows lie on an image, by hand; and the sizes from the network that the kernels couldn't count.
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { placeWindows } from "../../../src/ops/support/windows.js";
import { test } from "../../support/suite.js";

const padding = (kind: string, pad = 0) => ({ kind, top: pad, bottom: pad, left: pad, right: pad });

test("SAME pads less before than after", () => {
  assert.equal(placeWindows(padding("SAME"), 5, 6, 2, 3, 1, 2, 1, 1), { outH: 5, outW: 3, padT: 0, padL: 0 });
  assert.equal(placeWindows(padding("SAME"), 5, 5, 3, 3, 2, 1, 1, 2), { outH: 3, outW: 5, padT: 1, padL: 2 });
});

test("EXPLICIT adds what it says", () => {
  assert.equal(placeWindows(padding("EXPLICIT", 2), 4, 4, 3, 3, 2, 1, 1, 1), { outH: 3, outW: 6, padT: 2, padL: 2 });
});

test("a window beyond 32 bits is refused", () => {
  for (const kind of ["SAME", "VALID"])
    assert.throws(
      () => placeWindows(padding(kind), 4, 4, 3, 3, 1, 1, 2 ** 31, 1),
      (error: unknown) => error instanceof InvalidArgumentError && /reaches too far/.test(error.message),
    );
});

test.run();
