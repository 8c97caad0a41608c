// Cancellation as kernels see it: a flag, and callbacks that run once when a step is cancelled.
// A plain list instead of AbortSignal: registering and leaving costs an array write, since every blocked dequeue does it.

export type CancelCallback = (reason: Error) => void;

export interface CancellationSignal {
  /** Why the step was cancelled, `null` while it runs. */
  readonly reason: Error | null;
  /** Calls back at once when already cancelled. */
  add(callback: CancelCallback): void;
  remove(callback: CancelCallback): void;
}

/** TensorFlow's `CancellationManager`. */
export class Cancellation implements CancellationSignal {
  reason: Error | null = null;
  #callbacks = new Set<CancelCallback>();

  add(callback: CancelCallback): void {
    if (this.reason !== null) callback(this.reason);
    else this.#callbacks.add(callback);
  }

  remove(callback: CancelCallback): void {
    this.#callbacks.delete(callback);
  }

  cancel(reason: Error): void {
    if (this.reason !== null) return;
    this.reason = reason;
    const callbacks = this.#callbacks;
    this.#callbacks = new Set();
    for (const callback of callbacks) callback(reason);
  }
}
