// Mutexes: one lock, held as long as the value that stands for it is, by whatever edge of whatever step. Who finds it
// locked waits, first come first served.
import { CancelledError } from "../errors/index.js";
import type { Resource } from "../kernel/resource.js";
import type { Counted } from "../tensor/tensor.js";
import type { StopWaiting } from "./queue.js";
import { Waiters } from "./waiters.js";

export const MUTEX_TYPE = "N10tensorflow12_GLOBAL__N_15MutexE";

export class Mutex implements Resource {
  readonly typeName = MUTEX_TYPE;
  dead = false;
  #locked = false;
  readonly #waiters = new Waiters();

  /** @param done gets the lock, held once, or why there will be none */
  lock(done: (error: Error | null, lock: Lock | null) => void): StopWaiting {
    return this.#waiters.wait(
      () => {
        if (this.#locked) return null;
        this.#locked = true;
        return () => done(null, new Lock(this));
      },
      (error) => done(error, null),
    );
  }

  unlock(): void {
    this.#locked = false;
    // A lock is let go of amid what a step does with its edges, and who waits may be of the same step.
    queueMicrotask(() => this.#waiters.changed());
  }

  dispose(): void {
    this.#waiters.failAll(new CancelledError("Lock acquisition cancelled."));
  }
}

export class Lock implements Counted {
  refs = 1;

  constructor(readonly mutex: Mutex) {}

  retain(): void {
    this.refs++;
  }

  release(): void {
    if (--this.refs === 0) this.mutex.unlock();
  }
}
