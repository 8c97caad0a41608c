// The distributions that TensorFlow draws from a Philox generator (assembly/math/philox.ts), with its values: bit for bit,
// but for one in 700 normal numbers of f64, which are within 2 units in the last place. `state` is read, not advanced: the
// caller skips as many calls as TensorFlow reserves. `y` has room for whole calls of the generator: the words of a call
// are written there and turned into numbers in place, so up to 12 bytes behind the n-th number are overwritten.
// Hence the capacity of y is n rounded up to a multiple of 16 bytes, which the 64-byte heap blocks always have.
import { four, one, open, skip } from "../math/philox";
import { sincos_f32x2 } from "../math/sincos";
import { sincos_f64 } from "../math/sincos-f64";

const constants = memory.data<f32>([1.0, 1e-7, -2.0], 16);
const wide = memory.data<f64>([6.283185307179586]);
const masks = memory.data<i32>([0x7fffff, 0x3f800000]);

/** Words of `calls` calls, from y on. */
function words(y: usize, calls: i32): void {
  for (; calls >= 4; calls -= 4) {
    four(y);
    y += 64;
  }
  for (; calls > 0; calls--) {
    one(y);
    y += 16;
  }
}

/** 23 bits of each word as the fraction of a number in [1, 2), less 1. */
// @ts-ignore: decorator
@inline
function unit(x: v128): v128 {
  const fraction = v128.or(v128.and(x, v128.load32_splat(masks)), v128.load32_splat(masks + 4));
  return f32x4.sub(fraction, v128.load32_splat(constants));
}

/** 52 bits of two words, the first one's on top. */
// @ts-ignore: decorator
@inline
function unit64(p: usize): f64 {
  return reinterpret<f64>((<u64>(load<u32>(p) & 0xfffff) << 32) | <u64>load<u32>(p, 4) | 0x3ff0000000000000) - 1;
}

export function random_uniform_f32(state: usize, y: usize, n: i32): void {
  open(state);
  const calls = (n + 3) >> 2;
  words(y, calls);
  for (let i = 0; i < calls; i++) {
    v128.store(y, unit(v128.load(y)));
    y += 16;
  }
}

export function random_uniform_f64(state: usize, y: usize, n: i32): void {
  open(state);
  words(y, (n + 1) >> 1);
  for (let i = 0; i < n; i++) {
    store<f64>(y, unit64(y));
    y += 8;
  }
}

/** The lowest `bits` bits of each word, over 2^bits: what narrower floats hold. */
export function random_uniform_narrow(state: usize, y: usize, n: i32, bits: i32): void {
  open(state);
  words(y, (n + 3) >> 2);
  const mask = <u32>((1 << bits) - 1);
  const scale = <f32>1 / <f32>(1 << bits);
  for (let i = 0; i < n; i++) {
    store<f32>(y, <f32>(load<u32>(y) & mask) * scale);
    y += 4;
  }
}

/** Integers lo + x mod range. */
export function random_uniform_i32(state: usize, y: usize, n: i32, lo: i32, range: u32): void {
  open(state);
  words(y, (n + 3) >> 2);
  for (let i = 0; i < n; i++) {
    store<u32>(y, <u32>lo + (load<u32>(y) % range));
    y += 4;
  }
}

/** `bounds`: lo (i64) and range (u64). */
export function random_uniform_i64(state: usize, y: usize, n: i32, bounds: usize): void {
  open(state);
  words(y, (n + 1) >> 1);
  const lo = load<u64>(bounds);
  const range = load<u64>(bounds, 8);
  for (let i = 0; i < n; i++) {
    store<u64>(y, lo + (load<u64>(y) % range));
    y += 8;
  }
}

/** n raw words. */
export function random_bits(state: usize, y: usize, n: i32): void {
  open(state);
  words(y, (n + 3) >> 2);
}

/** Box–Muller on the four words at y: pairs of a radius and an angle become pairs of normal numbers. */
function normal4(y: usize): void {
  const words = v128.load(y);
  const u = f32x4.max(unit(v128.shuffle<f32>(words, words, 0, 2, 0, 2)), v128.load32_splat(constants + 4));
  const v = unit(v128.shuffle<f32>(words, words, 1, 3, 1, 3));
  const first = Mathf.log(f32x4.extract_lane(u, 0));
  const second = Mathf.log(f32x4.extract_lane(u, 1));
  const radius = f32x4.sqrt(f32x4.mul(v128.load32_splat(constants + 8), f32x4(first, first, second, second)));
  // 2π · v is a product in f64 there, rounded once.
  const angle = f32x4.demote_f64x2_zero(f64x2.mul(v128.load64_splat(wide), f64x2.promote_low_f32x4(v)));
  v128.store(y, f32x4.mul(sincos_f32x2(angle), radius));
}

export function random_normal_f32(state: usize, y: usize, n: i32): void {
  open(state);
  const calls = (n + 3) >> 2;
  words(y, calls);
  for (let i = 0; i < calls; i++) {
    normal4(y);
    y += 16;
  }
}

/** Box–Muller in f64 on four words, two numbers. */
function normal2(y: usize): void {
  const u = Math.max(unit64(y), 1e-7);
  const angle = 2 * Math.PI * unit64(y + 8);
  const radius = Math.sqrt(-2 * Math.log(u));
  sincos_f64(angle, y);
  store<f64>(y, load<f64>(y) * radius);
  store<f64>(y, load<f64>(y, 8) * radius, 8);
}

export function random_normal_f64(state: usize, y: usize, n: i32): void {
  open(state);
  const calls = (n + 1) >> 1;
  words(y, calls);
  for (let i = 0; i < calls; i++) {
    normal2(y);
    y += 16;
  }
}

// Truncated normal: what lies two standard deviations away is drawn again. TensorFlow gives each 16 bytes of output
// generators of their own, 256 words an output apart, so that groups don't depend on how often others drew.

export function random_truncated_normal_f32(state: usize, y: usize, n: i32, scratch: usize): void {
  for (let i = 0; i < n; i += 4) {
    open(state);
    skip(<u64>i * 64);
    const count = min(4, n - i);
    let kept = 0;
    while (kept < count) {
      one(scratch);
      normal4(scratch);
      for (let j: usize = 0; j < 16 && kept < count; j += 4) {
        const value = load<f32>(scratch + j);
        if (abs(value) >= 2) continue;
        store<f32>(y, value);
        y += 4;
        kept++;
      }
    }
  }
}

export function random_truncated_normal_f64(state: usize, y: usize, n: i32, scratch: usize): void {
  for (let i = 0; i < n; i += 2) {
    open(state);
    skip(<u64>i * 64);
    const count = min(2, n - i);
    let kept = 0;
    while (kept < count) {
      one(scratch);
      normal2(scratch);
      for (let j: usize = 0; j < 16 && kept < count; j += 8) {
        const value = load<f64>(scratch + j);
        if (abs(value) >= 2) continue;
        store<f64>(y, value);
        y += 8;
        kept++;
      }
    }
  }
}
