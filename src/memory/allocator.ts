// A device's account on the heap: it hands out blocks, counts what is held, and enforces a limit. What tensors hold
// outside the heap (strings) is counted with it. Takes a Heap (shared by all accounts of a server); gives Blocks and
// Charges. Knows nothing of tensors.
import type { Block, Heap } from "./heap.js";

/** Bytes that may be held outside the heap: JavaScript's own heap ends the process when it is full. */
const MOST_CHARGED = 2 * 2 ** 30;

/** Bytes held outside the heap, counted until the last holder lets go. */
export class Charge {
  refs = 1;

  constructor(
    readonly bytes: number,
    readonly owner: Allocator,
  ) {}

  retain(): void {
    this.refs++;
  }

  release(): void {
    if (--this.refs === 0) this.owner.credit(this);
  }
}

export interface AllocatorStats {
  readonly bytesInUse: number;
  readonly peakBytesInUse: number;
  readonly blocksInUse: number;
  readonly bytesLimit: number;
}

export class Allocator {
  #limit: number;
  #charged = 0;
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

  /** How many bytes may still be charged. */
  get room(): number {
    return Math.min(this.#limit - this.bytesInUse, MOST_CHARGED - this.#charged);
  }

  /** Counts bytes that lie outside the heap, held once; `null` when that is over the limit. */
  charge(bytes: number): Charge | null {
    if (!(bytes >= 0 && bytes <= this.room)) return null;
    this.#charged += bytes;
    this.bytesInUse += bytes;
    if (this.bytesInUse > this.peakBytesInUse) this.peakBytesInUse = this.bytesInUse;
    return new Charge(bytes, this);
  }

  /** Called by a charge whose last holder let go. */
  credit({ bytes }: Charge): void {
    this.#charged -= bytes;
    this.bytesInUse -= bytes;
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
