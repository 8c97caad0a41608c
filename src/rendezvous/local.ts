// The rendezvous of one step on one task: tensors wait for who asks, who asks waits for tensors. Each key is sent and
// received once. Tensors pass by reference. After an abort everything and everyone gets its error.
import { AbortedError } from "../errors/index.js";
import type { Received, StepRendezvous } from "../kernel/rendezvous.js";
import type { Tensor } from "../tensor/tensor.js";

interface Item {
  /** What nobody asked for yet, `null` where somebody waits. */
  tensor: Tensor | null;
  dead: boolean;
  waiting: Received | null;
  /** When it came, for the list of who waits for what. */
  readonly since: number;
}

export interface Waiter {
  readonly key: string;
  readonly sinceMs: number;
}

export class LocalRendezvous implements StepRendezvous {
  readonly #items = new Map<string, Item>();
  #error: (() => Error) | null = null;

  constructor(readonly now: () => number) {}

  send(key: string, tensor: Tensor, dead: boolean): void {
    if (this.#error !== null) {
      tensor.release();
      return;
    }
    const item = this.#items.get(key);
    if (item === undefined) {
      this.#items.set(key, { tensor, dead, waiting: null, since: this.now() });
    } else if (item.waiting !== null) {
      this.#items.delete(key);
      item.waiting(null, tensor, dead);
    } else {
      tensor.release();
      throw new AbortedError(`Duplicate send of ${key}`);
    }
  }

  receive(key: string, received: Received): void {
    if (this.#error !== null) {
      received(this.#error(), null, false);
      return;
    }
    const item = this.#items.get(key);
    if (item === undefined) {
      this.#items.set(key, { tensor: null, dead: false, waiting: received, since: this.now() });
    } else if (item.tensor !== null) {
      this.#items.delete(key);
      received(null, item.tensor, item.dead);
    } else {
      received(new AbortedError(`Duplicate receive of ${key}`), null, false);
    }
  }

  /** Forgets who waits for a key: its call was cancelled. */
  forget(key: string, received: Received): void {
    if (this.#items.get(key)?.waiting === received) this.#items.delete(key);
  }

  /** Whether a tensor waits here to be asked for. */
  holds(key: string): boolean {
    return (this.#items.get(key)?.tensor ?? null) !== null;
  }

  /** Whether nothing waits here and nobody. */
  get empty(): boolean {
    return this.#items.size === 0;
  }

  abort(error: () => Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    if (this.#items.size === 0) return;
    const items = [...this.#items.values()];
    this.#items.clear();
    for (const item of items) {
      item.tensor?.release();
      item.waiting?.(error(), null, false);
    }
  }

  /** Keys that somebody waits for. */
  waiters(): Waiter[] {
    return [...this.#items]
      .filter(([, item]) => item.waiting !== null)
      .map(([key, item]) => ({ key, sinceMs: item.since }));
  }
}
