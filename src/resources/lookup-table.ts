// A hash table from keys to values, both JavaScript values: strings under a text of one character a byte, integers as numbers or
// BigInts. Immutable ones are filled once; mutable ones change at any time. Knows nothing of tensors.
import { AbortedError, FailedPreconditionError, InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { DataType } from "../tensor/dtype.js";

export const TABLE_TYPE = "N10tensorflow6lookup15LookupInterfaceE";

export type TableKey = string | number | bigint;
export type TableValue = Uint8Array | number | bigint;

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

  constructor(readonly options: TableOptions) {
    this.#filled = options.mutable;
  }

  /** Fills an immutable table; one that is filled already stays as it is, and is compared by its size. */
  initialize(keys: readonly TableKey[], values: readonly TableValue[]): void {
    if (keys.length === 0) throw new InvalidArgumentError("keys and values cannot be empty tensors.");
    if (this.#filled) {
      if (keys.length === this.entries.size) return;
      throw new FailedPreconditionError("Table was already initialized with different data.");
    }
    keys.forEach((key, i) => {
      const known = this.entries.get(key);
      if (known !== undefined && !sameValue(known, values[i]!)) {
        this.entries.clear();
        throw new FailedPreconditionError(
          `HashTable has different value for same key. Key ${key} has ${known} and trying to add value ${values[i]}`,
        );
      }
      this.entries.set(key, values[i]!);
    });
    this.#filled = true;
  }

  /** @throws FailedPreconditionError while an immutable table is empty */
  find(key: TableKey): TableValue | undefined {
    if (!this.#filled) throw new FailedPreconditionError("Table not initialized.");
    return this.entries.get(key);
  }

  insert(keys: readonly TableKey[], values: readonly TableValue[]): void {
    this.#checkMutable("Insert");
    keys.forEach((key, i) => {
      this.entries.set(key, values[i]!);
    });
  }

  /** All that there is from now on; an immutable table is filled with it. */
  replace(keys: readonly TableKey[], values: readonly TableValue[]): void {
    if (!this.options.mutable) {
      this.initialize(keys, values);
      return;
    }
    this.entries.clear();
    this.insert(keys, values);
  }

  remove(keys: readonly TableKey[]): void {
    this.#checkMutable("Remove");
    for (const key of keys) this.entries.delete(key);
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
    this.entries.clear();
  }
}

function sameValue(a: TableValue, b: TableValue): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
