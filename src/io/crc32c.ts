// CRC-32C (Castagnoli), the checksum of TensorFlow's files, sixteen bytes at a time by tables; and the mask under which
// files keep it, so that a checksum of bytes that hold checksums stays a good one.

const POLYNOMIAL = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;
const LANES = 16;
/** Table k holds what a byte does to the sum when k more bytes follow it. */
const TABLE = makeTable();
const NO_WORDS = new Int32Array(0);

function makeTable(): Int32Array {
  const table = new Int32Array(LANES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256]!;
    table[at] = table[before & 255]! ^ (before >>> 8);
  }
  return table;
}

/** The checksum of what `crc` is the checksum of, followed by `bytes`. */
export function extendCrc32c(crc: number, bytes: Uint8Array): number {
  const t = TABLE;
  const end = bytes.length;
  let sum = ~crc;
  let at = 0;
  for (; at < end && ((bytes.byteOffset + at) & 3) !== 0; at++) sum = t[(sum ^ bytes[at]!) & 255]! ^ (sum >>> 8);
  const rows = (end - at) >>> 4;
  // Of few bytes none may be aligned.
  const words = rows === 0 ? NO_WORDS : new Int32Array(bytes.buffer, bytes.byteOffset + at, rows * 4);
  for (let i = 0; i < words.length; i += 4) {
    const a = words[i]! ^ sum;
    const b = words[i + 1]!;
    const c = words[i + 2]!;
    const d = words[i + 3]!;
    sum =
      t[3840 + (a & 255)]! ^
      t[3584 + ((a >>> 8) & 255)]! ^
      t[3328 + ((a >>> 16) & 255)]! ^
      t[3072 + (a >>> 24)]! ^
      t[2816 + (b & 255)]! ^
      t[2560 + ((b >>> 8) & 255)]! ^
      t[2304 + ((b >>> 16) & 255)]! ^
      t[2048 + (b >>> 24)]! ^
      t[1792 + (c & 255)]! ^
      t[1536 + ((c >>> 8) & 255)]! ^
      t[1280 + ((c >>> 16) & 255)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + (d & 255)]! ^
      t[512 + ((d >>> 8) & 255)]! ^
      t[256 + ((d >>> 16) & 255)]! ^
      t[d >>> 24]!;
  }
  for (at += rows * LANES; at < end; at++) sum = t[(sum ^ bytes[at]!) & 255]! ^ (sum >>> 8);
  return ~sum >>> 0;
}

export const crc32c = (bytes: Uint8Array): number => extendCrc32c(0, bytes);

export const maskCrc = (crc: number): number => (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;

export function unmaskCrc(masked: number): number {
  const rotated = (masked - MASK_DELTA) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
