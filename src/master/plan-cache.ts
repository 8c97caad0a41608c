// The plans of a session by signature. A client that asks for ever new signatures must not fill the memory of its master
// and workers: beyond a number, the plan that was unused longest goes, and is made again when its signature comes back.
// Takes who makes and who drops a plan; it must not know how.
import type { Signature } from "../optimize/signature.js";
import type { Plan } from "./plan.js";

/** More than a program has that doesn't make new ones for ever. */
const MOST_PLANS = 500;

/** A plan in use: whoever took it releases it. */
export interface HeldPlan {
  readonly plan: Promise<Plan>;
}

interface Entry extends HeldPlan {
  users: number;
  lastUse: number;
}

export class PlanCache {
  readonly #entries = new Map<string, Entry>();
  #uses = 0;

  constructor(
    readonly make: (signature: Signature) => Promise<Plan>,
    readonly drop: (plan: Plan) => void,
    readonly limit: number = MOST_PLANS,
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  take(signature: Signature): HeldPlan {
    const key = keyOf(signature);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= this.limit) this.#dropOldest();
      entry = { plan: this.make(signature), users: 0, lastUse: 0 };
      this.#entries.set(key, entry);
      // A signature that failed may be asked again after an Extend.
      entry.plan.catch(() => this.#entries.delete(key));
    }
    entry.users++;
    entry.lastUse = ++this.#uses;
    return entry;
  }

  release(held: HeldPlan): void {
    (held as Entry).users--;
  }

  #dropOldest(): void {
    let oldest: [string, Entry] | undefined;
    for (const pair of this.#entries) {
      if (pair[1].users === 0 && !(oldest !== undefined && oldest[1].lastUse < pair[1].lastUse)) oldest = pair;
    }
    if (oldest === undefined) return;
    this.#entries.delete(oldest[0]);
    // Nobody holds it, so it was made: one that failed is gone.
    void oldest[1].plan.then(this.drop, () => {});
  }
}

/** The names of a plan's nodes have no blanks and no `=`: with their counts, no other lists give the same text. */
const keyOf = ({ feeds, fetches, targets, collectiveGraphKey }: Signature): string =>
  `${feeds.length} ${fetches.length} ${feeds.join(" ")} ${fetches.join(" ")} ${targets.join(" ")}` +
  (collectiveGraphKey ? ` =${collectiveGraphKey}` : "");
