// The steps of a worker by id. A peer may ask for tensors of a step before the master has started it here: such steps
// are parked, bounded in number, requests and time, since the start may never come. It must not know graphs.
import { DeadlineExceededError, ResourceExhaustedError } from "../errors/index.js";
import { LocalRendezvous } from "../rendezvous/local.js";
import { RunningStep } from "./running-step.js";

export interface ParkingLimits {
  readonly steps: number;
  /** Tensors asked for, over all parked steps. */
  readonly requests: number;
  readonly milliseconds: number;
}

/** More than any master keeps in flight, longer than any takes between two of its calls. */
const LIMITS: ParkingLimits = { steps: 10_000, requests: 100_000, milliseconds: 600_000 };

interface Parked {
  requests: number;
  readonly since: number;
}

export class StepTable {
  readonly #steps = new Map<bigint, RunningStep>();
  readonly #parked = new Map<RunningStep, Parked>();
  #requests = 0;
  #sweep: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly now: () => number,
    readonly limits: ParkingLimits = LIMITS,
  ) {}

  get size(): number {
    return this.#steps.size;
  }

  ids(): bigint[] {
    return [...this.#steps.keys()];
  }

  values(): Iterable<RunningStep> {
    return this.#steps.values();
  }

  /** The step that is to run now. */
  begin(stepId: bigint): RunningStep {
    const step = this.#steps.get(stepId) ?? this.#add(stepId);
    this.#unpark(step);
    return step;
  }

  /** The step that a peer asks a tensor of. @throws ResourceExhaustedError */
  ask(stepId: bigint): RunningStep {
    const known = this.#steps.get(stepId);
    const waiting = known === undefined ? undefined : this.#parked.get(known);
    if (known !== undefined && waiting === undefined) return known;
    const { steps, requests } = this.limits;
    if (this.#requests >= requests || (known === undefined && this.#parked.size >= steps)) {
      throw new ResourceExhaustedError("Too many tensors are asked for of steps that have not begun");
    }
    this.#requests++;
    if (waiting !== undefined) {
      waiting.requests++;
      return known!;
    }
    const step = this.#add(stepId);
    this.#parked.set(step, { requests: 1, since: this.now() });
    this.#watch();
    return step;
  }

  /** Who asked went away: nobody else will end a step that never began. */
  forget(step: RunningStep): void {
    if (this.#parked.has(step) && step.empty) this.remove(step.stepId);
  }

  holds(step: RunningStep): boolean {
    return this.#steps.get(step.stepId) === step;
  }

  remove(stepId: bigint): RunningStep | undefined {
    const step = this.#steps.get(stepId);
    if (step === undefined) return undefined;
    this.#steps.delete(stepId);
    this.#unpark(step);
    return step;
  }

  close(): void {
    if (this.#sweep !== null) clearTimeout(this.#sweep);
    this.#sweep = null;
  }

  #add(stepId: bigint): RunningStep {
    const step = new RunningStep(stepId, new LocalRendezvous(this.now));
    this.#steps.set(stepId, step);
    return step;
  }

  #unpark(step: RunningStep): void {
    if (this.#parked.size === 0) return;
    const parked = this.#parked.get(step);
    if (parked === undefined) return;
    this.#requests -= parked.requests;
    this.#parked.delete(step);
  }

  #watch(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = null;
      this.#expire();
      if (this.#parked.size > 0) this.#watch();
    }, this.limits.milliseconds / 4);
  }

  #expire(): void {
    const oldest = this.now() - this.limits.milliseconds;
    for (const [step, { since }] of this.#parked) {
      if (since > oldest) continue;
      this.remove(step.stepId);
      step.abort(() => new DeadlineExceededError(`Step ${step.stepId} has not begun in time`));
      step.cleanUp();
    }
  }
}
