// A hash table from keys to values, both JavaScript values: strings under a text of one character a byte, integers as numbers or
// BigInts. Immutable ones are filled once; mutable ones change at any time. What a table holds counts as its device's
// memory. Knows nothing of tensors.
import {
  AbortedError,
  FailedPreconditionError,
  InvalidArgumentError,
  ResourceExhaustedError,
  UnimplementedError,
} from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { Allocator, Charge } from "../memory/allocator.js";
import type { DataType } from "../tensor/dtype.js";

export const TABLE_TYPE = "N10tensorflow6lookup15LookupInterfaceE";

export type TableKey = string | number | bigint;
export type TableValue = Uint8Array | number | bigint;

/** What an entry takes in JavaScript's heap, besides the letters of its texts. */
const ENTRY_BYTES = 256;

export interface TableOptions {
  readonly keyType: DataType;
  readonly valueType: DataType;
  readonly mutable: boolean;
}

export class LookupTable implements Resource {
  readonly typeName = TABLE_TYPE;
  dead = false;
  readonly entries = new Map<TableKey, TableValue>();
  #filled: boolean;
  #bytes = 0;
  #charge: Charge | null = null;

  constructor(
    readonly options: TableOptions,
    readonly allocator: Allocator,
  ) {
    this.#filled = options.mutable;
  }

  /** Whether an immutable table has its entries. */
  get filled(): boolean {
    return this.#filled;
  }

  /** How many entries can be asked for. */
  get size(): number {
    return this.#filled ? this.entries.size : 0;
  }

  /**
   * Fills an immutable table; one that is filled already stays as it is, and is compared by its size. As in TensorFlow,
   * what went in before a refusal is part of what the table is filled with later.
   * @param whole whether that is all of it
   */
  initialize(keys: readonly TableKey[], values: readonly TableValue[], whole = true): void {
    if (keys.length === 0) throw new InvalidArgumentError("keys and values cannot be empty tensors.");
    if (this.#filled) {
      if (keys.length === this.entries.size) return;
      throw new FailedPreconditionError("Table was already initialized with different data.");
    }
    this.#makeRoom(keys, values);
    keys.forEach((key, i) => {
      const known = this.entries.get(key);
      if (known !== undefined && !sameValue(known, values[i]!)) {
        this.#recount();
        throw new FailedPreconditionError(
          `HashTable has different value for same key. Key ${key} has ${known} and trying to add value ${values[i]}`,
        );
      }
      this.#set(key, values[i]!);
    });
    this.#filled = whole;
    this.#recount();
  }

  /** @throws FailedPreconditionError while an immutable table is empty */
  find(key: TableKey): TableValue | undefined {
    if (!this.#filled) throw new FailedPreconditionError("Table not initialized.");
    return this.entries.get(key);
  }

  insert(keys: readonly TableKey[], values: readonly TableValue[]): void {
    this.#checkMutable("Insert");
    this.#makeRoom(keys, values);
    keys.forEach((key, i) => {
      this.#set(key, values[i]!);
    });
    this.#recount();
  }

  /** All that there is from now on; an immutable table is filled with it. */
  replace(keys: readonly TableKey[], values: readonly TableValue[]): void {
    if (!this.options.mutable) {
      this.initialize(keys, values);
      return;
    }
    this.#clear();
    this.insert(keys, values);
  }

  remove(keys: readonly TableKey[]): void {
    this.#checkMutable("Remove");
    for (const key of keys) this.#delete(key);
    this.#recount();
  }

  /** @throws AbortedError while an immutable table is empty */
  checkExportable(): void {
    if (!this.#filled) throw new AbortedError("HashTable is not initialized.");
  }

  #checkMutable(what: string): void {
    if (this.options.mutable) return;
    throw new UnimplementedError(`${what} not supported by InitializableLookupTable implementations`);
  }

  dispose(): void {
    this.#clear();
  }

  #clear(): void {
    this.entries.clear();
    this.#bytes = 0;
    this.#recount();
  }

  #set(key: TableKey, value: TableValue): void {
    this.#delete(key);
    this.entries.set(key, value);
    this.#bytes += bytesOf(key, value);
  }

  #delete(key: TableKey): void {
    const value = this.entries.get(key);
    if (value !== undefined) this.#bytes -= bytesOf(key, value);
    this.entries.delete(key);
  }

  /** @throws ResourceExhaustedError when so many new entries are too much memory */
  #makeRoom(keys: readonly TableKey[], values: readonly TableValue[]): void {
    const bytes = keys.reduce<number>((sum, key, i) => sum + bytesOf(key, values[i]!), 0);
    if (bytes > this.allocator.room)
      throw new ResourceExhaustedError(`OOM when adding ${keys.length} entries of ${bytes} bytes to a table`);
  }

  #recount(): void {
    this.#charge?.release();
    this.#charge = this.allocator.charge(this.#bytes);
  }
}

const bytesOf = (key: TableKey, value: TableValue): number =>
  ENTRY_BYTES + (typeof key === "string" ? key.length : 0) + (value instanceof Uint8Array ? value.length : 0);

function sameValue(a: TableValue, b: TableValue): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
