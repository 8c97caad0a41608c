// How the algorithms move bytes between members; `step-collectives.ts` does it. Keys are TensorFlow's, so that members of
// both kinds find each other's pieces.
import type { Combine } from "../kernel/collective.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Group } from "./ranks.js";

export interface Exchange {
  /** Resolves when the receiver has the bytes. */
  send(key: string, at: number, bytes: number): Promise<void>;
  /** @param from index of a member */
  receive(from: number, key: string, at: number, bytes: number): Promise<void>;
  /** Called with the first failure: ends what else is under way. */
  failed(error: unknown): void;
}

/** What an algorithm works on. */
export interface Part {
  readonly group: Group;
  /** Index of this member. */
  readonly own: number;
  /** `<group key>:<instance key>:<frame>:<iteration>`, where every key begins. */
  readonly execKey: string;
  readonly output: Tensor;
  readonly combine: Combine | null;
  readonly exchange: Exchange;
  /** Memory for a piece that comes in, held once. */
  readonly scratch: (elements: number) => Tensor;
}

/** Waits for all, whatever becomes of each: memory may go only when nobody reads it. @throws the first error */
export async function together(work: readonly Promise<void>[], { failed }: Exchange): Promise<void> {
  const errors: unknown[] = [];
  const note = (error: unknown) => {
    if (errors.push(error) === 1) failed(error);
  };
  await Promise.all(work.map((one) => one.catch(note)));
  if (errors.length > 0) throw errors[0];
}
