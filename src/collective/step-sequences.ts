// Ids of steps with collectives. Masters that run parts of one collective must give their steps the same id: each graph
// key has a sequence that begins where the group leader says and goes on by one after each step that succeeded.
import { InternalError } from "../errors/index.js";
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { CollectivePeer } from "./peer.js";

/** As many as are known at a time; the oldest is drawn anew when it comes again. */
const MOST_KEYS = 100_000;
const STEP_ID_BITS = 57;
const RETRY_MS = 1_000;
const MOST_RETRY_MS = 60_000;

export class StepSequences {
  readonly #next = new Map<bigint, bigint>();

  constructor(
    /** `null` when this task leads. */
    readonly leader: (() => Pick<CollectivePeer, "stepSequence">) | null,
    readonly newStepId: () => bigint,
  ) {}

  /** The id that the next step of such graphs has. Asks a leader that can't be reached again and again, as TensorFlow does. */
  async next(graphKey: bigint, signal: CancellationSignal): Promise<bigint> {
    const known = this.#next.get(graphKey);
    if (known !== undefined) return known;
    if (this.leader === null) return this.#begin(graphKey, this.newStepId());
    for (let tries = 1; ; tries++) {
      if (signal.reason !== null) throw signal.reason;
      try {
        return this.#begin(graphKey, await this.leader().stepSequence(graphKey, signal));
      } catch {
        await pause(Math.min(MOST_RETRY_MS, RETRY_MS * tries), signal);
      }
    }
  }

  /** A step has succeeded. */
  retire(graphKey: bigint, stepId: bigint): void {
    if (this.#next.get(graphKey) === stepId) this.#next.set(graphKey, BigInt.asUintN(STEP_ID_BITS, stepId + 1n));
    else this.#next.delete(graphKey);
  }

  /** What another master is told. @throws InternalError when this task doesn't lead */
  answer(graphKey: bigint): bigint {
    if (this.leader !== null) throw new InternalError("GetStepSequenceAsync called at non-group-leader");
    return this.#next.get(graphKey) ?? this.#begin(graphKey, this.newStepId());
  }

  #begin(graphKey: bigint, stepId: bigint): bigint {
    if (this.#next.size >= MOST_KEYS) this.#next.delete(this.#next.keys().next().value!);
    this.#next.set(graphKey, stepId);
    return stepId;
  }
}

function pause(milliseconds: number, signal: CancellationSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.remove(end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.add(end);
  });
}
