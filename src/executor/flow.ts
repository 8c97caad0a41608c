// How values travel in a step: along edges into the slots of their consumers, into and out of the frames of loops, and
// as deadness where a branch wasn't taken. Follows TensorFlow's executor. What a node does is the step's business.
import { InternalError, InvalidArgumentError } from "../errors/index.js";
import { baseDtype, dtypeName, makeRef } from "../tensor/dtype.js";
import { Tensor } from "../tensor/tensor.js";
import type { Executable } from "./executable.js";
import { type Entry, type Frame, Iteration } from "./frames.js";
import * as layout from "./layout.js";

// V8 knows the value of a module's own constant, but loads and checks an imported one at each use.
const {
  EDGE,
  EDGES,
  EDGES_END,
  FLAGS,
  HAS_UNUSED,
  INPUTS,
  KIND,
  Kind,
  LAST_EDGE,
  OUTPUT,
  OUTPUT_TYPE,
  ROW,
  SLOT,
  TARGET,
  TARGET_LOCAL,
  TARGET_SLOT,
  TO_MERGE,
} = layout;

export abstract class Flow {
  /** The ready stack: node, or its complement where it is dead, and its iteration. */
  protected readonly readyNodes: number[] = [];
  protected readonly readyIterations: Iteration[] = [];
  protected readyCount = 0;
  protected readonly rows: Int32Array;
  protected readonly edges: Int32Array;

  constructor(readonly executable: Executable) {
    this.rows = executable.rows;
    this.edges = executable.edges;
  }

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
    const { parent, exits } = iteration.frame;
    // Who waits outside has one place for the value: only a graph that is no proper loop leaves it twice.
    if (exits.includes(node)) {
      entry.release();
      const name = this.executable.names[node]!;
      this.stop(new InvalidArgumentError(`A loop is left by more than one iteration\n\t [[{{node ${name}}}]]`));
      return;
    }
    exits.push(node);
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
    frame.deadExits = 0;
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
    if (iteration.looping && --iteration.outstandingNodes === 0) this.cleanUp(frame);
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
    for (let i = 0; i < frame.deadExits; i++) this.deliver(frame.deadExitNodes[i]!, parent, null);
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
    const type = this.rows[node * ROW + OUTPUT_TYPE]!;
    const entry = outputs[0]!;
    const wrong = type < 0 ? this.wrongOutput(node, outputs) : entry === null || entry.dtype === type ? -1 : 0;
    if (wrong >= 0) {
      this.refuseOutput(node, wrong, outputs);
      return;
    }
    this.sendAlong(node, iteration, outputs, dead);
    if (iteration.looping) this.nodeDone(iteration);
  }

  /** Index of the first output of another dtype than the node declares, or −1. */
  private wrongOutput(node: number, outputs: (Entry | null)[]): number {
    const types = this.executable.outputTypes[node]!;
    for (let i = 0; i < types.length; i++) {
      const entry = outputs[i]!;
      if (entry !== null && baseDtype(types[i]!) !== entry.dtype) return i;
    }
    return -1;
  }

  private sendAlong(node: number, iteration: Iteration, outputs: (Entry | null)[], dead: boolean): void {
    const { rows, edges } = this;
    const { pending } = iteration;
    const row = node * ROW;
    const end = rows[row + EDGES_END]!;
    let edge = rows[row + EDGES]!;
    // Tested at the end, so that a node with one edge, as most have, never jumps back: where every call of a short
    // function jumps back, V8 may enter its compiled loop from the uncompiled function for ever.
    if (edge < end) {
      do {
        const output = edges[edge + OUTPUT]!;
        const entry = output < 0 ? null : outputs[output >> 2]!;
        const isDead = dead || (output >= 0 && entry === null);
        if ((output & TO_MERGE) !== 0) {
          this.intoMerge(edge, iteration, entry, isDead);
        } else {
          const at = edges[edge + TARGET_LOCAL]!;
          if (entry !== null) {
            iteration.slots[edges[edge + TARGET_SLOT]!] = entry;
            if ((output & LAST_EDGE) === 0) entry.retain();
          }
          if (isDead) {
            iteration.sawDead = true;
            iteration.dead[at]!++;
          }
          if (--pending[at]! === 0) {
            const target = edges[edge + TARGET]!;
            if (iteration.sawDead && iteration.dead[at]! > 0) this.makeReadyDead(target, iteration);
            else this.makeReady(target, iteration);
          }
        }
        if ((output & LAST_EDGE) !== 0) outputs[output >> 2] = null;
        edge += EDGE;
      } while (edge < end);
    }
    if ((rows[row + FLAGS]! & HAS_UNUSED) !== 0) this.dropUnused(node, outputs);
  }

  private dropUnused(node: number, outputs: (Entry | null)[]): void {
    const unused = this.executable.unused[node]!;
    for (let i = 0; i < unused.length; i++) {
      const output = unused[i]!;
      outputs[output]?.release();
      outputs[output] = null;
    }
  }

  private makeReadyDead(node: number, iteration: Iteration): void {
    const kind = this.rows[node * ROW + KIND]!;
    if (kind === Kind.CONTROL_TRIGGER) this.makeReady(node, iteration);
    // A loop meets its dead exits at every turn: they have nothing to run.
    else if (kind === Kind.EXIT) iteration.exitDead(node);
    else this.makeReady(~node, iteration);
  }

  protected makeReady(code: number, iteration: Iteration): void {
    if (iteration.looping) iteration.outstandingNodes++;
    this.readyNodes[this.readyCount] = code;
    this.readyIterations[this.readyCount++] = iteration;
  }

  /**
   * A merge runs when its control inputs are there and the first live input is, or all inputs are dead.
   * Its count holds 2 for each control input missing and 1 while no live input came.
   */
  private intoMerge(edge: number, iteration: Iteration, entry: Entry | null, isDead: boolean): void {
    const { rows, edges } = this;
    const output = edges[edge + OUTPUT]!;
    const target = edges[edge + TARGET]!;
    const slot = edges[edge + TARGET_SLOT]!;
    const at = edges[edge + TARGET_LOCAL]!;
    const { pending, dead } = iteration;
    const inputs = rows[target * ROW + INPUTS]!;
    let ready: boolean;
    let isDeadMerge = false;
    if (output < 0) {
      pending[at]! -= 2;
      isDeadMerge = dead[at] === inputs;
      ready = pending[at] === 0 || (pending[at] === 1 && isDeadMerge);
    } else if (!isDead && entry !== null) {
      if ((pending[at]! & 1) === 0) {
        if ((output & LAST_EDGE) !== 0) entry.release();
        return;
      }
      iteration.slots[slot] = entry;
      if ((output & LAST_EDGE) === 0) entry.retain();
      pending[at]! -= 1;
      ready = pending[at] === 0;
    } else {
      iteration.sawDead = true;
      dead[at]!++;
      // A loop whose Enter is dead never begins: its merge must not wait for the next iteration.
      isDeadMerge = dead[at] === inputs || this.kindOfSource(target, slot) === Kind.ENTER;
      ready = pending[at] === 1 && isDeadMerge;
    }
    if (ready) this.makeReady(isDeadMerge ? ~target : target, iteration);
  }

  private kindOfSource(node: number, slot: number): number {
    const source = this.executable.inputSources[node]![slot - this.rows[node * ROW + SLOT]!]!;
    return this.rows[source * ROW + KIND]!;
  }

  private refuseOutput(node: number, index: number, outputs: (Entry | null)[]): void {
    const { executable } = this;
    const entry = outputs[index]!;
    const found = dtypeName(entry instanceof Tensor ? entry.dtype : makeRef(entry.dtype));
    const declared = dtypeName(executable.outputTypes[node]![index]!);
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
