// The meeting place of a step's buffers on one task (TensorFlow's BufRendezvous): a member provides a piece of its tensor
// under a key, and the next one in the ring takes the bytes, here or by RecvBuf. Bytes stay where they are until they
// are taken; each key is provided and taken once. It must not know who the members are.
import { CancelledError, InternalError } from "../errors/index.js";

/** Bytes in the heap, to be read before it returns. */
export type Take = (error: Error | null, at: number, bytes: number) => void;
/** Told when the bytes were taken, or never will be. */
export type Taken = (error: Error | null) => void;

interface Hook {
  at: number;
  bytes: number;
  taken: Taken | null;
  take: Take | null;
  /** Whether a member here waits for the bytes, or another task. */
  local: boolean;
}

export class BufRendezvous {
  readonly #hooks = new Map<string, Hook>();
  #error: Error | null = null;

  get empty(): boolean {
    return this.#hooks.size === 0;
  }

  provide(key: string, at: number, bytes: number, taken: Taken): void {
    const hook = this.#hooks.get(key);
    if (this.#error !== null) taken(this.#error);
    else if (hook === undefined) this.#hooks.set(key, { at, bytes, taken, take: null, local: true });
    else if (hook.take === null) {
      taken(new InternalError(`BufRendezvous::ProvideBuf already called for key ${key}`));
    } else {
      this.#hooks.delete(key);
      hook.take(null, at, bytes);
      taken(null);
    }
  }

  consume(key: string, local: boolean, take: Take): void {
    const hook = this.#hooks.get(key);
    if (this.#error !== null) take(this.#error, 0, 0);
    else if (hook === undefined) this.#hooks.set(key, { at: 0, bytes: 0, taken: null, take, local });
    else if (hook.taken === null) take(new InternalError(`Second consumer arrived for key ${key}`), 0, 0);
    else {
      this.#hooks.delete(key);
      take(null, hook.at, hook.bytes);
      hook.taken(null);
    }
  }

  /** Who waits has gone. */
  forget(key: string, take: Take): void {
    if (this.#hooks.get(key)?.take === take) this.#hooks.delete(key);
  }

  /** Ends what members here wait for. */
  cancelLocal(): void {
    for (const [key, hook] of [...this.#hooks]) {
      if (!hook.local) continue;
      this.#hooks.delete(key);
      end(hook, new CancelledError(`Operation was cancelled for BufRendezvous key ${key}`));
    }
  }

  /** Fails all who wait and all who come. */
  abort(error: Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    const hooks = [...this.#hooks.values()];
    this.#hooks.clear();
    for (const hook of hooks) end(hook, error);
  }
}

function end({ take, taken }: Hook, error: Error): void {
  take?.(error, 0, 0);
  taken?.(error);
}
