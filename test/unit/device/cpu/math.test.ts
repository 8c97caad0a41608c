// exp and log of four lanes, seen through softmax: a row (0, x) with x ≤ 0 gives e^x / (1 + e^x), and log_softmax of
// (0, x) gives −log(1 + e^x). The bounds here are those that assembly/math states.

import * as assert from "uvu/assert";
import { test } from "../../../support/suite.js";
import { benches } from "../../../support/wasm.js";

const all = await benches();

test("exp stays within its bound down to the smallest normal number, and is 0 soon below", () => {
  const rows = 200000;
  for (const bench of all) {
    bench.reset();
    const x = bench.alloc(Float32Array, rows * 2);
    const y = bench.alloc(Float32Array, rows * 2);
    for (let i = 0; i < rows; i++) x.view[2 * i + 1] = -(i * 90) / rows;
    bench.kernels.softmax_f32(x.ptr, y.ptr, rows, 2);
    let worst = 0;
    for (let i = 0; i < rows; i++) {
      const e = Math.exp(x.view[2 * i + 1]!);
      const wanted = e / (1 + e);
      if (wanted < 2 ** -126) {
        // Between √½ of the smallest normal number and itself, a result may still be subnormal.
        const mayBe = wanted > 2 ** -126.51;
        assert.ok(
          y.view[2 * i + 1] === 0 || (mayBe && Math.abs(y.view[2 * i + 1]! - wanted) <= 2 ** -148),
          `${wanted}`,
        );
        continue;
      }
      const ulp = 2 ** (Math.floor(Math.log2(wanted)) - 23);
      worst = Math.max(worst, Math.abs(y.view[2 * i + 1]! - wanted) / ulp);
    }
    // 2 of exp, and half an ulp each for the sum, its reciprocal and the product; the ulp doubles at a power of two.
    assert.ok(worst <= 4, `${bench.variant}: ${worst}`);
    assert.ok(worst > 0, "compares something");
  }
});

test("log stays within its bound over the sums of a row", () => {
  for (const bench of all) {
    let worst = 0;
    for (let columns = 2; columns < 3000; columns += 7) {
      bench.reset();
      const x = bench.place(Float32Array, new Float32Array(columns));
      const y = bench.alloc(Float32Array, columns);
      bench.kernels.log_softmax_f32(x.ptr, y.ptr, 1, columns);
      const wanted = -Math.log(columns);
      const ulp = 2 ** (Math.floor(Math.log2(-wanted)) - 23);
      worst = Math.max(worst, Math.abs(y.view[0]! - wanted) / ulp);
    }
    assert.ok(worst <= 1.5, `${bench.variant}: ${worst}`);
  }
});

test.run();
