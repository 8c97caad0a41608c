// Refuses a request whose id was seen among the last ones: a retry must not run a step twice. Id 0 is never refused.
// Ids lie in sets of eight, by their low bits, and a new one takes the place of its set's oldest: about the last hundred
// thousand are known, in memory that never grows.
import { AbortedError } from "../errors/index.js";

const SETS = 2 ** 14;
const WAYS = 8;
const LOW_BITS = BigInt(SETS - 1);

export class RecentRequests {
  readonly #ids = new BigInt64Array(SETS * WAYS);
  /** Which of each set is the oldest. */
  readonly #oldest = new Uint8Array(SETS);

  /** @param what as in `RunStep (Master)`; `text` gives the request in protobuf text format */
  check(id: bigint, what: string, text: () => string): void {
    if (id === 0n) return;
    const set = Number(id & LOW_BITS);
    const first = set * WAYS;
    for (let i = first; i < first + WAYS; i++) {
      if (this.#ids[i] === id) throw new AbortedError(`The same ${what} request was received twice. ${text()}`);
    }
    this.#ids[first + this.#oldest[set]!] = id;
    this.#oldest[set] = (this.#oldest[set]! + 1) % WAYS;
  }
}
