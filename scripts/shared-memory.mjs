// Makes the shared-memory twin of a module: the same code, but the memory it imports is shared and has a maximum.
// Takes and gives the bytes of a WebAssembly module. Sound because the kernels use no atomics: compiled for shared
// memory, the module differs in nothing else, so compiling a second time would only cost time.

const HEADER_BYTES = 8;
const IMPORT_SECTION = 2;
const MEMORY_KIND = 2;
const SHARED_WITH_MAXIMUM = 3;

function readUnsigned(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 127) << shift;
    if (byte < 128) return [value >>> 0, at];
  }
}

function unsigned(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  bytes.push(value);
  return bytes;
}

/** The module with its one import, `env.memory`, shared and bounded by `maximumPages`. */
export function withSharedMemory(module, maximumPages) {
  for (let at = HEADER_BYTES; at < module.length; ) {
    const [size, start] = readUnsigned(module, at + 1);
    if (module[at] !== IMPORT_SECTION) {
      at = start + size;
      continue;
    }
    let [count, p] = readUnsigned(module, start);
    for (let name = 0; name < 2; name++) {
      const [length, begin] = readUnsigned(module, p);
      p = begin + length;
    }
    const kind = p;
    const [minimum, end] = readUnsigned(module, kind + 2);
    if (count !== 1 || module[kind] !== MEMORY_KIND || module[kind + 1] !== 0 || end !== start + size) break;
    const limits = [SHARED_WITH_MAXIMUM, ...unsigned(minimum), ...unsigned(maximumPages)];
    const section = [...module.subarray(start, kind + 1), ...limits];
    const head = module.subarray(0, at + 1);
    return Buffer.concat([head, Uint8Array.from([...unsigned(section.length), ...section]), module.subarray(end)]);
  }
  throw new Error("The module doesn't import exactly one unbounded, unshared memory");
}
