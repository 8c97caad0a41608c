// Barriers: tuples whose components come one by one under a key. A tuple that has all of them goes to a queue, where the
// key that came first is first. As in TensorFlow, closing leaves the queue open for keys that lack something, and what
// was completed by a call that is refused after it is lost.
import { CancelledError, InvalidArgumentError, OutOfRangeError } from "../errors/index.js";
import { readable } from "../io/byte-text.js";
import type { Resource } from "../kernel/resource.js";
import type { DataType } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { Queue, type QueueOptions, type StopWaiting, type Tuple } from "./queue.js";

export const BARRIER_TYPE = "N10tensorflow7barrier7BarrierE";

export interface BarrierOptions {
  readonly name: string;
  readonly types: readonly DataType[];
  /** One a component, all known. */
  readonly shapes: readonly (readonly number[])[];
}

/** What has come under a key. */
interface Incomplete {
  /** When its first component came. */
  readonly index: bigint;
  readonly components: (Tensor | null)[];
}

/** Makes the tensors that lead a tuple in the queue: when its key came, and the key. */
export type Lead = (index: bigint, key: string) => Tensor[];

const FIRST_INDEX = -(2n ** 63n);

export class Barrier implements Resource {
  readonly typeName = BARRIER_TYPE;
  dead = false;
  closed = false;
  #cancelled = false;
  #index = FIRST_INDEX;
  readonly #incomplete = new Map<string, Incomplete>();
  readonly #ready: Queue;

  constructor(
    readonly options: BarrierOptions,
    queue: QueueOptions,
  ) {
    this.#ready = new Queue(queue);
  }

  get readySize(): number {
    return this.#ready.size;
  }

  get incompleteSize(): number {
    return this.#incomplete.size;
  }

  /** What the tuples that are taken are made of. */
  get queue(): Queue {
    return this.#ready;
  }

  /**
   * Gives each key its value as one component of its tuple.
   * @param keys a character a byte
   * @param makeValue makes the value of a key by its place, held once
   */
  insert(keys: readonly string[], component: number, makeValue: (at: number) => Tensor, lead: Lead): void {
    if (this.closed && (this.#cancelled || (keys.length > 0 && this.#incomplete.size === 0)))
      throw this.#refusal("", `Number of new insertions: ${keys.length}`);
    const complete: Tensor[][] = [];
    let grew = false;
    try {
      keys.forEach((key, at) => {
        const known = this.#incomplete.get(key);
        const entry = known ?? this.#begin(key, at);
        grew ||= known === undefined;
        if (entry.components[component] !== null)
          throw new InvalidArgumentError(
            `Key ${readable(key)} already has a value for component ${component} in barrier ${this.options.name}`,
          );
        entry.components[component] = makeValue(at);
        if (entry.components.includes(null)) return;
        this.#incomplete.delete(key);
        const components = entry.components as Tensor[];
        complete.push(components);
        this.#checkShapes(components);
        components.unshift(...lead(entry.index, key));
      });
    } catch (error) {
      for (const tuple of complete) for (const tensor of tuple) tensor.release();
      throw error;
    }
    if (grew) this.#index++;
    if (complete.length > 0) this.#ready.enqueue(complete, () => {});
  }

  /** Takes `count` tuples, first come first served, waiting for them; fewer only of a closed barrier, with `upTo`. */
  take(count: number, upTo: boolean, done: (error: Error | null, tuples: Tuple[]) => void): StopWaiting {
    let wanted = count;
    if (this.closed) {
      const ready = this.readySize;
      if (upTo) wanted = Math.min(count, ready);
      const available = upTo ? ready : ready + this.incompleteSize;
      if (available < Math.max(wanted, 1)) {
        const what = `requested ${wanted}, total size ${available}`;
        done(
          new OutOfRangeError(`Barrier '${this.options.name}' is closed and has insufficient elements (${what})`),
          [],
        );
        return null;
      }
    }
    return this.#ready.dequeue(wanted, upTo, true, done);
  }

  /** No new keys from now on; with `cancelPending` the others go as well. A second close may only be one that cancels. */
  close(cancelPending: boolean): void {
    if (this.closed && (this.#cancelled || !cancelPending))
      throw new CancelledError(`Barrier '${this.options.name}' is already closed.`);
    this.closed = true;
    this.#cancelled = cancelPending;
    if (!cancelPending && this.#incomplete.size > 0) return;
    this.#forget();
    if (!this.#ready.closed) this.#ready.close(cancelPending, () => {});
  }

  dispose(): void {
    this.#forget();
    this.#ready.dispose();
  }

  #begin(key: string, at: number): Incomplete {
    if (this.closed)
      throw this.#refusal(`, but attempted to insert a brand new key: ${readable(key)}`, `Insertion index: ${at}`);
    const entry = { index: this.#index, components: this.options.types.map(() => null) };
    this.#incomplete.set(key, entry);
    return entry;
  }

  #refusal(why: string, where: string): CancelledError {
    const cancelled = `Pending enqueues cancelled: ${Number(this.#cancelled)}`;
    const size = `Number of incomplete keys: ${this.#incomplete.size}`;
    return new CancelledError(`Barrier ${this.options.name} is closed${why}.  ${cancelled}.  ${where}.  ${size}.`);
  }

  #checkShapes(components: readonly Tensor[]): void {
    components.forEach(({ shape }, i) => {
      const expected = this.options.shapes[i]!;
      if (!sameShape(shape, expected))
        throw new InvalidArgumentError(
          `Shape mismatch in tuple component ${i + 2}. Expected ${shapeString(expected)}, got ${shapeString(shape)}`,
        );
    });
  }

  #forget(): void {
    for (const { components } of this.#incomplete.values()) for (const component of components) component?.release();
    this.#incomplete.clear();
  }
}
