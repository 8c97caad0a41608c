// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), four counters at a time. The
// state is 24 bytes of memory: the counter (four u32, lowest first) and the key (two u32); `open` copies it into this
// instance's globals, and nothing writes it back: whoever owns the state advances it.
// One call of the generator gives four u32.

const M0: u64 = 0xd2511f53;
const M1: u64 = 0xcd9e8d57;
const W0: u32 = 0x9e3779b9;
const W1: u32 = 0xbb67ae85;

let low: u64 = 0;
let high: u64 = 0;
let k0: u32 = 0;
let k1: u32 = 0;

export function open(state: usize): void {
  low = load<u64>(state);
  high = load<u64>(state, 8);
  k0 = load<u32>(state, 16);
  k1 = load<u32>(state, 20);
}

/** Moves on by `calls` of the generator. */
export function skip(calls: u64): void {
  low += calls;
  if (low < calls) high++;
}

/** The next call's four words, at y. */
export function one(y: usize): void {
  let a = <u32>low;
  let b = <u32>(low >> 32);
  let c = <u32>high;
  let d = <u32>(high >> 32);
  let x = k0;
  let z = k1;
  for (let round = 0; round < 10; round++) {
    const p = M0 * <u64>a;
    const q = M1 * <u64>c;
    a = <u32>(q >> 32) ^ b ^ x;
    c = <u32>(p >> 32) ^ d ^ z;
    b = <u32>q;
    d = <u32>p;
    x += W0;
    z += W1;
  }
  store<u32>(y, a);
  store<u32>(y, b, 4);
  store<u32>(y, c, 8);
  store<u32>(y, d, 12);
  skip(1);
}

/** The next four calls' sixteen words, at y: a vector holds one word of each call's counter. */
export function four(y: usize): void {
  if (<u32>low > 0xfffffffb) {
    // The lowest word wraps within these four.
    for (let i: usize = 0; i < 64; i += 16) one(y + i);
    return;
  }
  let a = i32x4.add(i32x4.splat(<u32>low), i32x4(0, 1, 2, 3));
  let b = i32x4.splat(<u32>(low >> 32));
  let c = i32x4.splat(<u32>high);
  let d = i32x4.splat(<u32>(high >> 32));
  let x = k0;
  let z = k1;
  const m0 = i32x4.splat(<i32>0xd2511f53);
  const m1 = i32x4.splat(<i32>0xcd9e8d57);
  for (let round = 0; round < 10; round++) {
    const pLow = i64x2.extmul_low_i32x4_u(a, m0);
    const pHigh = i64x2.extmul_high_i32x4_u(a, m0);
    const qLow = i64x2.extmul_low_i32x4_u(c, m1);
    const qHigh = i64x2.extmul_high_i32x4_u(c, m1);
    a = v128.xor(v128.xor(v128.shuffle<i32>(qLow, qHigh, 1, 3, 5, 7), b), i32x4.splat(x));
    c = v128.xor(v128.xor(v128.shuffle<i32>(pLow, pHigh, 1, 3, 5, 7), d), i32x4.splat(z));
    b = v128.shuffle<i32>(qLow, qHigh, 0, 2, 4, 6);
    d = v128.shuffle<i32>(pLow, pHigh, 0, 2, 4, 6);
    x += W0;
    z += W1;
  }
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const ab2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(y, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(y, v128.shuffle<i64>(ab, cd, 1, 3), 16);
  v128.store(y, v128.shuffle<i64>(ab2, cd2, 0, 2), 32);
  v128.store(y, v128.shuffle<i64>(ab2, cd2, 1, 3), 48);
  skip(4);
}
