// How values travel in a step: along edges into the slots of their consumers, into and out of the frames of loops, and
// as deadness where a branch wasn't taken. Follows TensorFlow's executor. What a node does is the step's business.
import { InternalError } from "../errors/index.js";
import { baseDtype, dtypeName } from "../tensor/dtype.js";
import { type Executable, Kind, LAST_EDGE, TO_MERGE } from "./executable.js";
import { type Entry, type Frame, Iteration } from "./frames.js";

export abstract class Flow {
  /** The ready stack: node, or its complement where it is dead, and its iteration. */
  protected readonly readyNodes: number[] = [];
  protected readonly readyIterations: Iteration[] = [];

  constructor(readonly executable: Executable) {}

  /** Ends the step with this error. */
  protected abstract stop(error: Error): void;

  // ---- frames -------------------------------------------------------------------------------------------------

  protected enter(node: number, iteration: Iteration, entry: Entry | null): void {
    const { executable } = this;
    const target = executable.enterTarget[node]!;
    const plan = executable.frames[target]!;
    const frame = iteration.child(plan);
    const first = frame.iterations[0]!;
    if (executable.aux[node] === 1) {
      frame.invariants.push({ node, entry });
      // Later iterations that exist already get it too.
      for (let i = 0; i < frame.iterations.length; i++) {
        entry?.retain();
        this.deliver(node, frame.iterations[i]!, entry);
      }
    } else {
      this.deliver(node, first, entry);
    }
    frame.missingInputs--;
    this.nodeDone(iteration);
    this.cleanUp(frame);
  }

  protected exit(node: number, iteration: Iteration, entry: Entry): void {
    const { parent } = iteration.frame;
    this.deliver(node, parent!, entry);
    this.nodeDone(iteration);
  }

  protected nextIteration(node: number, iteration: Iteration, entry: Entry): void {
    const { frame } = iteration;
    if (iteration.index === frame.newest) {
      if (frame.iterations.length >= frame.plan.frame.parallelIterations) {
        frame.waiting.push({ node, entry });
        this.nodeDone(iteration);
        return;
      }
      this.newIteration(frame);
    }
    this.deliver(node, frame.iteration(iteration.index + 1)!, entry);
    this.nodeDone(iteration);
  }

  private newIteration(frame: Frame): Iteration {
    frame.newest++;
    frame.deadExits.length = 0;
    const next = Iteration.take(frame.plan, frame, frame.newest);
    frame.iterations.push(next);
    for (const { node, entry } of frame.invariants) {
      entry?.retain();
      this.deliver(node, next, entry);
    }
    return next;
  }

  /** A node of a loop is through: its iteration may be over, and with it the frame. */
  protected nodeDone(iteration: Iteration): void {
    const { frame } = iteration;
    if (frame.parent === null) return;
    iteration.outstandingNodes--;
    this.cleanUp(frame);
  }

  private cleanUp(frame: Frame): void {
    if (frame.parent === null || frame.done) return;
    while (frame.iterations.length > 0) {
      const oldest = frame.iterations[0]!;
      if (oldest.outstandingNodes > 0 || oldest.outstandingFrames > 0) return;
      if (oldest.index === 0 && frame.missingInputs > 0) return;
      frame.iterations.shift();
      frame.firstLive++;
      oldest.give();
      if (frame.waiting.length > 0) {
        const waiting = frame.waiting.splice(0);
        const next = this.newIteration(frame);
        for (const { node, entry } of waiting) this.deliver(node, next, entry);
      }
    }
    if (frame.missingInputs === 0) this.frameDone(frame);
  }

  private frameDone(frame: Frame): void {
    frame.done = true;
    const parent = frame.parent!;
    for (const { entry } of frame.invariants) entry?.release();
    for (const node of frame.deadExits) this.deliver(node, parent, null);
    parent.removeChild(frame);
    this.cleanUp(parent.frame);
  }

  // ---- edges --------------------------------------------------------------------------------------------------

  /** Passes one entry (dead if `null`) along all edges of a node with one output, into a given iteration. */
  private deliver(node: number, iteration: Iteration, entry: Entry | null): void {
    const outputs = this.single;
    outputs[0] = entry;
    this.sendAlong(node, iteration, outputs, entry === null);
  }

  private readonly single: (Entry | null)[] = [null];

  protected propagate(node: number, iteration: Iteration, outputs: (Entry | null)[], dead: boolean): void {
    const { executable } = this;
    const types = executable.outputTypes[node]!;
    for (let i = 0; i < types.length; i++) {
      const entry = outputs[i]!;
      if (entry !== null && baseDtype(types[i]!) !== entry.dtype) {
        this.refuseOutput(node, i, outputs);
        return;
      }
    }
    this.sendAlong(node, iteration, outputs, dead);
    this.nodeDone(iteration);
  }

  private sendAlong(node: number, iteration: Iteration, outputs: (Entry | null)[], dead: boolean): void {
    const { executable } = this;
    const { edgeStart, edgeOutput, edgeTarget, edgeSlot, edgeFlags, local, kind } = executable;
    const { pending, slots } = iteration;
    const looping = iteration.frame.parent !== null;
    const end = edgeStart[node + 1]!;
    for (let e = edgeStart[node]!; e < end; e++) {
      const out = edgeOutput[e]!;
      const target = edgeTarget[e]!;
      const flags = edgeFlags[e]!;
      const entry = out < 0 ? null : outputs[out]!;
      const isDead = dead || (out >= 0 && entry === null);
      if ((flags & TO_MERGE) !== 0) {
        this.intoMerge(e, iteration, entry, isDead, looping);
      } else {
        const at = local[target]!;
        if (entry !== null) slots[edgeSlot[e]!] = (flags & LAST_EDGE) !== 0 ? entry : retained(entry);
        if (isDead) {
          iteration.sawDead = true;
          iteration.dead[at]!++;
        }
        if (--pending[at]! === 0) {
          if (looping) iteration.outstandingNodes++;
          const dies = iteration.sawDead && iteration.dead[at]! > 0 && kind[target] !== Kind.CONTROL_TRIGGER;
          this.readyNodes.push(dies ? ~target : target);
          this.readyIterations.push(iteration);
        }
      }
      if ((flags & LAST_EDGE) !== 0) outputs[out] = null;
    }
    const unused = executable.unused[node]!;
    if (unused !== null) {
      for (let i = 0; i < unused.length; i++) {
        const out = unused[i]!;
        outputs[out]?.release();
        outputs[out] = null;
      }
    }
  }

  /**
   * A merge runs when its control inputs are there and the first live input is, or all inputs are dead.
   * Its count holds 2 for each control input missing and 1 while no live input came.
   */
  private intoMerge(e: number, iteration: Iteration, entry: Entry | null, isDead: boolean, looping: boolean): void {
    const { executable } = this;
    const { edgeOutput, edgeTarget, edgeSlot, edgeFlags } = executable;
    const target = edgeTarget[e]!;
    const at = executable.local[target]!;
    const { pending, dead } = iteration;
    const inputs = executable.inputCount[target]!;
    let ready: boolean;
    let isDeadMerge = false;
    if (edgeOutput[e]! < 0) {
      pending[at]! -= 2;
      isDeadMerge = dead[at] === inputs;
      ready = pending[at] === 0 || (pending[at] === 1 && isDeadMerge);
    } else if (!isDead && entry !== null) {
      if ((pending[at]! & 1) === 0) {
        if ((edgeFlags[e]! & LAST_EDGE) !== 0) entry.release();
        return;
      }
      iteration.slots[edgeSlot[e]!] = (edgeFlags[e]! & LAST_EDGE) !== 0 ? entry : retained(entry);
      pending[at]! -= 1;
      ready = pending[at] === 0;
    } else {
      iteration.sawDead = true;
      dead[at]!++;
      // A loop whose Enter is dead never begins: its merge must not wait for the next iteration.
      isDeadMerge = dead[at] === inputs || executable.kind[sourceOf(executable, target, edgeSlot[e]!)] === Kind.ENTER;
      ready = pending[at] === 1 && isDeadMerge;
    }
    if (!ready) return;
    if (looping) iteration.outstandingNodes++;
    this.readyNodes.push(isDeadMerge ? ~target : target);
    this.readyIterations.push(iteration);
  }

  private refuseOutput(node: number, index: number, outputs: (Entry | null)[]): void {
    const { executable } = this;
    const found = dtypeName(outputs[index]!.dtype);
    const declared = dtypeName(baseDtype(executable.outputTypes[node]![index]!));
    for (let i = 0; i < outputs.length; i++) {
      outputs[i]?.release();
      outputs[i] = null;
    }
    this.stop(
      new InternalError(
        `Output ${index} of type ${found} does not match declared output type ${declared} for node ` +
          `{{node ${executable.names[node]}}}`,
      ),
    );
  }
}

function retained(entry: Entry): Entry {
  entry.retain();
  return entry;
}

function sourceOf(executable: Executable, node: number, slot: number): number {
  return executable.inputSources[node]![slot - executable.inputStart[node]!]!;
}
