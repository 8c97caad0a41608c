// Conv2D and its gradients against plain loops over seven indices. Values are small integers: sums are exact, so every
// build must give the very same numbers.

import * as assert from "uvu/assert";
import { test } from "../../../support/suite.js";
import { type Bench, benches, randomizer } from "../../../support/wasm.js";

const all = await benches(64);

interface Geometry {
  batch: number;
  inH: number;
  inW: number;
  inC: number;
  kH: number;
  kW: number;
  outC: number;
  outH: number;
  outW: number;
  strideH: number;
  strideW: number;
  dilH: number;
  dilW: number;
  padT: number;
  padL: number;
}

/** Calls `visit` with the flat indices of every (x, filter, y) triple of the convolution. */
function eachProduct(g: Geometry, visit: (x: number, filter: number, y: number) => void): void {
  for (let n = 0; n < g.batch; n++)
    for (let oh = 0; oh < g.outH; oh++)
      for (let ow = 0; ow < g.outW; ow++)
        for (let kh = 0; kh < g.kH; kh++)
          for (let kw = 0; kw < g.kW; kw++) {
            const ih = oh * g.strideH + kh * g.dilH - g.padT;
            const iw = ow * g.strideW + kw * g.dilW - g.padL;
            if (ih < 0 || ih >= g.inH || iw < 0 || iw >= g.inW) continue;
            const x = ((n * g.inH + ih) * g.inW + iw) * g.inC;
            const filter = (kh * g.kW + kw) * g.inC;
            const y = ((n * g.outH + oh) * g.outW + ow) * g.outC;
            for (let c = 0; c < g.inC; c++)
              for (let o = 0; o < g.outC; o++) visit(x + c, (filter + c) * g.outC + o, y + o);
          }
}

function check(bench: Bench, dtype: "f32" | "f64", g: Geometry, next: () => number): void {
  bench.reset();
  const { kernels } = bench;
  const type = (dtype === "f32" ? Float32Array : Float64Array) as typeof Float64Array;
  const size = type.BYTES_PER_ELEMENT;
  const small = () => Math.floor(next() * 9) - 4;
  const make = (length: number) => bench.place(type, Float64Array.from({ length }, small));
  const x = make(g.batch * g.inH * g.inW * g.inC);
  const filter = make(g.kH * g.kW * g.inC * g.outC);
  const dy = make(g.batch * g.outH * g.outW * g.outC);
  const y = make(dy.view.length);
  const dx = make(x.view.length);
  const dfilter = make(filter.view.length);
  const wanted = {
    y: new Array(y.view.length).fill(0),
    dx: Array(dx.view.length).fill(0),
    df: Array(dfilter.view.length).fill(0),
  };
  eachProduct(g, (xi, fi, yi) => {
    wanted.y[yi] += x.view[xi]! * filter.view[fi]!;
    wanted.dx[xi] += dy.view[yi]! * filter.view[fi]!;
    wanted.df[fi] += dy.view[yi]! * x.view[xi]!;
  });
  const { batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL } = g;
  const rest = [batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL] as const;
  const args = [inC, kH, kW, outC, size] as const;
  kernels[`conv2d_${dtype}`](x.ptr, filter.ptr, y.ptr, ...rest, bench.scratch(kernels.conv2d_scratch_bytes(...args)));
  kernels[`conv2d_backprop_input_${dtype}`](
    dy.ptr,
    filter.ptr,
    dx.ptr,
    ...rest,
    bench.scratch(kernels.conv2d_backprop_input_scratch_bytes(...args)),
  );
  kernels[`conv2d_backprop_filter_${dtype}`](
    x.ptr,
    dy.ptr,
    dfilter.ptr,
    ...rest,
    bench.scratch(kernels.conv2d_backprop_filter_scratch_bytes(...args)),
  );
  for (const [name, got, want] of [
    ["y", y.view, wanted.y],
    ["dx", dx.view, wanted.dx],
    ["dfilter", dfilter.view, wanted.df],
  ] as const) {
    for (let i = 0; i < want.length; i++) {
      if (got[i] !== want[i]) {
        assert.unreachable(
          `${bench.variant} ${dtype} ${JSON.stringify(g)}: ${name}[${i}] is ${got[i]}, should be ${want[i]}`,
        );
      }
    }
  }
  bench.checkCanaries();
}

/** TensorFlow's SAME and VALID, from the sizes that a node has. */
function geometry(sizes: Omit<Geometry, "outH" | "outW" | "padT" | "padL">, same: boolean): Geometry {
  const along = (size: number, k: number, stride: number, dilation: number) => {
    const window = (k - 1) * dilation + 1;
    const out = same ? Math.ceil(size / stride) : Math.max(0, Math.ceil((size - window + 1) / stride));
    const pad = same ? Math.floor(Math.max(0, (out - 1) * stride + window - size) / 2) : 0;
    return { out, pad };
  };
  const h = along(sizes.inH, sizes.kH, sizes.strideH, sizes.dilH);
  const w = along(sizes.inW, sizes.kW, sizes.strideW, sizes.dilW);
  return { ...sizes, outH: h.out, outW: w.out, padT: h.pad, padL: w.pad };
}

test("random small geometries, SAME and VALID", () => {
  for (const bench of all) {
    const next = randomizer(11);
    const upTo = (n: number) => 1 + Math.floor(next() * n);
    for (let i = 0; i < 150; i++) {
      const g = geometry(
        {
          batch: upTo(3),
          inH: upTo(9),
          inW: upTo(9),
          inC: upTo(7),
          kH: upTo(4),
          kW: upTo(4),
          outC: upTo(11),
          strideH: upTo(3),
          strideW: upTo(3),
          dilH: upTo(2),
          dilW: upTo(2),
        },
        next() < 0.5,
      );
      check(bench, i % 5 === 4 ? "f64" : "f32", g, next);
    }
  }
});

test("deep filters and many channels cross the blocks", () => {
  const one = { strideH: 1, strideW: 1, dilH: 1, dilW: 1 };
  for (const bench of all) {
    const next = randomizer(5);
    for (const tile of [4, 5, 6]) {
      bench.kernels.gemm_set_tile(tile);
      check(
        bench,
        "f32",
        geometry({ batch: 1, inH: 12, inW: 11, inC: 33, kH: 3, kW: 3, outC: 21, ...one }, true),
        next,
      );
    }
    check(
      bench,
      "f32",
      geometry({ batch: 2, inH: 10, inW: 10, inC: 70, kH: 3, kW: 5, outC: 9, ...one, strideW: 2 }, true),
      next,
    );
    check(bench, "f32", geometry({ batch: 1, inH: 5, inW: 5, inC: 300, kH: 1, kW: 1, outC: 530, ...one }, true), next);
    check(bench, "f64", geometry({ batch: 1, inH: 9, inW: 9, inC: 40, kH: 3, kW: 3, outC: 37, ...one }, false), next);
    check(bench, "f32", geometry({ batch: 2, inH: 28, inW: 28, inC: 1, kH: 5, kW: 5, outC: 6, ...one }, true), next);
  }
});

test("windows three pixels wide, by pairs of outputs and, where those don't suit, without", () => {
  const one = { strideH: 1, strideW: 1, dilH: 1, dilW: 1 };
  const sizes = { batch: 1, inH: 12, inW: 13, inC: 16, kH: 3, kW: 3, outC: 20, ...one };
  for (const bench of all) {
    const next = randomizer(8);
    for (const same of [true, false]) {
      check(bench, "f32", geometry(sizes, same), next);
      check(bench, "f32", geometry({ ...sizes, batch: 2, inH: 40, inW: 12, inC: 24 }, same), next);
      check(bench, "f32", geometry({ ...sizes, inH: 3, inW: 135, outC: 16 }, same), next);
      check(bench, "f32", geometry({ ...sizes, kH: 1 }, same), next);
      check(bench, "f32", geometry({ ...sizes, inW: 14, kH: 6 }, same), next);
      check(bench, "f32", geometry({ ...sizes, inW: 30, strideH: 3 }, same), next);
      check(bench, "f32", geometry({ ...sizes, inW: 30, strideW: 3 }, same), next);
      check(bench, "f32", geometry({ ...sizes, inH: 30, dilH: 3 }, same), next);
      check(bench, "f32", geometry({ ...sizes, inW: 30, dilW: 3 }, same), next);
      check(bench, "f32", geometry({ ...sizes, inC: 18 }, same), next);
      check(bench, "f64", geometry(sizes, same), next);
    }
    // More padding than a window has pixels, on one side alone.
    check(bench, "f32", { ...geometry(sizes, true), outW: 18, padT: 2, padL: 5 }, next);
  }
});

test("pairs of outputs are as exact as plain products", () => {
  const [size, inC, outC] = [12, 32, 16];
  for (const bench of all) {
    bench.reset();
    const next = randomizer(3);
    const g = geometry(
      { batch: 1, inH: size, inW: size, inC, kH: 3, kW: 3, outC, strideH: 1, strideW: 1, dilH: 1, dilW: 1 },
      true,
    );
    const make = (length: number) =>
      bench.place(
        Float32Array,
        Float32Array.from({ length }, () => next() - 0.5),
      );
    const [x, filter] = [make(size * size * inC), make(9 * inC * outC)];
    const y = bench.alloc(Float32Array, size * size * outC);
    const scratch = bench.scratch(bench.kernels.conv2d_scratch_bytes(inC, 3, 3, outC, 4));
    const sizes = [1, size, size, inC, 3, 3, outC, size, size, 1, 1, 1, 1, 1, 1] as const;
    bench.kernels.conv2d_f32(x.ptr, filter.ptr, y.ptr, ...sizes, scratch);
    const exact = new Float64Array(y.view.length);
    const magnitude = new Float64Array(y.view.length);
    const plain = new Float32Array(y.view.length);
    eachProduct(g, (xi, fi, yi) => {
      const product = x.view[xi]! * filter.view[fi]!;
      exact[yi]! += product;
      magnitude[yi]! += Math.abs(product);
      plain[yi] = plain[yi]! + Math.fround(product);
    });
    const errorOf = (values: Float32Array) =>
      Math.sqrt(values.reduce((sum, v, i) => sum + ((v - exact[i]!) / magnitude[i]!) ** 2, 0) / values.length);
    assert.ok(errorOf(y.view) < errorOf(plain), `${bench.variant}: ${errorOf(y.view)}, ${errorOf(plain)} plainly`);
    bench.checkCanaries();
  }
});

test("a window larger than the image, and outputs without a pixel", () => {
  const one = { strideH: 1, strideW: 1, dilH: 1, dilW: 1 };
  for (const bench of all) {
    const next = randomizer(2);
    check(bench, "f32", geometry({ batch: 1, inH: 2, inW: 2, inC: 3, kH: 5, kW: 5, outC: 4, ...one }, true), next);
    check(bench, "f32", geometry({ batch: 1, inH: 2, inW: 2, inC: 3, kH: 5, kW: 5, outC: 4, ...one }, false), next);
    check(bench, "f32", geometry({ batch: 0, inH: 4, inW: 4, inC: 3, kH: 2, kW: 2, outC: 4, ...one }, true), next);
    check(bench, "f64", geometry({ batch: 1, inH: 4, inW: 4, inC: 0, kH: 2, kW: 2, outC: 4, ...one }, true), next);
  }
});

test("NaN and infinity reach the windows that they are in, as they are", () => {
  for (const bench of all) {
    for (const [size, channels, value] of [
      [5, 1, Number.NaN],
      [13, 16, Number.NaN],
      [13, 16, Number.POSITIVE_INFINITY],
      [13, 16, Number.NEGATIVE_INFINITY],
    ] as const) {
      for (const at of [size * size - 1, size * 2 + 2, size * 2 + 3]) {
        bench.reset();
        const x = bench.place(Float32Array, new Float32Array(size * size * channels).fill(1));
        x.view[at * channels] = value;
        const filter = bench.place(Float32Array, new Float32Array(9 * channels * channels).fill(1));
        const y = bench.alloc(Float32Array, size * size * channels);
        const scratch = bench.scratch(bench.kernels.conv2d_scratch_bytes(channels, 3, 3, channels, 4));
        const sizes = [1, size, size, channels, 3, 3, channels, size, size, 1, 1, 1, 1, 1, 1] as const;
        bench.kernels.conv2d_f32(x.ptr, filter.ptr, y.ptr, ...sizes, scratch);
        const within = (i: number) => (i === 0 || i === size - 1 ? 2 : 3);
        for (let i = 0; i < size * size; i++) {
          const [row, column] = [Math.floor(i / size), i % size];
          const near = Math.abs(row - Math.floor(at / size)) <= 1 && Math.abs(column - (at % size)) <= 1;
          const wanted = near ? value : within(row) * within(column) * channels;
          for (let c = 0; c < channels; c++)
            assert.ok(Object.is(y.view[i * channels + c], wanted), `${size}: [${i}] is ${y.view[i * channels + c]}`);
        }
      }
    }
  }
});

test("a weight that isn't finite reaches the gradients of the pixels that it was multiplied with, no others", () => {
  const size = 7;
  for (const bench of all) {
    for (const [channels, value] of [
      [1, Number.POSITIVE_INFINITY],
      [16, Number.NaN],
    ] as const) {
      bench.reset();
      const dy = bench.place(Float32Array, new Float32Array(size * size * channels).fill(1));
      const filter = bench.place(Float32Array, new Float32Array(9 * channels * channels).fill(1));
      filter.view[0] = value;
      const dx = bench.alloc(Float32Array, size * size * channels);
      const scratch = bench.scratch(bench.kernels.conv2d_backprop_input_scratch_bytes(channels, 3, 3, channels, 4));
      const sizes = [1, size, size, channels, 3, 3, channels, size, size, 1, 1, 1, 1, 1, 1] as const;
      bench.kernels.conv2d_backprop_input_f32(dy.ptr, filter.ptr, dx.ptr, ...sizes, scratch);
      // The upper left weight has nothing to do with the last row and column.
      for (let i = 0; i < size * size; i++) {
        const [row, column] = [Math.floor(i / size), i % size];
        const near = row < size - 1 && column < size - 1;
        const ends = (at: number) => (at === 0 || at === size - 1 ? 2 : 3);
        const wanted = near ? value : ends(row) * ends(column) * channels;
        assert.ok(Object.is(dx.view[i * channels], wanted), `${channels}: [${i}] is ${dx.view[i * channels]}`);
      }
      bench.checkCanaries();
    }
  }
});

test("what lies side by side may be further apart than a float reaches", () => {
  const [size, channels, large] = [13, 16, 3e38];
  for (const bench of all) {
    bench.reset();
    const x = bench.place(Float32Array, new Float32Array(size * size * channels));
    for (let i = 0; i < size * size; i++) x.view[i * channels] = [large, 0, -large, 0][(i % size) % 4]!;
    const filter = bench.place(Float32Array, new Float32Array(9 * channels * channels));
    // The pixels left and right of the middle.
    for (const kw of [0, 2]) filter.view[(3 + kw) * channels * channels] = 1;
    const y = bench.alloc(Float32Array, size * size * channels);
    const scratch = bench.scratch(bench.kernels.conv2d_scratch_bytes(channels, 3, 3, channels, 4));
    const sizes = [1, size, size, channels, 3, 3, channels, size, size, 1, 1, 1, 1, 1, 1] as const;
    bench.kernels.conv2d_f32(x.ptr, filter.ptr, y.ptr, ...sizes, scratch);
    assert.ok(y.view.every((value) => value === 0));
  }
});

test.run();
