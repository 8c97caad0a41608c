// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) and the distributions that
// TensorFlow draws from it. `state` is 24 bytes: the counter (four u32) and the key (two u32); a fill advances a copy,
// the caller skips the state itself. Each call of the generator gives four u32.

const M0: u64 = 0xd2511f53;
const M1: u64 = 0xcd9e8d57;
const W0: u32 = 0x9e3779b9;
const W1: u32 = 0xbb67ae85;
const TWO_PI: f64 = 6.283185307179586;
const EPSILON: f32 = 1e-7;

let c0: u32 = 0;
let c1: u32 = 0;
let c2: u32 = 0;
let c3: u32 = 0;
let k0: u32 = 0;
let k1: u32 = 0;
let r0: u32 = 0;
let r1: u32 = 0;
let r2: u32 = 0;
let r3: u32 = 0;

function open(state: usize): void {
  c0 = load<u32>(state);
  c1 = load<u32>(state, 4);
  c2 = load<u32>(state, 8);
  c3 = load<u32>(state, 12);
  k0 = load<u32>(state, 16);
  k1 = load<u32>(state, 20);
}

function next(): void {
  let a = c0;
  let b = c1;
  let c = c2;
  let d = c3;
  let x = k0;
  let y = k1;
  for (let round = 0; round < 10; round++) {
    const p = M0 * <u64>a;
    const q = M1 * <u64>c;
    a = <u32>(q >> 32) ^ b ^ x;
    c = <u32>(p >> 32) ^ d ^ y;
    b = <u32>q;
    d = <u32>p;
    x += W0;
    y += W1;
  }
  r0 = a;
  r1 = b;
  r2 = c;
  r3 = d;
  if (++c0 == 0) if (++c1 == 0) if (++c2 == 0) ++c3;
}

// @ts-ignore: decorator
@inline
function lane(i: i32): u32 {
  return i == 0 ? r0 : i == 1 ? r1 : i == 2 ? r2 : r3;
}

/** 23 random bits as the fraction of a number in [1, 2), less 1. */
// @ts-ignore: decorator
@inline
function unit32(x: u32): f32 {
  return reinterpret<f32>((x & 0x7fffff) | 0x3f800000) - <f32>1;
}

// @ts-ignore: decorator
@inline
function unit64(low: u32, high: u32): f64 {
  return reinterpret<f64>((<u64>(high & 0xfffff) << 32) | <u64>low | 0x3ff0000000000000) - 1;
}

export function random_uniform_f32(state: usize, y: usize, n: i32): void {
  open(state);
  for (let i = 0; i < n; i += 4) {
    next();
    const m = min(4, n - i);
    for (let j = 0; j < m; j++) store<f32>(y + (<usize>(i + j) << 2), unit32(lane(j)));
  }
}

export function random_uniform_f64(state: usize, y: usize, n: i32): void {
  open(state);
  for (let i = 0; i < n; i += 2) {
    next();
    store<f64>(y + (<usize>i << 3), unit64(r0, r1));
    if (i + 1 < n) store<f64>(y + (<usize>(i + 1) << 3), unit64(r2, r3));
  }
}

/** Integers lo + x mod range. */
export function random_uniform_i32(state: usize, y: usize, n: i32, lo: i32, range: u32): void {
  open(state);
  for (let i = 0; i < n; i += 4) {
    next();
    const m = min(4, n - i);
    for (let j = 0; j < m; j++) store<u32>(y + (<usize>(i + j) << 2), <u32>lo + (lane(j) % range));
  }
}

/** `bounds`: lo (i64) and range (u64). */
export function random_uniform_i64(state: usize, y: usize, n: i32, bounds: usize): void {
  open(state);
  const lo = load<u64>(bounds);
  const range = load<u64>(bounds, 8);
  for (let i = 0; i < n; i += 2) {
    next();
    store<u64>(y + (<usize>i << 3), lo + ((<u64>r0 | (<u64>r1 << 32)) % range));
    if (i + 1 < n) store<u64>(y + (<usize>(i + 1) << 3), lo + ((<u64>r2 | (<u64>r3 << 32)) % range));
  }
}

/** The four raw words of each call. */
export function random_bits(state: usize, y: usize, n: i32): void {
  open(state);
  for (let i = 0; i < n; i += 4) {
    next();
    const m = min(4, n - i);
    for (let j = 0; j < m; j++) store<u32>(y + (<usize>(i + j) << 2), lane(j));
  }
}

let normal0: f32 = 0;
let normal1: f32 = 0;
let wide0: f64 = 0;
let wide1: f64 = 0;

/** Box–Muller: two uniform numbers to two normal ones. */
function normals32(a: u32, b: u32): void {
  let u = unit32(a);
  if (u < EPSILON) u = EPSILON;
  // The product is rounded once, from double: as the reference does it.
  const angle = <f32>(TWO_PI * <f64>unit32(b));
  const radius = sqrt<f32>(<f32>-2 * <f32>Math.log(<f64>u));
  normal0 = <f32>Math.sin(<f64>angle) * radius;
  normal1 = <f32>Math.cos(<f64>angle) * radius;
}

function normals64(a: u32, b: u32, c: u32, d: u32): void {
  let u = unit64(a, b);
  if (u < 1e-7) u = 1e-7;
  const angle = 2 * Math.PI * unit64(c, d);
  const radius = sqrt<f64>(-2 * Math.log(u));
  wide0 = Math.sin(angle) * radius;
  wide1 = Math.cos(angle) * radius;
}

export function random_normal_f32(state: usize, y: usize, n: i32): void {
  open(state);
  for (let i = 0; i < n; i += 4) {
    next();
    const p = y + (<usize>i << 2);
    const m = n - i;
    normals32(r0, r1);
    store<f32>(p, normal0);
    if (m > 1) store<f32>(p, normal1, 4);
    if (m <= 2) return;
    normals32(r2, r3);
    store<f32>(p, normal0, 8);
    if (m > 3) store<f32>(p, normal1, 12);
  }
}

export function random_normal_f64(state: usize, y: usize, n: i32): void {
  open(state);
  for (let i = 0; i < n; i += 2) {
    next();
    normals64(r0, r1, r2, r3);
    store<f64>(y + (<usize>i << 3), wide0);
    if (i + 1 < n) store<f64>(y + (<usize>(i + 1) << 3), wide1);
  }
}
