// One-time tokens: given over one road, presented on another. A token is good once, and for a short while.
import { hexText } from "../platform/hex.js";

export const TOKEN_BYTES = 32;
const LIFE_MS = 10_000;
/** Tokens that wait to be used; the oldest goes when one more comes. */
const MOST = 1024;

export class Tokens {
  /** Until when each is good. */
  readonly #expiry = new Map<string, number>();

  constructor(
    readonly random: (bytes: Uint8Array) => void,
    readonly now: () => number,
  ) {}

  issue(): Uint8Array {
    const token = new Uint8Array(TOKEN_BYTES);
    this.random(token);
    if (this.#expiry.size >= MOST) this.#expiry.delete(this.#expiry.keys().next().value!);
    this.#expiry.set(hexText(token), this.now() + LIFE_MS);
    return token;
  }

  /** Whether the token is good; it is not any more afterwards. */
  take(token: Uint8Array): boolean {
    const key = hexText(token);
    const expiry = this.#expiry.get(key);
    this.#expiry.delete(key);
    return expiry !== undefined && this.now() < expiry;
  }
}
