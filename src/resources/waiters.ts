// Those who wait for a change of something: asked again whenever it changed, in the order in which they came. Unlike in a
// queue, who can't go on yet doesn't hold up those behind.
import type { StopWaiting } from "./queue.js";

/** Goes on if it can. @returns what is left to tell; `null` to wait on */
export type Attempt = () => (() => void) | null;

interface Waiter {
  readonly attempt: Attempt;
  readonly fail: (error: Error) => void;
}

export class Waiters {
  readonly #waiting: Waiter[] = [];

  /** Waits until `attempt` goes on. @param fail told why it never will */
  wait(attempt: Attempt, fail: (error: Error) => void): StopWaiting {
    const waiter = { attempt, fail };
    this.#waiting.push(waiter);
    this.changed();
    if (!this.#waiting.includes(waiter)) return null;
    return (error) => {
      const at = this.#waiting.indexOf(waiter);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      fail(error);
    };
  }

  /** Lets everyone try until nobody goes on, then tells those who did: they may come back at once. */
  changed(): void {
    const finished: (() => void)[] = [];
    for (let at = 0; at < this.#waiting.length; ) {
      const tell = this.#waiting[at]!.attempt();
      if (tell === null) {
        at++;
        continue;
      }
      this.#waiting.splice(at, 1);
      finished.push(tell);
      // One that goes on may let another one before it.
      at = 0;
    }
    for (const tell of finished) tell();
  }

  failAll(error: Error): void {
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }
}
