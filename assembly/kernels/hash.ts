// Hashes of texts, as TensorFlow has them: FarmHash's fingerprint, the older hash of 64 bits, and SipHash with a key.
// Each takes the bytes and writes 64 bits to `y`. FarmHash after github.com/google/farmhash (farmhashna), SipHash-2-4
// after its paper.

const K0: u64 = 0xc3a5c85c97cb3127;
const K1: u64 = 0xb492b66fbe98f273;
const K2: u64 = 0x9ae16a3b2f90404f;

// @ts-ignore: decorator
@inline
function mixed(x: u64): u64 {
  return x ^ (x >> 47);
}

// @ts-ignore: decorator
@inline
function word(p: usize): u64 {
  return load<u64>(p);
}

function pair(u: u64, v: u64, mul: u64): u64 {
  const a = mixed((u ^ v) * mul);
  return mixed((v ^ a) * mul) * mul;
}

function upTo16(p: usize, n: usize): u64 {
  if (n >= 8) {
    const mul: u64 = K2 + (<u64>n) * 2;
    const a = word(p) + K2;
    const b = word(p + n - 8);
    const c = rotr<u64>(b, 37) * mul + a;
    const d = (rotr<u64>(a, 25) + b) * mul;
    return pair(c, d, mul);
  }
  if (n >= 4) {
    const mul: u64 = K2 + (<u64>n) * 2;
    return pair(<u64>n + (<u64>load<u32>(p) << 3), <u64>load<u32>(p + n - 4), mul);
  }
  if (n > 0) {
    const y: u32 = <u32>load<u8>(p) + (<u32>load<u8>(p + (n >> 1)) << 8);
    const z: u32 = <u32>n + (<u32>load<u8>(p + n - 1) << 2);
    return mixed((<u64>y * K2) ^ (<u64>z * K0)) * K2;
  }
  return K2;
}

function upTo32(p: usize, n: usize): u64 {
  const mul: u64 = K2 + (<u64>n) * 2;
  const a = word(p) * K1;
  const b = word(p + 8);
  const c = word(p + n - 8) * mul;
  const d = word(p + n - 16) * K2;
  return pair(rotr<u64>(a + b, 43) + rotr<u64>(c, 30) + d, a + rotr<u64>(b + K2, 18) + c, mul);
}

function upTo64(p: usize, n: usize): u64 {
  const mul: u64 = K2 + (<u64>n) * 2;
  const a = word(p) * K2;
  const b = word(p + 8);
  const c = word(p + n - 8) * mul;
  const d = word(p + n - 16) * K2;
  const y = rotr<u64>(a + b, 43) + rotr<u64>(c, 30) + d;
  const z = pair(y, a + rotr<u64>(b + K2, 18) + c, mul);
  const e = word(p + 16) * mul;
  const f = word(p + 24);
  const g = (y + word(p + n - 32)) * mul;
  const h = (z + word(p + n - 24)) * mul;
  return pair(rotr<u64>(e + f, 43) + rotr<u64>(g, 30) + h, e + rotr<u64>(f + a, 18) + g, mul);
}

// What `weak` gives beside its result.
let second: u64 = 0;

/** 32 bytes and two seeds to two words. */
function weak(p: usize, seedA: u64, seedB: u64): u64 {
  const z = word(p + 24);
  let a = seedA + word(p);
  let b = rotr<u64>(seedB + a + z, 21);
  const c = a;
  a += word(p + 8) + word(p + 16);
  b += rotr<u64>(a, 44);
  second = b + c;
  return a + z;
}

function long(p: usize, n: usize): u64 {
  const last = p + n - 64;
  const end = p + ((n - 1) & ~63);
  let x: u64 = 81 * K2 + word(p);
  let y: u64 = 81 * K1 + 113;
  let z: u64 = mixed(y * K2 + 113) * K2;
  let v0: u64 = 0;
  let v1: u64 = 0;
  let w0: u64 = 0;
  let w1: u64 = 0;
  while (p != end) {
    x = rotr<u64>(x + y + v0 + word(p + 8), 37) * K1;
    y = rotr<u64>(y + v1 + word(p + 48), 42) * K1;
    x ^= w1;
    y += v0 + word(p + 40);
    z = rotr<u64>(z + w0, 33) * K1;
    v0 = weak(p, v1 * K1, x + w0);
    v1 = second;
    w0 = weak(p + 32, z + w1, y + word(p + 16));
    w1 = second;
    const swap = z;
    z = x;
    x = swap;
    p += 64;
  }
  const mul: u64 = K1 + ((z & 0xff) << 1);
  p = last;
  w0 += <u64>((n - 1) & 63);
  v0 += w0;
  w0 += v0;
  x = rotr<u64>(x + y + v0 + word(p + 8), 37) * mul;
  y = rotr<u64>(y + v1 + word(p + 48), 42) * mul;
  x ^= w1 * 9;
  y += v0 * 9 + word(p + 40);
  z = rotr<u64>(z + w0, 33) * mul;
  v0 = weak(p, v1 * mul, x + w0);
  v1 = second;
  w0 = weak(p + 32, z + w1, y + word(p + 16));
  w1 = second;
  return pair(pair(v0, w0, mul) + mixed(y) * K0 + x, pair(v1, w1, mul) + z, mul);
}

/** FarmHash's `Fingerprint64`. */
export function hash_fingerprint(p: usize, n: usize, y: usize): void {
  store<u64>(y, n <= 16 ? upTo16(p, n) : n <= 32 ? upTo32(p, n) : n <= 64 ? upTo64(p, n) : long(p, n));
}

const MURMUR: u64 = 0xc6a4a7935bd1e995;

/** The rest of a text, fewer than eight bytes, as a number. */
function rest(p: usize, n: usize): u64 {
  let value: u64 = 0;
  for (let i: usize = 0; i < n; i++) value |= <u64>load<u8>(p + i) << (8 * <u64>i);
  return value;
}

/** TensorFlow's `Hash64`, MurmurHash's with a seed of its own. */
export function hash_legacy(p: usize, n: usize, y: usize): void {
  let h: u64 = 0xdecafcaffe ^ (<u64>n * MURMUR);
  const end = p + (n & ~7);
  while (p != end) {
    const k = mixed(word(p) * MURMUR) * MURMUR;
    h = (h ^ k) * MURMUR;
    p += 8;
  }
  if ((n & 7) != 0) h = (h ^ rest(p, n & 7)) * MURMUR;
  store<u64>(y, mixed(mixed(h) * MURMUR));
}

let s0: u64 = 0;
let s1: u64 = 0;
let s2: u64 = 0;
let s3: u64 = 0;

function round(): void {
  s0 += s1;
  s2 += s3;
  s1 = rotl<u64>(s1, 13) ^ s0;
  s3 = rotl<u64>(s3, 16) ^ s2;
  s0 = rotl<u64>(s0, 32);
  s2 += s1;
  s0 += s3;
  s1 = rotl<u64>(s1, 17) ^ s2;
  s3 = rotl<u64>(s3, 21) ^ s0;
  s2 = rotl<u64>(s2, 32);
}

function absorb(m: u64): void {
  s3 ^= m;
  round();
  round();
  s0 ^= m;
}

/** SipHash-2-4 under the key of 16 bytes at `key`. */
export function hash_keyed(p: usize, n: usize, y: usize, key: usize): void {
  const k0 = word(key);
  const k1 = word(key + 8);
  s0 = 0x736f6d6570736575 ^ k0;
  s1 = 0x646f72616e646f6d ^ k1;
  s2 = 0x6c7967656e657261 ^ k0;
  s3 = 0x7465646279746573 ^ k1;
  const end = p + (n & ~7);
  while (p != end) {
    absorb(word(p));
    p += 8;
  }
  absorb(rest(p, n & 7) | (<u64>n << 56));
  s2 ^= 0xff;
  for (let i = 0; i < 4; i++) round();
  store<u64>(y, s0 ^ s1 ^ s2 ^ s3);
}
