// String tensors in a bundle: `varint length … · masked crc of the lengths · bytes …`, where the checksum takes each
// length as a word of the machine that wrote it. Reads them piece by piece; a string is never longer than its entry.
import { DataLossError } from "../errors/index.js";
import { BufferedReader, readLess } from "./buffered-reader.js";
import { extendCrc32c, unmaskCrc } from "./crc32c.js";
import type { File } from "./file-system.js";

const decimal = (crc: number): string => String(crc).padStart(8, "0");

/** @throws DataLossError, OutOfRangeError */
export async function readStrings(
  file: File,
  offset: number,
  size: number,
  count: number,
  bigEndian: boolean,
  check: () => void,
): Promise<{ values: Uint8Array[]; crc: number }> {
  if (size === 0) return { values: [], crc: 0 };
  const lengths: number[] = [];
  const word = new Uint8Array(4);
  const view = new DataView(word.buffer);
  const values: Uint8Array[] = [];
  const checksum = new Uint8Array(4);
  let crc = 0;
  let length = 0;
  let scale = 1;
  let total = 0;
  let checksumBytes = 0;
  let value: Uint8Array | null = null;
  let filled = 0;

  const endLength = () => {
    view.setUint32(0, length, !bigEndian);
    crc = extendCrc32c(crc, word);
    total += length;
    lengths.push(length);
    length = 0;
    scale = 1;
  };
  const endChecksum = () => {
    const stored = unmaskCrc(new DataView(checksum.buffer).getUint32(0, !bigEndian));
    if (stored !== crc) {
      throw new DataLossError(
        `The length checksum does not match: expected ${decimal(stored)} but actual is ${decimal(crc)}`,
      );
    }
    crc = extendCrc32c(crc, checksum);
  };

  for await (const piece of new BufferedReader(file, offset, size).pieces(check)) {
    let at = 0;
    for (; lengths.length < count && at < piece.length; at++) {
      const byte = piece[at]!;
      length += (byte & 127) * scale;
      scale *= 128;
      if (length > size) throw new DataLossError(`String lengths longer than expected offset ${offset + size}`);
      if (byte < 128) endLength();
    }
    if (lengths.length < count) continue;
    for (; checksumBytes < 4 && at < piece.length; at++) {
      checksum[checksumBytes++] = piece[at]!;
      if (checksumBytes === 4) endChecksum();
    }
    if (total > size) throw readLess();
    crc = extendCrc32c(crc, piece.subarray(at));
    while (checksumBytes === 4 && values.length < count) {
      value ??= new Uint8Array(lengths[values.length]!);
      const taken = piece.subarray(at, at + value.length - filled);
      value.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < value.length) break;
      values.push(value);
      value = null;
      filled = 0;
    }
  }
  if (values.length < count) throw readLess();
  return { values, crc };
}
