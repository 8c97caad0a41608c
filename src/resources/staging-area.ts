// Staging areas: tuples of tensors that wait to be taken, first come first served, bounded by their number and by their
// bytes. Who finds no room, or no tuple, waits.
import { CancelledError, ResourceExhaustedError } from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { Tensor } from "../tensor/tensor.js";
import type { StopWaiting, Tuple } from "./queue.js";
import { Waiters } from "./waiters.js";

export const STAGING_AREA_TYPE = "N10tensorflow12_GLOBAL__N_16BufferE";

/** Told of the end: an error, or what was taken, held once each by whoever is told. */
export type Taken = (error: Error | null, tuple: Tuple) => void;

/** How much of what waits there is; 0 is no limit. */
export interface StagingLimits {
  readonly capacity: number;
  readonly memoryLimit: number;
}

/** What a string takes in TensorFlow's memory beside its bytes. */
const STRING_BYTES = 24;

/** The bytes of a tensor as TensorFlow counts them. */
export function totalBytes({ values, bytes }: Tensor): number {
  if (values === null) return bytes;
  return values.reduce(
    (sum: number, value) => sum + STRING_BYTES + (value instanceof Uint8Array ? value.length : 0),
    0,
  );
}

/** @throws ResourceExhaustedError for what would never have room */
export function checkMemoryLimit(bytes: number, memoryLimit: number): void {
  if (memoryLimit > 0 && bytes > memoryLimit)
    throw new ResourceExhaustedError(
      `Attempted to insert tensors with combined size of '${bytes}' bytes into Staging Area with a memory limit of '${memoryLimit}'.`,
    );
}

export class StagingArea implements Resource {
  readonly typeName = STAGING_AREA_TYPE;
  dead = false;
  readonly #tuples: Tuple[] = [];
  readonly #waiters = new Waiters();
  #bytes = 0;

  constructor(readonly limits: StagingLimits) {}

  get size(): number {
    return this.#tuples.length;
  }

  /** Passes the tuple to the area, waiting for room. */
  put(tuple: Tuple, done: (error: Error | null) => void): StopWaiting {
    const { capacity, memoryLimit } = this.limits;
    const bytes = bytesOf(tuple);
    const drop = (error: unknown) => {
      release(tuple);
      done(error as Error);
    };
    try {
      checkMemoryLimit(bytes, memoryLimit);
    } catch (error) {
      drop(error);
      return null;
    }
    return this.#waiters.wait(() => {
      if (capacity > 0 && this.#tuples.length >= capacity) return null;
      if (memoryLimit > 0 && this.#bytes + bytes > memoryLimit) return null;
      this.#bytes += bytes;
      this.#tuples.push(tuple);
      return () => done(null);
    }, drop);
  }

  take(done: Taken): StopWaiting {
    return this.#waiters.wait(
      () => {
        const tuple = this.#tuples.shift();
        if (tuple === undefined) return null;
        this.#bytes -= bytesOf(tuple);
        return () => done(null, tuple);
      },
      (error) => done(error, []),
    );
  }

  /** Waits for as many tuples as are before the one at `index`, and that one. */
  peek(index: number, done: Taken): StopWaiting {
    return this.#waiters.wait(
      () => {
        const tuple = this.#tuples[index];
        if (tuple === undefined) return null;
        for (const tensor of tuple) tensor.retain();
        return () => done(null, tuple);
      },
      (error) => done(error, []),
    );
  }

  clear(): void {
    for (const tuple of this.#tuples.splice(0)) release(tuple);
    this.#bytes = 0;
    this.#waiters.changed();
  }

  dispose(): void {
    this.#waiters.failAll(new CancelledError("The staging area was removed"));
    this.clear();
  }
}

const bytesOf = (tuple: Tuple): number => tuple.reduce((sum, tensor) => sum + totalBytes(tensor), 0);

function release(tuple: Tuple): void {
  for (const tensor of tuple) tensor.release();
}
