// Queues: bounded lists of tuples of tensors. Who finds no room, or no elements, waits; closing and cancellation wake
// them. In what order elements are kept and taken is handed in: it is all in which the kinds of queues differ. As in
// TensorFlow, closing waits for those who already wait to enqueue.
import { CancelledError, OutOfRangeError } from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** One element: a tensor for each component, held once by the queue. */
export type Tuple = readonly Tensor[];

/** Where a tuple goes among the others, and which is next. */
export interface QueueOrder {
  insert(elements: Tuple[], tuple: Tuple): void;
  take(elements: Tuple[]): Tuple;
  /** Gives back what a batch took that can't be filled. */
  restore(elements: Tuple[], taken: Tuple[]): void;
  /** Whether a batch takes nothing before all of it is there. */
  readonly wholeBatches?: boolean;
}

export const firstInFirstOut: QueueOrder = {
  insert: (elements, tuple) => elements.push(tuple),
  take: (elements) => elements.shift()!,
  restore: (elements, taken) => {
    const later = elements.splice(0);
    for (const tuple of taken) elements.push(tuple);
    for (const tuple of later) elements.push(tuple);
  },
};

export interface QueueOptions {
  readonly kind: "FIFOQueue" | "RandomShuffleQueue" | "PaddingFIFOQueue" | "PriorityQueue";
  readonly name: string;
  readonly types: readonly DataType[];
  /** One per component, `null` entries where unknown; empty when not declared. */
  readonly shapes: readonly (Shape | null)[];
  readonly capacity: number;
  /** A random-shuffle queue keeps this many elements until it is closed. */
  readonly minAfterDequeue: number;
  readonly order: QueueOrder;
}

/** What an attempt came to: done, with what is left to tell; some progress; or none. */
type Outcome = (() => void) | boolean;

interface Waiter {
  readonly attempt: () => Outcome;
  readonly fail: (error: Error) => void;
}

/** How to stop waiting; `null` when there is nothing to wait for. */
export type StopWaiting = ((error: Error) => void) | null;

export const QUEUE_TYPE = "N10tensorflow14QueueInterfaceE";

export class Queue implements Resource {
  readonly typeName = QUEUE_TYPE;
  dead = false;
  closed = false;
  readonly #elements: Tuple[] = [];
  readonly #enqueuers: Waiter[] = [];
  readonly #dequeuers: Waiter[] = [];

  constructor(readonly options: QueueOptions) {}

  get size(): number {
    return this.#elements.length;
  }

  /** A padding queue enqueues and takes single elements as the queue that it extends. */
  #label(batch: boolean): string {
    const { kind, name } = this.options;
    return `${kind === "PaddingFIFOQueue" && !batch ? "FIFOQueue" : kind} '${name}'`;
  }

  /** Passes the tuples to the queue, waiting for room. */
  enqueue(tuples: Tuple[], done: (error: Error | null) => void): StopWaiting {
    const { capacity, order } = this.options;
    const drop = (error: Error) => {
      for (const tuple of tuples) for (const tensor of tuple) tensor.release();
      done(error);
    };
    let next = 0;
    const attempt = (): Outcome => {
      if (next === tuples.length) return () => done(null);
      if (this.closed) return () => drop(new CancelledError(`${this.#label(false)} is closed.`));
      const before = next;
      while (next < tuples.length && this.#elements.length < capacity) order.insert(this.#elements, tuples[next++]!);
      return next === tuples.length ? () => done(null) : next > before;
    };
    return this.#wait(this.#enqueuers, {
      attempt,
      fail: (error) => {
        tuples.splice(0, next);
        drop(error);
      },
    });
  }

  /** Takes `count` elements (fewer only with `upTo`, once closed), waiting for them. */
  dequeue(
    count: number,
    upTo: boolean,
    batch: boolean,
    done: (error: Error | null, tuples: Tuple[]) => void,
  ): StopWaiting {
    const { minAfterDequeue, order } = this.options;
    const elements = this.#elements;
    // Elements are taken as they come: a batch may be larger than the queue's capacity.
    const taken: Tuple[] = [];
    let wanted = count;
    const attempt = (): Outcome => {
      const size = elements.length;
      const missing = wanted - taken.length;
      if (this.closed && size < missing) {
        if (!order.wholeBatches) {
          order.restore(elements, taken.splice(0));
          wanted = elements.length;
        }
        if (!upTo || elements.length === 0) {
          const refusal = `requested ${missing}, current size ${size}`;
          const error = new OutOfRangeError(
            `${this.#label(batch)} is closed and has insufficient elements (${refusal})`,
          );
          return () => {
            release(taken);
            done(error, []);
          };
        }
      } else if (order.wholeBatches && size < missing) return false;
      const before = taken.length;
      const keep = this.closed ? 0 : minAfterDequeue;
      while (taken.length < wanted && elements.length > keep) taken.push(order.take(elements));
      return taken.length === wanted ? () => done(null, taken) : taken.length > before;
    };
    return this.#wait(this.#dequeuers, {
      attempt,
      fail: (error) => {
        order.restore(elements, taken.splice(0));
        done(error, []);
      },
    });
  }

  /** Waits for those who already wait to enqueue, or fails them. */
  close(cancelPending: boolean, done: (error: Error | null) => void): StopWaiting {
    if (cancelPending) {
      this.closed = true;
      for (const waiter of this.#enqueuers.splice(0))
        waiter.fail(new CancelledError("Enqueue operation was cancelled"));
      this.#flush();
      done(null);
      return null;
    }
    const attempt = (): Outcome => {
      const error = this.closed ? new CancelledError(`Queue '${this.options.name}' is already closed.`) : null;
      this.closed = true;
      return () => done(error);
    };
    return this.#wait(this.#enqueuers, { attempt, fail: done });
  }

  dispose(): void {
    release(this.#elements.splice(0));
    const gone = new CancelledError(`${this.#label(true)} was removed`);
    for (const waiter of [...this.#enqueuers.splice(0), ...this.#dequeuers.splice(0)]) waiter.fail(gone);
    // What a waiter gave back goes as well.
    release(this.#elements.splice(0));
  }

  #wait(line: Waiter[], waiter: Waiter): StopWaiting {
    line.push(waiter);
    this.#flush();
    if (!line.includes(waiter)) return null;
    return (error) => {
      const at = line.indexOf(waiter);
      if (at < 0) return;
      line.splice(at, 1);
      waiter.fail(error);
      this.#flush();
    };
  }

  /** Lets both lines try until nobody gets further, then tells those who are done: they may come back at once. */
  #flush(): void {
    const finished: (() => void)[] = [];
    while (advance(this.#enqueuers, finished) || advance(this.#dequeuers, finished));
    for (const tell of finished) tell();
  }
}

/** First come, first served: a waiter tries only when it is the first. @returns whether anything changed */
function advance(line: Waiter[], finished: (() => void)[]): boolean {
  let changed = false;
  for (;;) {
    const outcome = line[0]?.attempt() ?? false;
    if (typeof outcome === "boolean") return changed || outcome;
    finished.push(outcome);
    line.shift();
    changed = true;
  }
}

function release(tuples: readonly Tuple[]): void {
  for (const tuple of tuples) for (const tensor of tuple) tensor.release();
}
