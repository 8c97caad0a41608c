// Staging maps: tuples of tensors that wait under keys, put and taken component by component if wanted, bounded by their
// number and by their bytes. Of an ordered map the smallest key is next, of the others the last that came. As in
// TensorFlow, components count as many bytes as the last of those that came together.
import { CancelledError, InvalidArgumentError } from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { Tensor } from "../tensor/tensor.js";
import type { StopWaiting } from "./queue.js";
import { checkMemoryLimit, type StagingLimits, type Taken, totalBytes } from "./staging-area.js";
import { Waiters } from "./waiters.js";

export const stagingMapType = (ordered: boolean): string =>
  `N10tensorflow12_GLOBAL__N_110StagingMapILb${Number(ordered)}EEE`;

export interface StagingMapOptions extends StagingLimits {
  readonly ordered: boolean;
  /** Of a tuple. */
  readonly components: number;
}

interface Entry {
  readonly components: (Tensor | null)[];
  bytes: number;
}

type Entries = Map<bigint, Entry>;

export class StagingMap implements Resource {
  readonly typeName: string;
  dead = false;
  readonly #complete: Entries = new Map();
  readonly #incomplete: Entries = new Map();
  /** Of complete tuples: rising if ordered, else as they came. */
  readonly #keys: bigint[] = [];
  readonly #waiters = new Waiters();
  #bytes = 0;

  constructor(readonly options: StagingMapOptions) {
    this.typeName = stagingMapType(options.ordered);
  }

  get size(): number {
    return this.#complete.size;
  }

  get incompleteSize(): number {
    return this.#incomplete.size;
  }

  /** Passes components to the map, waiting for room: as many as a tuple has are one, whatever the indices say. */
  put(
    key: bigint,
    indices: readonly number[],
    tensors: readonly Tensor[],
    done: (error: Error | null) => void,
  ): StopWaiting {
    const { capacity, memoryLimit, components } = this.options;
    const bytes = tensors.length === 0 ? 0 : totalBytes(tensors.at(-1)!);
    const whole = indices.length === components;
    /** What isn't in the map. */
    const left: (Tensor | null)[] = [...tensors];
    const drop = (error: unknown) => {
      for (const tensor of left) tensor?.release();
      done(error as Error | null);
    };
    try {
      checkOrder(indices);
      checkMemoryLimit(bytes, memoryLimit);
      // A real server goes on with what lies behind its tensors.
      if (tensors.length < indices.length)
        throw new InvalidArgumentError(`Got ${tensors.length} values for ${indices.length} indices.`);
    } catch (error) {
      drop(error);
      return null;
    }
    return this.#waiters.wait(() => {
      if (memoryLimit > 0 && this.#bytes + bytes > memoryLimit) return null;
      if (whole && capacity > 0 && this.#complete.size >= capacity) return null;
      try {
        if (whole) this.#insert(key, { components: left.splice(0, components), bytes });
        else this.#add(key, indices, left, bytes);
      } catch (error) {
        return () => drop(error);
      }
      return () => drop(null);
    }, drop);
  }

  /** Waits for the key's tuple, and gives the components. @param keep whether they stay in the map as well */
  take(key: bigint, indices: readonly number[], keep: boolean, done: Taken): StopWaiting {
    return this.#wait(indices, done, () => {
      const entry = this.#complete.get(key);
      if (entry === undefined) return null;
      const taken = this.#pick(key, entry, indices, keep);
      return () => done(null, taken);
    });
  }

  /** Waits for any tuple. */
  takeNext(
    indices: readonly number[],
    done: (error: Error | null, tuple: readonly Tensor[], key: bigint) => void,
  ): StopWaiting {
    return this.#wait(
      indices,
      (error) => done(error, [], 0n),
      () => {
        const key = this.options.ordered ? this.#keys[0] : this.#keys.at(-1);
        if (key === undefined) return null;
        const taken = this.#pick(key, this.#complete.get(key)!, indices, false);
        return () => done(null, taken, key);
      },
    );
  }

  clear(): void {
    for (const entries of [this.#complete, this.#incomplete]) {
      for (const entry of entries.values()) release(entry);
      entries.clear();
    }
    this.#keys.length = 0;
    this.#bytes = 0;
    this.#waiters.changed();
  }

  dispose(): void {
    this.#waiters.failAll(new CancelledError("The staging area was removed"));
    this.clear();
  }

  #wait(indices: readonly number[], done: Taken, attempt: () => (() => void) | null): StopWaiting {
    try {
      checkOrder(indices);
    } catch (error) {
      done(error as Error, []);
      return null;
    }
    return this.#waiters.wait(
      () => {
        try {
          return attempt();
        } catch (error) {
          return () => done(error as Error, []);
        }
      },
      (error) => done(error, []),
    );
  }

  #checkIndex(key: bigint, index: number): void {
    const { components } = this.options;
    if (index >= 0 && index < components) return;
    // TensorFlow counts without a sign.
    const shown = BigInt.asUintN(64, BigInt(index));
    throw new InvalidArgumentError(`Index '${shown}' for key '${key}' was out of bounds '${components}'.`);
  }

  /** Moves what it can from `left`: what comes before an index that is refused stays, unless the key is new. */
  #add(key: bigint, indices: readonly number[], left: (Tensor | null)[], bytes: number): void {
    const { components } = this.options;
    const known = this.#incomplete.get(key);
    if (known === undefined) for (const index of indices) this.#checkIndex(key, index);
    const entry = known ?? { components: new Array<Tensor | null>(components).fill(null), bytes: 0 };
    indices.forEach((index, i) => {
      this.#checkIndex(key, index);
      if (entry.components[index] !== null)
        throw new InvalidArgumentError(
          `The tensor for index '${index}' for key '${key}' was already initialized '${components}'.`,
        );
      entry.components[index] = left[i]!;
      left[i] = null;
    });
    entry.bytes += bytes;
    this.#bytes += bytes;
    if (known === undefined) {
      this.#incomplete.set(key, entry);
      return;
    }
    if (entry.components.includes(null)) return;
    this.#incomplete.delete(key);
    this.#bytes -= entry.bytes;
    this.#insert(key, entry);
  }

  /** Of two tuples under one key the first stays. */
  #insert(key: bigint, entry: Entry): void {
    if (this.#complete.has(key)) {
      release(entry);
      return;
    }
    this.#complete.set(key, entry);
    this.#bytes += entry.bytes;
    let at = this.#keys.length;
    if (this.options.ordered) at = placeOf(this.#keys, key);
    this.#keys.splice(at, 0, key);
  }

  /** What is taken before an index that is refused is lost. */
  #pick(key: bigint, entry: Entry, indices: readonly number[], keep: boolean): Tensor[] {
    const { components } = entry;
    const picked: Tensor[] = [];
    try {
      for (const index of indices) {
        this.#checkIndex(key, index);
        const tensor = components[index]!;
        if (tensor === null)
          throw new InvalidArgumentError(`Tensor at index '${index}' for key '${key}' has already been removed.`);
        picked.push(keep ? tensor.retain() : tensor);
        if (!keep) components[index] = null;
      }
    } catch (error) {
      for (const tensor of picked) tensor.release();
      throw error;
    }
    if (components.every((component) => component === null)) {
      this.#complete.delete(key);
      this.#keys.splice(this.#keys.lastIndexOf(key), 1);
      this.#bytes -= entry.bytes;
    }
    return picked;
  }
}

/** @throws InvalidArgumentError where indices don't rise */
function checkOrder(indices: readonly number[]): void {
  if (indices.length === 0) throw new InvalidArgumentError("Indices are empty");
  for (let i = 1; i < indices.length; i++)
    if (indices[i - 1]! >= indices[i]!) throw new InvalidArgumentError("Indices are not strictly ordered");
}

function placeOf(keys: readonly bigint[], key: bigint): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function release({ components }: Entry): void {
  for (const component of components) component?.release();
}
