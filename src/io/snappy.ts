// Snappy's block format, read only: tables that TensorFlow (or another writer of its format) made may have blocks
// compressed so. Takes bytes that may be anything; gives the contents, or null when they aren't such a block.

/** Three bytes can stand for at most 64: whoever claims more than this many times the input lies. */
const MAX_GROWTH = 32;

export function snappyUncompress(input: Uint8Array): Uint8Array | null {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= input.length || shift > 28) return null;
    const byte = input[at++]!;
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  if (length > input.length * MAX_GROWTH) return null;
  const output = new Uint8Array(length);
  let to = 0;
  while (at < input.length) {
    const tag = input[at++]!;
    if ((tag & 3) === 0) {
      // A literal: its length in the tag, or in the one to four bytes behind it.
      let count = tag >>> 2;
      if (count >= 60) {
        const extra = count - 59;
        if (at + extra > input.length) return null;
        count = 0;
        for (let i = extra - 1; i >= 0; i--) count = count * 256 + input[at + i]!;
        at += extra;
      }
      count++;
      if (at + count > input.length || to + count > length) return null;
      output.set(input.subarray(at, at + count), to);
      at += count;
      to += count;
      continue;
    }
    // A copy of what was written before, one, two or four bytes of offset.
    const wide = tag & 3;
    const bytes = wide === 3 ? 4 : wide;
    if (at + bytes > input.length) return null;
    let offset = wide === 1 ? tag >>> 5 : 0;
    if (wide === 1) offset = offset * 256 + input[at]!;
    else for (let i = bytes - 1; i >= 0; i--) offset = offset * 256 + input[at + i]!;
    const count = wide === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    at += bytes;
    if (offset === 0 || offset > to || to + count > length) return null;
    // One by one: a copy may reach into what it writes.
    for (let i = 0; i < count; i++, to++) output[to] = output[to - offset]!;
  }
  return to === length ? output : null;
}
