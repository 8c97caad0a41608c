// Copies bytes between memories. Where one of them is shared, Node's `set` of a typed array moves single bytes unless both
// ends lie alike, and takes ten times as long as `fill` of its buffers, which is a plain copy. Other runtimes' `set` is
// the faster one. Must not know what the bytes are.

/** Below this, the way to `fill` takes longer than what it saves. */
const LARGE = 1024;

const { node, deno, bun } = (globalThis.process?.versions ?? {}) as Record<string, string | undefined>;
const onNode = node !== undefined && deno === undefined && bun === undefined;

/** Copies all of `from` to `to`, from index `at` on. */
export function copyBytes(from: Uint8Array, to: Uint8Array, at = 0): void {
  if (from.length < LARGE || !onNode) to.set(from, at);
  else Buffer.from(to.buffer, to.byteOffset + at, from.length).fill(from);
}
