// A device's account on the heap: it hands out blocks, counts what is held, and enforces a limit.
// Takes a Heap (shared by all accounts of a server); gives Blocks. Knows nothing of tensors.
import type { Block, Heap } from "./heap.js";

export interface AllocatorStats {
  readonly bytesInUse: number;
  readonly peakBytesInUse: number;
  readonly blocksInUse: number;
  readonly bytesLimit: number;
}

export class Allocator {
  #limit: number;
  bytesInUse = 0;
  peakBytesInUse = 0;
  blocksInUse = 0;

  constructor(
    readonly heap: Heap,
    limit = Number.POSITIVE_INFINITY,
  ) {
    this.#limit = limit;
  }

  /** A block of at least `bytes`, 64-byte aligned, held once; `null` when the limit or the memory is exhausted. */
  allocate(bytes: number): Block | null {
    // No number is not more than the limit, nor are shapes from a hostile graph always whole numbers.
    if (!(bytes >= 0 && this.bytesInUse + bytes <= this.#limit)) return null;
    const block = this.heap.take(bytes);
    if (block === null) return null;
    block.owner = this;
    block.refs = 1;
    this.bytesInUse += block.bytes;
    this.blocksInUse++;
    if (this.bytesInUse > this.peakBytesInUse) this.peakBytesInUse = this.bytesInUse;
    return block;
  }

  /** Called by a block whose last holder let go. */
  free(block: Block): void {
    this.bytesInUse -= block.bytes;
    this.blocksInUse--;
    block.owner = null;
    this.heap.give(block);
  }

  stats(): AllocatorStats {
    return {
      bytesInUse: this.bytesInUse,
      peakBytesInUse: this.peakBytesInUse,
      blocksInUse: this.blocksInUse,
      bytesLimit: this.#limit,
    };
  }
}
