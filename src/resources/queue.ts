// Queues: bounded lists of tuples of tensors. Who finds no room, or no elements, waits; closing and cancellation wake
// them. FIFO, random-shuffle and padding queues differ only in which element is taken and how batches are made.
import { CancelledError, OutOfRangeError } from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** One element: a tensor for each component, held once by the queue. */
export type Tuple = readonly Tensor[];

interface Waiter {
  /** Tries again; true when it is done waiting. */
  readonly attempt: () => boolean;
  readonly fail: (error: Error) => void;
}

export interface QueueOptions {
  readonly kind: "FIFOQueue" | "RandomShuffleQueue" | "PaddingFIFOQueue" | "PriorityQueue";
  readonly name: string;
  readonly types: readonly DataType[];
  /** One per component, `null` entries where unknown; empty when not declared. */
  readonly shapes: readonly (Shape | null)[];
  readonly capacity: number;
  /** A random-shuffle queue keeps this many elements until it is closed. */
  readonly minAfterDequeue: number;
  /** Index of the element to take among `size`. */
  readonly pick: (size: number) => number;
}

export class Queue implements Resource {
  readonly typeName = "N10tensorflow14QueueInterfaceE";
  dead = false;
  readonly #elements: Tuple[] = [];
  readonly #enqueuers: Waiter[] = [];
  readonly #dequeuers: Waiter[] = [];
  closed = false;

  constructor(readonly options: QueueOptions) {}

  get size(): number {
    return this.#elements.length;
  }

  get #label(): string {
    return `${this.options.kind} '${this.options.name}'`;
  }

  /** Passes the tuples to the queue, waiting for room. @returns how to stop waiting, `null` when done at once */
  enqueue(tuples: Tuple[], done: (error: Error | null) => void): ((error: Error) => void) | null {
    const drop = (error: Error) => {
      for (const tuple of tuples) for (const tensor of tuple) tensor.release();
      done(error);
    };
    if (this.closed) {
      drop(new CancelledError(`${this.#label} is closed.`));
      return null;
    }
    const attempt = () => {
      while (tuples.length > 0 && this.#elements.length < this.options.capacity) this.#elements.push(tuples.shift()!);
      this.#wake(this.#dequeuers);
      if (tuples.length > 0) return false;
      done(null);
      return true;
    };
    return this.#wait(this.#enqueuers, { attempt, fail: drop });
  }

  /** Takes `count` elements (fewer only with `upTo`, once closed), waiting for them. */
  dequeue(
    count: number,
    upTo: boolean,
    done: (error: Error | null, tuples: Tuple[]) => void,
  ): ((error: Error) => void) | null {
    const { minAfterDequeue, pick } = this.options;
    // Elements are taken as they come: a batch may be larger than the queue's capacity.
    const taken: Tuple[] = [];
    const putBack = (error: Error) => {
      this.#elements.unshift(...taken.splice(0));
      done(error, []);
    };
    const attempt = () => {
      const keep = this.closed ? 0 : minAfterDequeue;
      while (taken.length < count && this.size > keep) {
        taken.push(this.#elements.splice(pick(this.size), 1)[0]!);
        this.#wake(this.#enqueuers);
      }
      if (taken.length === count || (upTo && this.closed && taken.length > 0)) {
        done(null, taken);
        return true;
      }
      if (!this.closed || this.#enqueuers.length > 0) return false;
      const size = this.size + taken.length;
      putBack(
        new OutOfRangeError(
          `${this.#label} is closed and has insufficient elements (requested ${count}, current size ${size})`,
        ),
      );
      return true;
    };
    return this.#wait(this.#dequeuers, { attempt, fail: putBack });
  }

  close(cancelPending: boolean): void {
    // Those who already wait to enqueue may still finish.
    this.closed = true;
    if (cancelPending)
      for (const waiter of this.#enqueuers.splice(0))
        waiter.fail(new CancelledError("Enqueue operation was cancelled"));
    this.#wake(this.#dequeuers);
  }

  dispose(): void {
    for (const tuple of this.#elements.splice(0)) for (const tensor of tuple) tensor.release();
    const gone = new CancelledError(`${this.#label} was removed`);
    for (const waiter of [...this.#enqueuers.splice(0), ...this.#dequeuers.splice(0)]) waiter.fail(gone);
  }

  /** First come, first served: a waiter tries only when it is the first. */
  #wait(line: Waiter[], waiter: Waiter): ((error: Error) => void) | null {
    if (line.length === 0 && waiter.attempt()) return null;
    line.push(waiter);
    return (error) => {
      const at = line.indexOf(waiter);
      if (at < 0) return;
      line.splice(at, 1);
      waiter.fail(error);
      this.#wake(line);
    };
  }

  #wake(line: Waiter[]): void {
    while (line.length > 0 && line[0]!.attempt()) line.shift();
  }
}
