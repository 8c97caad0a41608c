// Conditional accumulators: gradients of several workers, added up until as many have come as somebody wants. A gradient
// that was computed before the accumulator's global step is dropped. What a sum is, and how it grows, is handed in.
import { CancelledError } from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { StopWaiting } from "./queue.js";

export const ACCUMULATOR_TYPE = "N10tensorflow26ConditionalAccumulatorBaseE";

export interface AccumulatorOptions {
  readonly name: string;
  readonly dtype: DataType;
  /** Of every gradient; −1 where unknown, `null` for an unknown rank. */
  readonly shape: Shape | null;
  /** Whether gradients come as rows with their indices. */
  readonly sparse: boolean;
  /** Whether the sum is divided by how many were added. */
  readonly averages: boolean;
}

/** Gradients added up, held once. */
export interface Sum {
  release(): void;
}

/** Gets the sum, which is the taker's now, and of how many gradients it is. */
type Take = (error: Error | null, sum: Sum | null, count: number) => void;

interface Taker {
  readonly required: number;
  readonly done: Take;
}

export class Accumulator implements Resource {
  readonly typeName = ACCUMULATOR_TYPE;
  dead = false;
  globalStep = 0n;
  #sum: Sum | null = null;
  #count = 0;
  readonly #takers: Taker[] = [];

  constructor(readonly options: AccumulatorOptions) {}

  get count(): number {
    return this.#count;
  }

  /** @param add gives the sum with one more gradient in it, in place of the sum that it gets */
  apply(localStep: bigint, add: (sum: Sum | null) => Sum): void {
    if (localStep < this.globalStep) return;
    this.#sum = add(this.#sum);
    this.#count++;
    this.#serve();
  }

  /** Waits for `required` gradients, takes all that have come, and begins the next step. */
  take(required: number, done: Take): StopWaiting {
    const taker = { required, done };
    this.#takers.push(taker);
    this.#serve();
    if (!this.#takers.includes(taker)) return null;
    return (error) => {
      const at = this.#takers.indexOf(taker);
      if (at < 0) return;
      this.#takers.splice(at, 1);
      done(error, null, 0);
      this.#serve();
    };
  }

  dispose(): void {
    this.#sum?.release();
    this.#sum = null;
    this.#count = 0;
    const gone = new CancelledError(`Accumulator '${this.options.name}' was removed`);
    for (const { done } of this.#takers.splice(0)) done(gone, null, 0);
  }

  /** First come, first served. */
  #serve(): void {
    while (this.#takers.length > 0 && this.#count >= this.#takers[0]!.required) {
      const { done } = this.#takers.shift()!;
      const [sum, count] = [this.#sum, this.#count];
      this.#sum = null;
      this.#count = 0;
      this.globalStep++;
      done(null, sum, count);
    }
  }
}
