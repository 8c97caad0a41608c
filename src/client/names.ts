// Names that are free in a graph: TensorFlow's `Graph.unique_name`. Case doesn't tell two names apart, since some file
// systems don't either.
import { InvalidArgumentError } from "../errors/index.js";

const SCOPE = /^[A-Za-z0-9_.\\/>-]*$/;
const OUTER_SCOPE = /^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$/;

export class Names {
  readonly #inUse = new Map<string, number>();

  /** `base`, `base_1`, `base_2`, …: the first that is free, and isn't from now on. */
  unique(base: string): string {
    const key = base.toLowerCase();
    let next = this.#inUse.get(key) ?? 0;
    this.#inUse.set(key, next + 1);
    if (next === 0) return base;
    let numbered = key;
    while (this.#inUse.has(numbered)) numbered = `${key}_${next++}`;
    this.#inUse.set(numbered, 1);
    return `${base}_${next - 1}`;
  }

  /** A node came with this name. */
  take(name: string): void {
    const key = name.toLowerCase();
    if (!this.#inUse.has(key)) this.#inUse.set(key, 1);
  }
}

/** @throws InvalidArgumentError for a name that no scope can have */
export function checkScope(name: string, outer: string): void {
  const [pattern, root] = outer === "" ? [OUTER_SCOPE, " root"] : [SCOPE, ""];
  if (pattern.test(name)) return;
  throw new InvalidArgumentError(
    `'${name}' is not a valid${root} scope name. A${root} scope name has to match the following pattern: ${pattern.source}`,
  );
}
