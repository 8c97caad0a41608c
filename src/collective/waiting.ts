// Promises that many wait for at once and that end together, each waiter leaving earlier when its signal is cancelled.
import type { CancellationSignal } from "../kernel/cancellation.js";
import { Cancellation } from "../kernel/cancellation.js";

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export class Waiters<T> {
  readonly #waiting = new Set<Waiter<T>>();

  get size(): number {
    return this.#waiting.size;
  }

  /** @param cancelled called when the signal is, after the waiter has left with its reason */
  wait(signal: CancellationSignal, cancelled: () => void = () => {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (reason: Error) => {
        if (!this.#waiting.delete(waiter)) return;
        reject(reason);
        cancelled();
      };
      const waiter: Waiter<T> = {
        resolve: (value) => {
          signal.remove(leave);
          resolve(value);
        },
        reject: (error) => {
          signal.remove(leave);
          reject(error);
        },
      };
      this.#waiting.add(waiter);
      signal.add(leave);
    });
  }

  resolve(value: T): void {
    for (const waiter of this.#take()) waiter.resolve(value);
  }

  reject(error: Error): void {
    for (const waiter of this.#take()) waiter.reject(error);
  }

  #take(): Waiter<T>[] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }
}

/** Work that ends early when either signal is cancelled. */
export async function underBoth<T>(
  a: CancellationSignal,
  b: CancellationSignal,
  work: (signal: CancellationSignal) => Promise<T>,
): Promise<T> {
  const either = new Cancellation();
  const cancel = (reason: Error) => either.cancel(reason);
  a.add(cancel);
  b.add(cancel);
  try {
    return await work(either);
  } finally {
    a.remove(cancel);
    b.remove(cancel);
  }
}
