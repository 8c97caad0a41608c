// A hash table from keys to values, both JavaScript values: strings under a text of one character a byte, integers as numbers or
// BigInts. Immutable ones are filled once; mutable ones change at any time. Knows nothing of tensors.
import { FailedPreconditionError } from "../errors/index.js";
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

  /** Fills an immutable table; one that is filled already stays as it is. */
  initialize(keys: readonly TableKey[], values: readonly TableValue[]): void {
    if (this.#filled) return;
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

  dispose(): void {
    this.entries.clear();
  }
}

function sameValue(a: TableValue, b: TableValue): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
