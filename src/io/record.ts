// A record of TensorFlow's record files (TFRecord, event files): its length, its bytes, and a masked checksum of each.
//
//   ├─ 8: length ─┼─ 4: checksum of those 8 ─┼─ bytes ─┼─ 4: checksum of the bytes ─┤   little endian
import { crc32c, maskCrc } from "./crc32c.js";

export function frameRecord(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(bytes.length + 16);
  const view = new DataView(framed.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskCrc(crc32c(framed.subarray(0, 8))), true);
  framed.set(bytes, 12);
  view.setUint32(bytes.length + 12, maskCrc(crc32c(bytes)), true);
  return framed;
}
