// What a step holds while it runs: a frame for each entry of a loop, an iteration for each pass through its body.
// An iteration has the slots in which inputs wait and the counts of inputs still missing. Iterations are pooled by
// static frame, so that a loop of any length allocates a handful.
import type { RefVariable } from "../kernel/kernel.js";
import type { Tensor } from "../tensor/tensor.js";
import type { StaticFrame } from "./control-flow.js";
import { childFrameId } from "./frame-id.js";

/** What an edge carries; a slot holds it once. `null` is nothing yet, or dead. */
export type Entry = Tensor | RefVariable;

/** The part of a compiled graph that runs in one static frame. */
export interface FramePlan {
  readonly frame: StaticFrame;
  readonly slotCount: number;
  /** By local node index: inputs that must arrive. A merge counts 1 for its data and 2 for each control input. */
  readonly pending: Int32Array;
  readonly pool: Iteration[];
}

export class Iteration {
  readonly slots: (Entry | null)[];
  readonly pending: Int32Array;
  readonly dead: Int32Array;
  /** Nodes ready, running or pending in this iteration; only counted inside loops. */
  outstandingNodes = 0;
  /** Child frames that were entered from this iteration and are not done. */
  outstandingFrames = 0;
  frame!: Frame;
  index = 0;
  /** Any dead input seen since it was taken from the pool. */
  sawDead = false;
  /** Whether it belongs to a loop: only there its nodes are counted. */
  readonly looping: boolean;
  readonly #children: Frame[] = [];

  constructor(readonly plan: FramePlan) {
    this.looping = plan.frame.parent !== null;
    this.slots = new Array<Entry | null>(plan.slotCount).fill(null);
    this.pending = plan.pending.slice();
    this.dead = new Int32Array(plan.pending.length);
  }

  static take(plan: FramePlan, frame: Frame, index: number): Iteration {
    const iteration = plan.pool.pop() ?? new Iteration(plan);
    iteration.frame = frame;
    iteration.index = index;
    return iteration;
  }

  /** Lets go of inputs that nobody came for, and goes back to the pool. */
  give(): void {
    const { slots, plan } = this;
    for (let i = 0; i < slots.length; i++) {
      const entry = slots[i]!;
      if (entry !== null) {
        entry.release();
        slots[i] = null;
      }
    }
    // Loops of a few nodes turn often: a call of `set` or `fill` costs more than their elements.
    const { pending, dead } = this;
    for (let i = 0; i < pending.length; i++) pending[i] = plan.pending[i]!;
    if (this.sawDead) for (let i = 0; i < dead.length; i++) dead[i] = 0;
    this.sawDead = false;
    this.outstandingNodes = 0;
    this.outstandingFrames = 0;
    if (this.#children.length > 0) this.#children.length = 0;
    plan.pool.push(this);
  }

  /** Only the last iteration's dead exits count: the loop may still turn and leave through them alive. */
  exitDead(node: number): void {
    const { frame } = this;
    if (this.index === frame.newest) frame.deadExitNodes[frame.deadExits++] = node;
  }

  /** The frame that `frame_name` names, entered from this iteration. */
  child(plan: FramePlan): Frame {
    for (const child of this.#children) if (child.plan === plan) return child;
    const child = new Frame(plan, this);
    this.#children.push(child);
    this.outstandingFrames++;
    return child;
  }

  removeChild(child: Frame): void {
    this.#children.splice(this.#children.indexOf(child), 1);
    this.outstandingFrames--;
  }

  get children(): readonly Frame[] {
    return this.#children;
  }
}

export class Frame {
  /** Live iterations by number, oldest first; `iterations[0]` has number `firstLive`. */
  readonly iterations: Iteration[] = [];
  firstLive = 0;
  /** Number of the newest iteration. */
  newest = 0;
  /** Enter nodes that have not delivered yet. */
  missingInputs: number;
  /** Values of constant Enter nodes: node, entry (`null` dead); held once by the frame. */
  readonly invariants: { node: number; entry: Entry | null }[] = [];
  /** NextIteration nodes that wait because `parallel_iterations` are running. */
  readonly waiting: { node: number; entry: Entry | null }[] = [];
  /** Exit nodes that were dead in the newest iteration, and how many: they pass it on when the frame is done. */
  readonly deadExitNodes: number[] = [];
  deadExits = 0;
  /** Exit nodes that a value left through. */
  readonly exits: number[] = [];
  /** All inputs came, all iterations are over. */
  done = false;
  #id = -1n;

  constructor(
    readonly plan: FramePlan,
    /** Iteration of the outer frame, `null` for the root. */
    readonly parent: Iteration | null,
  ) {
    this.missingInputs = plan.frame.enterCount;
    this.iterations.push(Iteration.take(plan, this, 0));
  }

  /** The number that names the frame in rendezvous keys; worked out when a transfer asks for it. */
  get id(): bigint {
    if (this.#id < 0n) {
      const { parent } = this;
      this.#id = parent === null ? 0n : childFrameId(parent.frame.id, parent.index, this.plan.frame.name);
    }
    return this.#id;
  }

  iteration(index: number): Iteration | undefined {
    return this.iterations[index - this.firstLive];
  }
}
