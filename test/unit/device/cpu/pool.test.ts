// Pooling and depthwise convolution with their gradients, against plain loops; which pixel gets a maximum's gradient,
// and what NaN does, are TensorFlow's (observed on CPU, 2.21).

import * as assert from "uvu/assert";
import { test } from "../../../support/suite.js";
import { type Bench, benches, randomizer } from "../../../support/wasm.js";

const all = await benches();
const lowest = -3.4028234663852886e38;

interface Geometry {
  batch: number;
  inH: number;
  inW: number;
  channels: number;
  outH: number;
  outW: number;
  kH: number;
  kW: number;
  strideH: number;
  strideW: number;
  padT: number;
  padL: number;
}

/** Calls `visit` for each output pixel with its pixels of the image, in the order of rows. */
function eachWindow(g: Geometry, visit: (y: number, pixels: number[]) => void): void {
  for (let n = 0; n < g.batch; n++)
    for (let oh = 0; oh < g.outH; oh++)
      for (let ow = 0; ow < g.outW; ow++) {
        const pixels: number[] = [];
        for (let kh = 0; kh < g.kH; kh++)
          for (let kw = 0; kw < g.kW; kw++) {
            const ih = oh * g.strideH + kh - g.padT;
            const iw = ow * g.strideW + kw - g.padL;
            if (ih >= 0 && ih < g.inH && iw >= 0 && iw < g.inW) pixels.push((n * g.inH + ih) * g.inW + iw);
          }
        visit((n * g.outH + oh) * g.outW + ow, pixels);
      }
}

function randomGeometry(next: () => number): Geometry {
  const upTo = (n: number) => 1 + Math.floor(next() * n);
  const [inH, inW, kH, kW] = [2 + upTo(8), 2 + upTo(8), upTo(3), upTo(3)];
  const [strideH, strideW] = [upTo(3), upTo(3)];
  const [padT, padL] = [Math.floor(next() * kH), Math.floor(next() * kW)];
  const outH = Math.floor((inH - 1 - 0 + padT) / strideH) + 1;
  const outW = Math.floor((inW - 1 - 0 + padL) / strideW) + 1;
  return { batch: upTo(2), inH, inW, channels: upTo(11), outH, outW, kH, kW, strideH, strideW, padT, padL };
}

const order = (g: Geometry) =>
  [g.batch, g.inH, g.inW, g.channels, g.outH, g.outW, g.kH, g.kW, g.strideH, g.strideW, g.padT, g.padL] as const;

function checkPool(bench: Bench, dtype: "f32" | "f64", g: Geometry, next: () => number): void {
  bench.reset();
  const { kernels } = bench;
  const type = (dtype === "f32" ? Float32Array : Float64Array) as typeof Float64Array;
  const round = dtype === "f32" ? Math.fround : (v: number) => v;
  const small = () => (next() < 0.05 ? Number.NaN : Math.floor(next() * 7) - 3);
  const x = bench.place(type, Float64Array.from({ length: g.batch * g.inH * g.inW * g.channels }, small));
  const dy = bench.place(
    type,
    Float64Array.from({ length: g.batch * g.outH * g.outW * g.channels }, () => Math.floor(next() * 9) - 4),
  );
  const [y, a] = [bench.alloc(type, dy.view.length), bench.alloc(type, dy.view.length)];
  const [dx, da] = [bench.alloc(type, x.view.length), bench.alloc(type, x.view.length)];
  kernels[`max_pool_${dtype}`](x.ptr, y.ptr, ...order(g));
  kernels[`avg_pool_${dtype}`](x.ptr, a.ptr, ...order(g));
  kernels[`max_pool_grad_${dtype}`](x.ptr, dy.ptr, dx.ptr, ...order(g));
  kernels[`avg_pool_grad_${dtype}`](dy.ptr, da.ptr, ...order(g));
  const wanted = { dx: new Array(x.view.length).fill(0), da: new Array(x.view.length).fill(0) };
  const where = `${bench.variant} ${dtype} ${JSON.stringify(g)}`;
  eachWindow(g, (pixel, pixels) => {
    for (let c = 0; c < g.channels; c++) {
      const at = pixel * g.channels + c;
      let best = dtype === "f32" ? lowest : -Number.MAX_VALUE;
      let sum = 0;
      let winner = -1;
      for (const p of pixels) {
        const index = p * g.channels + c;
        const value = x.view[index]!;
        if (best < value) best = value;
        if (winner < 0 || x.view[winner]! < value) winner = index;
        sum += value;
        wanted.da[index] = round(wanted.da[index] + round(dy.view[at]! * round(1 / pixels.length)));
      }
      wanted.dx[winner] += dy.view[at]!;
      assert.ok(Object.is(y.view[at]! + 0, best + 0), `${where} max ${y.view[at]} ${best}`);
      assert.ok(
        Object.is(a.view[at]! + 0, round(sum / pixels.length) + 0),
        `${where} avg ${a.view[at]} ${sum / pixels.length}`,
      );
    }
  });
  for (let i = 0; i < wanted.dx.length; i++) {
    assert.is(dx.view[i]! + 0, wanted.dx[i] + 0, `${where} max grad [${i}]`);
    assert.is(da.view[i]! + 0, wanted.da[i] + 0, `${where} avg grad [${i}]`);
  }
  bench.checkCanaries();
}

test("pools and their gradients, random geometries", () => {
  for (const bench of all) {
    const next = randomizer(21);
    for (let i = 0; i < 150; i++) checkPool(bench, i % 4 === 3 ? "f64" : "f32", randomGeometry(next), next);
  }
});

test("a window of nothing but NaN or −∞ gives the lowest number", () => {
  for (const bench of all) {
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      bench.reset();
      const x = bench.place(Float32Array, new Float32Array(4 * 5).fill(value));
      const y = bench.alloc(Float32Array, 5);
      bench.kernels.max_pool_f32(x.ptr, y.ptr, 1, 2, 2, 5, 1, 1, 2, 2, 2, 2, 0, 0);
      assert.equal(Array.from(y.view), new Array(5).fill(lowest));
    }
  }
});

test("depthwise convolution and its gradients, random geometries", () => {
  for (const bench of all) {
    const next = randomizer(31);
    for (let round = 0; round < 120; round++) {
      bench.reset();
      const dtype = round % 4 === 3 ? "f64" : "f32";
      const type = (dtype === "f32" ? Float32Array : Float64Array) as typeof Float64Array;
      const g = randomGeometry(next);
      const m = 1 + Math.floor(next() * 3);
      const [dilH, dilW] = [1 + Math.floor(next() * 2), 1 + Math.floor(next() * 2)];
      const small = () => Math.floor(next() * 9) - 4;
      const make = (length: number) => bench.place(type, Float64Array.from({ length }, small));
      const x = make(g.batch * g.inH * g.inW * g.channels);
      const filter = make(g.kH * g.kW * g.channels * m);
      const dy = make(g.batch * g.outH * g.outW * g.channels * m);
      const [y, dx, df] = [make(dy.view.length), make(x.view.length), make(filter.view.length)];
      const rest = [
        g.batch,
        g.inH,
        g.inW,
        g.channels,
        g.kH,
        g.kW,
        m,
        g.outH,
        g.outW,
        g.strideH,
        g.strideW,
        dilH,
        dilW,
        g.padT,
        g.padL,
      ] as const;
      bench.kernels[`depthwise_conv2d_${dtype}`](x.ptr, filter.ptr, y.ptr, ...rest);
      bench.kernels[`depthwise_conv2d_backprop_input_${dtype}`](dx.ptr, filter.ptr, dy.ptr, ...rest);
      bench.kernels[`depthwise_conv2d_backprop_filter_${dtype}`](x.ptr, df.ptr, dy.ptr, ...rest);
      const want = [
        new Float64Array(y.view.length),
        new Float64Array(dx.view.length),
        new Float64Array(df.view.length),
      ] as const;
      for (let n = 0; n < g.batch; n++)
        for (let oh = 0; oh < g.outH; oh++)
          for (let ow = 0; ow < g.outW; ow++)
            for (let kh = 0; kh < g.kH; kh++)
              for (let kw = 0; kw < g.kW; kw++) {
                const ih = oh * g.strideH + kh * dilH - g.padT;
                const iw = ow * g.strideW + kw * dilW - g.padL;
                if (ih < 0 || ih >= g.inH || iw < 0 || iw >= g.inW) continue;
                for (let c = 0; c < g.channels; c++)
                  for (let i = 0; i < m; i++) {
                    const xi = ((n * g.inH + ih) * g.inW + iw) * g.channels + c;
                    const fi = ((kh * g.kW + kw) * g.channels + c) * m + i;
                    const yi = (((n * g.outH + oh) * g.outW + ow) * g.channels + c) * m + i;
                    want[0][yi]! += x.view[xi]! * filter.view[fi]!;
                    want[1][xi]! += dy.view[yi]! * filter.view[fi]!;
                    want[2][fi]! += x.view[xi]! * dy.view[yi]!;
                  }
              }
      assert.equal(Array.from(y.view), Array.from(want[0]), `${bench.variant} ${dtype} ${JSON.stringify(g)}`);
      assert.equal(Array.from(dx.view), Array.from(want[1]));
      assert.equal(Array.from(df.view), Array.from(want[2]));
      bench.checkCanaries();
    }
  }
});

test.run();
