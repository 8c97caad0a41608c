// Refuses a request whose id was seen among the last ones: a retry must not run a step twice. Id 0 is never refused.
import { AbortedError } from "../errors/index.js";

const TRACKED = 100_000;

export class RecentRequests {
  readonly #seen = new Set<bigint>();
  readonly #order: bigint[] = [];
  #oldest = 0;

  /** @param what as in `RunStep (Master)`; `text` gives the request in protobuf text format */
  check(id: bigint, what: string, text: () => string): void {
    if (id === 0n) return;
    if (this.#seen.has(id)) {
      throw new AbortedError(`The same ${what} request was received twice. ${text()}`);
    }
    this.#seen.add(id);
    if (this.#order.length < TRACKED) {
      this.#order.push(id);
      return;
    }
    this.#seen.delete(this.#order[this.#oldest]!);
    this.#order[this.#oldest] = id;
    this.#oldest = (this.#oldest + 1) % TRACKED;
  }
}
