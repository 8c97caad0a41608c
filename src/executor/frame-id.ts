// The number by which two tasks name the same loop in rendezvous keys: both must compute it alike.
// TensorFlow's frame ids are a 64-bit MurmurHash (MurmurHash64A) of the frame's name, combined
// with the parent's id and iteration.

const MASK = (1n << 64n) - 1n;
const M = 0xc6a4a7935bd1e995n;
const R = 47n;
const SEED = 0xdecafcaffen;
const encoder = new TextEncoder();

/** MurmurHash64A, little endian. */
export function hash64(bytes: Uint8Array, seed = SEED): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = (seed ^ (BigInt(bytes.length) * M)) & MASK;
  const whole = bytes.length - (bytes.length % 8);
  for (let i = 0; i < whole; i += 8) {
    let k = (view.getBigUint64(i, true) * M) & MASK;
    k ^= k >> R;
    k = (k * M) & MASK;
    hash = ((hash ^ k) * M) & MASK;
  }
  if (whole < bytes.length) {
    for (let i = bytes.length - 1; i >= whole; i--) hash ^= BigInt(bytes[i]!) << BigInt(8 * (i - whole));
    hash = (hash * M) & MASK;
  }
  hash ^= hash >> R;
  hash = (hash * M) & MASK;
  return hash ^ (hash >> R);
}

/** TensorFlow's `Hash64Combine`, of unsigned numbers. */
export const combineHashes = (a: bigint, b: bigint): bigint =>
  (a ^ (b + 0x9e3779b97f4a7800n + (a << 10n) + (a >> 4n))) & MASK;

export function childFrameId(parentId: bigint, parentIteration: number, frameName: string): bigint {
  return combineHashes(parentId, combineHashes(BigInt(parentIteration), hash64(encoder.encode(frameName))));
}
