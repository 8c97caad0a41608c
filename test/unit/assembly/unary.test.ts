// Elementwise kernels of one input: error bounds against double precision over the whole range of floats, special values,
// every length from 0 to 40, in place and not.
import * as assert from "uvu/assert";
import { unaryCodes } from "../../../src/ops/opcodes.js";
import { test } from "../../support/suite.js";
import { ulpsOff } from "../../support/ulp.js";
import { benches, randomizer } from "../../support/wasm.js";

const all = await benches(8);
const MIN_NORMAL = 1.1754943508222875e-38;
const MAX_FLOAT = 3.4028234663852886e38;

/** Exact function, largest error in units in the last place, and where it holds. */
const bounds: Readonly<Record<string, readonly [(x: number) => number, number, number?]>> = {
  Exp: [Math.exp, 1.5],
  Log: [Math.log, 1],
  Tanh: [Math.tanh, 2.5],
  Sigmoid: [(x) => 1 / (1 + Math.exp(-x)), 2.5],
  Expm1: [Math.expm1, 2],
  Log1p: [Math.log1p, 2],
  Sin: [Math.sin, 0.6],
  Cos: [Math.cos, 0.6],
  Tan: [Math.tan, 1],
  Asin: [Math.asin, 1],
  Acos: [Math.acos, 1],
  Atan: [Math.atan, 1],
  Sinh: [Math.sinh, 1],
  Cosh: [Math.cosh, 1],
  Asinh: [Math.asinh, 1],
  Acosh: [Math.acosh, 1],
  Atanh: [Math.atanh, 1],
  Softplus: [(x) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))), 2.5],
  Softsign: [(x) => x / (1 + Math.abs(x)), 1.5, 1e38],
  Sqrt: [Math.sqrt, 0.5],
  Rsqrt: [(x) => 1 / Math.sqrt(x), 1.5],
  Reciprocal: [(x) => 1 / x, 0.5],
  Square: [(x) => x * x, 0.5],
  Floor: [Math.floor, 0],
  Ceil: [Math.ceil, 0],
};

test("f32 keeps its error bounds over all magnitudes", () => {
  const count = 1 << 16;
  for (const bench of all) {
    bench.reset();
    const x = bench.alloc(Float32Array, count);
    const y = bench.alloc(Float32Array, count);
    // An odd step through the patterns of 32 bits visits all exponents and both signs.
    const patterns = new Uint32Array(bench.memory.buffer, x.ptr, count);
    for (let i = 0; i < count; i++) patterns[i] = Math.imul(i, 65539) ^ (i << 3);
    for (const [op, [exact, bound, limit = MAX_FLOAT]] of Object.entries(bounds)) {
      bench.kernels.unary_f32(unaryCodes[op]!, x.ptr, y.ptr, count);
      for (let i = 0; i < count; i++) {
        const at = x.view[i]!;
        const want = exact(at);
        // Subnormals are flushed by some ops, as in TensorFlow.
        if (Math.abs(at) < MIN_NORMAL || Math.abs(at) > limit) continue;
        if (want !== 0 && Math.abs(want) < MIN_NORMAL) continue;
        const wanted = Math.abs(want) > MAX_FLOAT ? Math.sign(want) * Number.POSITIVE_INFINITY : want;
        const off = ulpsOff(y.view[i]!, wanted, 24);
        if (!(off <= bound))
          assert.unreachable(`${bench.variant} ${op}(${at}) is ${y.view[i]}, should be ${want}: ${off} units off`);
      }
    }
    bench.checkCanaries();
  }
});

test("f64 stays near the engine's functions", () => {
  const next = randomizer(3);
  const values = Float64Array.from({ length: 4000 }, () => (next() - 0.5) * 10 ** Math.floor(next() * 6 - 3));
  for (const bench of all) {
    bench.reset();
    const x = bench.place(Float64Array, values);
    const y = bench.alloc(Float64Array, values.length);
    for (const [op, [exact]] of Object.entries(bounds)) {
      bench.kernels.unary_f64(unaryCodes[op]!, x.ptr, y.ptr, values.length);
      values.forEach((at, i) => {
        const off = ulpsOff(y.view[i]!, exact(at), 53);
        if (!(off <= 4)) assert.unreachable(`${op}(${at}) is ${y.view[i]}, should be ${exact(at)}: ${off} units off`);
      });
    }
  }
});

test("special values", () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const xs = [0, -0, inf, -inf, nan, 0.5, 1.5, 2.5, -2.5, 7];
  const wanted: Record<string, readonly number[]> = {
    Neg: [-0, 0, -inf, inf, nan, -0.5, -1.5, -2.5, 2.5, -7],
    Abs: [0, 0, inf, inf, nan, 0.5, 1.5, 2.5, 2.5, 7],
    Exp: [1, 1, inf, 0, nan],
    Expm1: [0, -0, inf, -1, nan],
    Log: [-inf, -inf, inf, nan, nan],
    Log1p: [0, -0, inf, nan, nan],
    Tanh: [0, -0, 1, -1, nan],
    Sigmoid: [0.5, 0.5, 1, 0, nan],
    Sin: [0, -0, nan, nan, nan],
    Cos: [1, 1, nan, nan, nan],
    Rsqrt: [inf, -inf, 0, nan, nan],
    Reciprocal: [inf, -inf, 0, -0, nan],
    Rint: [0, -0, inf, -inf, nan, 0, 2, 2, -2, 7],
    Sign: [0, 0, 1, -1, nan, 1, 1, 1, -1, 1],
    Relu: [0, 0, inf, 0, nan, 0.5, 1.5, 2.5, 0, 7],
    Relu6: [0, 0, 6, 0, nan, 0.5, 1.5, 2.5, 0, 6],
    Elu: [0, -0, inf, -1, nan],
    Softplus: [Math.fround(Math.LN2), Math.fround(Math.LN2), inf, 0, nan],
    Erf: [0, -0, 1, -1, nan],
    Erfc: [1, 1, 0, 2, nan],
    Lgamma: [inf, inf, inf, inf, nan],
    Digamma: [nan, nan, inf, nan, nan],
  };
  for (const bench of all) {
    bench.reset();
    const x = bench.place(Float32Array, xs);
    const y = bench.alloc(Float32Array, xs.length);
    for (const [op, values] of Object.entries(wanted)) {
      bench.kernels.unary_f32(unaryCodes[op]!, x.ptr, y.ptr, xs.length);
      values.forEach((want, i) => {
        const got = y.view[i]!;
        if (!Object.is(got, want)) assert.unreachable(`${op}(${xs[i]}) is ${got}, should be ${want}`);
      });
    }
  }
});

test("special functions at known points", () => {
  // To 16 digits, from tables of higher precision.
  const points: readonly [op: string, x: number, y: number][] = [
    ["Erf", 0.5, 0.5204998778130465],
    ["Erf", 1, 0.8427007929497149],
    ["Erf", -2, -0.9953222650189527],
    ["Erfc", 0.5, 0.4795001221869535],
    ["Erfc", 3, 2.209049699858544e-5],
    ["Erfc", 10, 2.088487583762545e-45],
    ["Lgamma", 0.5, 0.5723649429247001],
    ["Lgamma", 10, 12.801827480081469],
    ["Lgamma", 100, 359.1342053695754],
    ["Lgamma", -1.5, 0.860047015376481],
    ["Digamma", 1, -0.5772156649015329],
    ["Digamma", 0.5, -1.9635100260214235],
    ["Digamma", 10, 2.251752589066721],
    ["BesselI0e", 1, 0.4657596075936404],
    ["BesselI0e", 20, 0.08978031188482602],
    ["BesselI1e", 1, 0.20791041534970844],
  ];
  const { memory, kernels } = all[0]!;
  const bench = all[0]!;
  bench.reset();
  const x = bench.alloc(Float64Array, 1);
  const y = bench.alloc(Float64Array, 1);
  const narrow = new Float32Array(memory.buffer, x.ptr, 1);
  for (const [op, at, want] of points) {
    x.view[0] = at;
    kernels.unary_f64(unaryCodes[op]!, x.ptr, y.ptr, 1);
    const off = Math.abs(y.view[0]! / want - 1);
    if (!(off < 2e-13)) assert.unreachable(`${op}(${at}) is ${y.view[0]}, should be ${want}`);
    narrow[0] = at;
    kernels.unary_f32(unaryCodes[op]!, x.ptr, x.ptr, 1);
    assert.ok(ulpsOff(narrow[0]!, want, 24) <= 1, `${op}(${at}) in f32 is ${narrow[0]}`);
  }
});

test("every length, in place or not, gives the same elements", () => {
  const next = randomizer(9);
  const values = Float32Array.from({ length: 40 }, () => next() * 6 - 3);
  for (const bench of all) {
    for (const [op, code] of Object.entries(unaryCodes)) {
      if (op === "Invert") continue;
      bench.reset();
      const x = bench.place(Float32Array, values);
      const whole = bench.alloc(Float32Array, 40);
      bench.kernels.unary_f32(code, x.ptr, whole.ptr, 40);
      for (let n = 0; n <= 40; n++) {
        const y = bench.alloc(Float32Array, n);
        const z = bench.place(Float32Array, values.slice(0, n));
        bench.kernels.unary_f32(code, x.ptr, y.ptr, n);
        bench.kernels.unary_f32(code, z.ptr, z.ptr, n);
        assert.equal([...y.view], [...whole.view.slice(0, n)], `${op} of ${n}`);
        assert.equal([...z.view], [...y.view], `${op} of ${n} in place`);
      }
      bench.checkCanaries();
    }
  }
});

test("integers wrap", () => {
  const bench = all[0]!;
  bench.reset();
  const x = bench.place(Int32Array, [-2147483648, -3, 0, 5, 65536, 7, -7]);
  const y = bench.alloc(Int32Array, 7);
  const run = (op: string): number[] => {
    bench.kernels.unary_i32(unaryCodes[op]!, x.ptr, y.ptr, 7);
    return [...y.view];
  };
  assert.equal(run("Neg"), [-2147483648, 3, 0, -5, -65536, -7, 7]);
  assert.equal(run("Abs"), [-2147483648, 3, 0, 5, 65536, 7, 7]);
  assert.equal(run("Square"), [0, 9, 0, 25, 0, 49, 49]);
  assert.equal(run("Sign"), [-1, -1, 0, 1, 1, 1, -1]);
  assert.equal(run("Invert"), [2147483647, 2, -1, -6, -65537, -8, 6]);
});

test.run();
