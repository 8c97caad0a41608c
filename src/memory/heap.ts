// The one WebAssembly memory of a server, seen from TypeScript: typed views over all of it, and blocks of it.
//
//   0              base                                                       memory end
//   ├─ wasm data ──┼─ ranges: 4 KiB granules, address-ordered, coalescing ─────┤
//                    └ a chunk of 64 KiB is cut into equal small blocks (free list per size class)
//
// Small blocks stay in their class when freed; large ones merge with their neighbours. When the memory can't grow any
// more, chunks whose blocks are all free become ranges again. The heap grows, it never shrinks. Everything runs on one
// thread. It must not know tensors or devices.
import type { Allocator } from "./allocator.js";

const WASM_PAGE = 65536;
const ALIGNMENT = 64;
/** The last page stays unused: kernels compare addresses with the one behind a block, which must fit 32 bits. */
const MOST_BYTES = 65535 * WASM_PAGE;
const GRANULE = 4096;
const CHUNK = 65536;
const SMALL_LIMIT = 16384;
const LINEAR_LIMIT = 1024;
/** Memory grows by at least this, so that a growing step doesn't refresh the views at each allocation. */
const GROWTH = 16 * 1024 * 1024;

export class Block {
  refs = 0;
  owner: Allocator | null = null;

  constructor(
    readonly ptr: number,
    readonly bytes: number,
    /** Free list this block belongs to, −1 for a range. */
    readonly sizeClass: number,
    /** Address of the chunk that it was cut from, −1 for a range. */
    readonly chunk = -1,
  ) {}

  retain(): void {
    this.refs++;
  }

  release(): void {
    if (--this.refs === 0) this.owner!.free(this);
  }
}

export interface HeapOptions {
  /** Upper bound of the memory in bytes; at most 4 GiB. */
  readonly maximumBytes?: number;
}

/** What a heap needs of a `WebAssembly.Memory`, whose own type comes with a browser's: not every program has that. */
export interface GrowingMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

export class Heap {
  // Views over the whole memory, renewed when it grows: read them from the heap each time, never keep them.
  u8!: Uint8Array;
  i8!: Int8Array;
  u16!: Uint16Array;
  i16!: Int16Array;
  u32!: Uint32Array;
  i32!: Int32Array;
  f32!: Float32Array;
  f64!: Float64Array;
  i64!: BigInt64Array;
  u64!: BigUint64Array;

  readonly #maximum: number;
  /** Free ranges by address: starts[i] .. starts[i] + lengths[i]. */
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #free: Block[][] = [];
  readonly #classBytes: number[] = [];
  #end: number;

  /**
   * @param memory the memory that the kernels import
   * @param base first byte that the kernels' own data doesn't use
   */
  constructor(
    readonly memory: GrowingMemory,
    base: number,
    options: HeapOptions = {},
  ) {
    this.#maximum = Math.min(options.maximumBytes ?? MOST_BYTES, MOST_BYTES);
    for (let bytes = ALIGNMENT; bytes <= SMALL_LIMIT; bytes = nextClass(bytes)) {
      this.#classBytes.push(bytes);
      this.#free.push([]);
    }
    this.#end = memory.buffer.byteLength;
    this.#refresh();
    const start = Math.ceil(base / GRANULE) * GRANULE;
    if (this.#end > start) this.#addRange(start, this.#end - start);
  }

  /** Whether views stay good when the memory grows, and threads may see it. */
  get shared(): boolean {
    return typeof SharedArrayBuffer !== "undefined" && this.memory.buffer instanceof SharedArrayBuffer;
  }

  /** Bytes of the memory, used or not. */
  get size(): number {
    return this.#end;
  }

  /** A block of at least `bytes`, or `null` when the memory can't grow any more. For allocators only. */
  take(bytes: number): Block | null {
    if (bytes <= SMALL_LIMIT) {
      const index = sizeClassOf(bytes);
      const list = this.#free[index]!;
      if (list.length === 0 && !this.#cutChunk(index, list)) return null;
      return list.pop()!;
    }
    const length = Math.ceil(bytes / GRANULE) * GRANULE;
    const ptr = this.#takeRange(length);
    return ptr < 0 ? null : new Block(ptr, length, -1);
  }

  /** Takes back a block that nobody holds. */
  give(block: Block): void {
    if (block.sizeClass >= 0) this.#free[block.sizeClass]!.push(block);
    else this.#addRange(block.ptr, block.bytes);
  }

  #cutChunk(index: number, list: Block[]): boolean {
    const chunk = this.#takeRange(CHUNK);
    if (chunk < 0) return false;
    const bytes = this.#classBytes[index]!;
    for (let offset = CHUNK - (CHUNK % bytes) - bytes; offset >= 0; offset -= bytes) {
      list.push(new Block(chunk + offset, bytes, index, chunk));
    }
    return true;
  }

  /** First fit, lowest address first: it keeps the tail of the memory free for large tensors. */
  #takeRange(length: number): number {
    for (;;) {
      for (let i = 0; i < this.#lengths.length; i++) {
        const free = this.#lengths[i]!;
        if (free < length) continue;
        const start = this.#starts[i]!;
        if (free === length) {
          this.#starts.splice(i, 1);
          this.#lengths.splice(i, 1);
        } else {
          this.#starts[i] = start + length;
          this.#lengths[i] = free - length;
        }
        return start;
      }
      if (!this.#grow(length) && !this.#reclaim()) return -1;
    }
  }

  /** Chunks that nobody holds a block of go back to the ranges. Looks at every free block: the last resort. */
  #reclaim(): boolean {
    let found = false;
    this.#free.forEach((list, index) => {
      const blocks = Math.floor(CHUNK / this.#classBytes[index]!);
      const counts = new Map<number, number>();
      for (const { chunk } of list) counts.set(chunk, (counts.get(chunk) ?? 0) + 1);
      const whole = new Set([...counts].filter(([, count]) => count === blocks).map(([chunk]) => chunk));
      if (whole.size === 0) return;
      found = true;
      this.#free[index] = list.filter(({ chunk }) => !whole.has(chunk));
      for (const chunk of whole) this.#addRange(chunk, CHUNK);
    });
    return found;
  }

  #addRange(start: number, length: number): void {
    const starts = this.#starts;
    const lengths = this.#lengths;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! < start) low = middle + 1;
      else high = middle;
    }
    const joinsPrevious = low > 0 && starts[low - 1]! + lengths[low - 1]! === start;
    const joinsNext = low < starts.length && start + length === starts[low]!;
    if (joinsPrevious && joinsNext) {
      lengths[low - 1]! += length + lengths[low]!;
      starts.splice(low, 1);
      lengths.splice(low, 1);
    } else if (joinsPrevious) {
      lengths[low - 1]! += length;
    } else if (joinsNext) {
      starts[low] = start;
      lengths[low]! += length;
    } else {
      starts.splice(low, 0, start);
      lengths.splice(low, 0, length);
    }
  }

  #grow(length: number): boolean {
    const wanted = Math.ceil(Math.max(length, GROWTH) / WASM_PAGE) * WASM_PAGE;
    const exact = Math.ceil(length / WASM_PAGE) * WASM_PAGE;
    return this.#growBy(Math.min(wanted, this.#maximum - this.#end), exact) || this.#growBy(exact, exact);
  }

  #growBy(bytes: number, atLeast: number): boolean {
    if (bytes < atLeast || this.#end + bytes > this.#maximum) return false;
    try {
      this.memory.grow(bytes / WASM_PAGE);
    } catch {
      return false;
    }
    const start = this.#end;
    this.#end = this.memory.buffer.byteLength;
    this.#refresh();
    this.#addRange(start, this.#end - start);
    return true;
  }

  #refresh(): void {
    const { buffer } = this.memory;
    this.u8 = new Uint8Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
  }
}

/** Multiples of 64 up to 1 KiB, then four classes to each doubling. */
function nextClass(bytes: number): number {
  if (bytes < LINEAR_LIMIT) return bytes + ALIGNMENT;
  return bytes + (1 << (31 - Math.clz32(bytes))) / 4;
}

function sizeClassOf(bytes: number): number {
  if (bytes <= LINEAR_LIMIT) return bytes === 0 ? 0 : ((bytes + ALIGNMENT - 1) >>> 6) - 1;
  const log = 31 - Math.clz32(bytes - 1);
  const quarter = (1 << log) >>> 2;
  const step = Math.ceil((bytes - (1 << log)) / quarter);
  return LINEAR_LIMIT / ALIGNMENT - 1 + (log - 10) * 4 + step;
}
