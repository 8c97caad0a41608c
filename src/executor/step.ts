// One run of an Executable: a loop over a stack of ready nodes. Kernels run back to back; nothing in the loop makes a
// promise, a closure or a map look-up for a node. Frames, iterations and dead tensors follow TensorFlow's executor.
// A step ends when nothing is ready and no call is open; a failed step first waits for its open calls.
import { InternalError, toOpError } from "../errors/index.js";
import type { Cancellation } from "../kernel/cancellation.js";
import { type CallDone, type FunctionHandle, PENDING } from "../kernel/kernel.js";
import type { StepRendezvous } from "../kernel/rendezvous.js";
import type { ResourceStore, StepResources } from "../kernel/resource.js";
import { copyTensor } from "../tensor/copy.js";
import { baseDtype, dtypeName, isRef } from "../tensor/dtype.js";
import { Tensor } from "../tensor/tensor.js";
import { Call, uninitialized } from "./call.js";
import { type Executable, Kind, LAST_EDGE, TO_MERGE, withNode } from "./executable.js";
import { type Entry, Frame, Iteration } from "./frames.js";
import type { FunctionRuntime } from "./functions.js";

/** What a step needs from outside; one object serves the step and all functions that it calls. */
export interface StepServices {
  readonly stepId: bigint;
  readonly rendezvous: StepRendezvous;
  readonly resources: ResourceStore;
  readonly stepResources: StepResources;
  readonly cancellation: Cancellation;
  readonly functions: FunctionRuntime;
  readonly log: (text: string) => void;
  /** Runs a function soon, after the event loop served others. */
  readonly yieldThen: (resume: () => void) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Told of each finished node when a trace was asked for. */
  readonly trace: NodeTrace | null;
}

export type NodeTrace = (executable: Executable, node: number, startMs: number, endMs: number) => void;

export type StepDone = (error: Error | null, results: readonly Tensor[]) => void;

/** The loop gives way to the event loop after this long; it looks at the clock every 16 nodes. */
const SLICE_MS = 8;
const CLOCK_MASK = 15;
const NO_TENSORS: readonly Tensor[] = [];

export class Step {
  readonly #readyNodes: number[] = [];
  readonly #readyIterations: Iteration[] = [];
  readonly #root: Frame;
  /** Frames alive, for cleaning up after a failure. */
  readonly #results: (Tensor | null)[];
  #open = 0;
  #running = false;
  #yielding = false;
  #ended = false;
  #error: Error | null = null;
  #cursor: Call;

  constructor(
    readonly executable: Executable,
    readonly services: StepServices,
    /** Held once each by the step, for `_Arg` nodes. */
    readonly args: readonly Tensor[],
    readonly onDone: StepDone,
    readonly depth = 0,
  ) {
    this.#root = new Frame(executable.frames[0]!, null);
    this.#results = new Array<Tensor | null>(executable.retvalCount).fill(null);
    this.#cursor = new Call(this);
  }

  start(): void {
    const root = this.#root.iterations[0]!;
    const { roots } = this.executable;
    for (let i = 0; i < roots.length; i++) {
      this.#readyNodes.push(roots[i]!);
      this.#readyIterations.push(root);
    }
    this.#loop();
  }

  /** Stops the step: nodes not yet begun never run, open calls are told by the step's cancellation. */
  fail(error: unknown): void {
    this.#fail(toOpError(error));
    if (!this.#running) this.#loop();
  }

  /** A call leaves the loop open: it keeps its inputs, the loop gets a new cursor. */
  detach(call: Call): void {
    call.suspended = true;
    const { inputs, base, inputCount } = call;
    const own: (Entry | null)[] = new Array(inputCount);
    for (let i = 0; i < inputCount; i++) {
      own[i] = inputs[base + i]!;
      inputs[base + i] = null;
    }
    call.inputs = own;
    call.base = 0;
    this.#open++;
    this.#cursor = new Call(this);
  }

  /** An open call finished. */
  completed(call: Call): void {
    this.#open--;
    const dead = call.error === null ? false : null;
    if (dead === null) {
      call.releaseInputs();
      call.releaseOutputs();
      this.#fail(this.#named(call.error, call.node));
    } else {
      this.#finish(call, false);
    }
    if (!this.#running) this.#loop();
  }

  callFunction(callee: FunctionHandle, args: readonly Tensor[], done: CallDone): void {
    this.services.functions.call(callee, args, this, done);
  }

  #loop(): void {
    if (this.#running || this.#yielding) return;
    this.#running = true;
    const { executable, services } = this;
    const nodes = this.#readyNodes;
    const iterations = this.#readyIterations;
    const deadline = services.now() + SLICE_MS;
    let ticks = 0;
    while (nodes.length > 0) {
      const code = nodes.pop()!;
      const iteration = iterations.pop()!;
      if (this.#error !== null) continue;
      if (code < 0) this.#runDead(~code, iteration);
      else if (executable.kind[code] === Kind.KERNEL) this.#runKernel(code, iteration);
      else this.#runControl(code, iteration, false);
      if ((++ticks & CLOCK_MASK) === 0 && services.now() > deadline && nodes.length > 0) {
        this.#running = false;
        this.#yielding = true;
        services.yieldThen(() => {
          this.#yielding = false;
          this.#loop();
        });
        return;
      }
    }
    this.#running = false;
    if (this.#open === 0 && !this.#ended) this.#end();
  }

  #runKernel(node: number, iteration: Iteration): void {
    const { executable, services } = this;
    const call = this.#cursor;
    call.node = node;
    call.iteration = iteration;
    call.inputs = iteration.slots;
    call.base = executable.inputStart[node]!;
    call.inputCount = executable.inputCount[node]!;
    const traced = services.trace !== null;
    if (traced) call.startedAt = services.now();
    try {
      if (executable.readsRefs[node] === 1) this.#readRefs(call);
      if (executable.compute[node]!(call) === PENDING) {
        if (!call.suspended) throw new InternalError(`${call.opName} is pending but did not suspend`);
        return;
      }
    } catch (error) {
      if (call.suspended) {
        call.fail(error);
        return;
      }
      call.releaseInputs();
      call.releaseOutputs();
      this.#fail(this.#named(error, node));
      return;
    }
    this.#finish(call, false);
  }

  /** Inputs that arrive as variables but are read as values: takes each variable's present value. */
  #readRefs(call: Call): void {
    const { executable } = this;
    const types = executable.inputTypes[call.node]!;
    for (let i = 0; i < call.inputCount; i++) {
      const entry = call.inputs[call.base + i]!;
      if (entry === null || entry instanceof Tensor || isRef(types[i]!)) continue;
      if (entry.value === null) {
        if (executable.allowsUninitialized[call.node] === 1) continue;
        throw uninitialized(executable.sourceNames[call.node]![i]!);
      }
      call.inputs[call.base + i] = entry.value.retain();
    }
  }

  /** After a call: passes the outputs on, lets go of the inputs. */
  #finish(call: Call, dead: boolean): void {
    const { executable, services } = this;
    const { node, iteration } = call;
    if (services.trace !== null) services.trace(executable, node, call.startedAt, services.now());
    call.releaseInputs();
    this.#propagate(node, iteration, call.outputs, dead);
  }

  /** A node whose inputs are dead doesn't run: its outputs are dead. Transfers run all the same. */
  #runDead(node: number, iteration: Iteration): void {
    const { executable } = this;
    const kind = executable.kind[node]!;
    if (kind === Kind.SEND || kind === Kind.RECV) {
      this.#runControl(node, iteration, true);
      return;
    }
    const call = this.#cursor;
    call.node = node;
    call.iteration = iteration;
    call.inputs = iteration.slots;
    call.base = executable.inputStart[node]!;
    call.inputCount = executable.inputCount[node]!;
    call.releaseInputs();
    if (kind === Kind.EXIT && iteration.frame.parent !== null) {
      // Only the last iteration's dead exits count: the loop may still turn and leave through them alive.
      if (iteration.index === iteration.frame.newest) iteration.frame.deadExits.push(node);
      this.#nodeDone(iteration);
    } else if (kind === Kind.ENTER) {
      this.#enter(node, iteration, null);
    } else if (kind === Kind.NEXT_ITERATION) {
      this.#nodeDone(iteration);
    } else {
      this.#propagate(node, iteration, call.outputs, true);
    }
  }

  /** Nodes that the executor runs itself: control flow, transfers, arguments and results. */
  #runControl(node: number, iteration: Iteration, dead: boolean): void {
    const { executable } = this;
    const { slots } = iteration;
    const base = executable.inputStart[node]!;
    const outputs = this.#cursor.outputs;
    try {
      switch (executable.kind[node]) {
        case Kind.SWITCH: {
          const predicate = this.#take(node, slots, base + 1);
          const index = this.#boolean(predicate, node) ? 1 : 0;
          outputs[index] = this.#takeEntry(node, slots, base, 0);
          break;
        }
        case Kind.SWITCH_N: {
          const selector = this.#take(node, slots, base + 1);
          const count = executable.outputCount[node]!;
          const chosen = selector.block === null ? 0 : executable.device.heap.i32[selector.ptr >>> 2]!;
          selector.release();
          outputs[chosen < 0 || chosen >= count ? count - 1 : chosen] = this.#takeEntry(node, slots, base, 0);
          break;
        }
        case Kind.MERGE: {
          this.#merge(node, iteration);
          return;
        }
        case Kind.ENTER:
          this.#enter(node, iteration, this.#takeEntry(node, slots, base, 0));
          return;
        case Kind.EXIT:
          this.#exit(node, iteration, this.#takeEntry(node, slots, base, 0));
          return;
        case Kind.NEXT_ITERATION:
          this.#nextIteration(node, iteration, this.#takeEntry(node, slots, base, 0));
          return;
        case Kind.LOOP_COND:
          outputs[0] = this.#takeEntry(node, slots, base, 0);
          break;
        case Kind.SEND:
          this.#send(node, iteration, dead);
          break;
        case Kind.RECV:
          this.#receive(node, iteration);
          return;
        case Kind.ARG: {
          const value = this.args[executable.aux[node]!];
          if (value === undefined)
            throw new InternalError(`No argument ${executable.aux[node]} for ${executable.names[node]}`);
          outputs[0] = value.retain();
          break;
        }
        case Kind.RETVAL: {
          const index = executable.aux[node]!;
          this.#results[index]?.release();
          this.#results[index] = this.#take(node, slots, base);
          break;
        }
        case Kind.NO_OP:
          break;
      }
    } catch (error) {
      this.#cursor.releaseOutputs();
      this.#fail(this.#named(error, node));
      return;
    }
    this.#propagate(node, iteration, outputs, false);
  }

  /** Takes an input as a value. */
  #take(node: number, slots: (Entry | null)[], at: number): Tensor {
    const entry = slots[at]!;
    slots[at] = null;
    if (entry instanceof Tensor) return entry;
    const index = at - this.executable.inputStart[node]!;
    if (entry === null || entry.value === null) throw uninitialized(this.executable.sourceNames[node]![index]!);
    return entry.value.retain();
  }

  /** Takes an input as it is, unless the node wants the value of a variable. */
  #takeEntry(node: number, slots: (Entry | null)[], base: number, index: number): Entry {
    if (this.executable.readsRefs[node] === 1 && !isRef(this.executable.inputTypes[node]![index]!)) {
      return this.#take(node, slots, base + index);
    }
    const entry = slots[base + index]!;
    slots[base + index] = null;
    return entry!;
  }

  #boolean(predicate: Tensor, node: number): boolean {
    if (predicate.size !== 1 || predicate.block === null) {
      predicate.release();
      throw new InternalError(`The predicate of ${this.executable.names[node]} must be a scalar`);
    }
    const value = this.executable.device.heap.u8[predicate.ptr]! !== 0;
    predicate.release();
    return value;
  }

  #merge(node: number, iteration: Iteration): void {
    const { executable } = this;
    const base = executable.inputStart[node]!;
    const count = executable.inputCount[node]!;
    const outputs = this.#cursor.outputs;
    for (let i = 0; i < count; i++) {
      if (iteration.slots[base + i] === null) continue;
      outputs[0] = this.#takeEntry(node, iteration.slots, base, i);
      const index = this.#cursor.allocate(3, []);
      executable.device.heap.i32[index.ptr >>> 2] = i;
      outputs[1] = index;
      this.#propagate(node, iteration, outputs, false);
      return;
    }
    this.#fail(new InternalError(`${executable.names[node]}: merge node is live without a live input`));
  }

  #send(node: number, iteration: Iteration, dead: boolean): void {
    const { executable, services } = this;
    const key = executable.keys[node]! + this.#frameIter(iteration);
    const base = executable.inputStart[node]!;
    if (dead || iteration.slots[base] === null) {
      iteration.slots[base]?.release();
      iteration.slots[base] = null;
      services.rendezvous.send(key, new Tensor(1, [0], 0, 0, null, null), true);
      return;
    }
    const fromVariable = !(iteration.slots[base] instanceof Tensor);
    const tensor = this.#take(node, iteration.slots, base);
    services.rendezvous.send(key, fromVariable ? copyTensor(tensor, executable.device) : tensor, false);
  }

  #receive(node: number, iteration: Iteration): void {
    const { executable, services } = this;
    const key = executable.keys[node]! + this.#frameIter(iteration);
    const call = this.#cursor;
    call.node = node;
    call.iteration = iteration;
    call.inputs = iteration.slots;
    call.base = executable.inputStart[node]!;
    call.inputCount = 0;
    if (services.trace !== null) call.startedAt = services.now();
    this.detach(call);
    services.rendezvous.receive(key, (error, tensor, dead) => {
      if (call.finished) {
        tensor?.release();
        return;
      }
      if (error !== null) {
        call.fail(error);
      } else if (dead) {
        tensor?.release();
        call.finished = true;
        this.#open--;
        this.#finish(call, true);
        if (!this.#running) this.#loop();
      } else {
        call.setOutput(0, tensor!);
        call.done();
      }
    });
  }

  #frameIter(iteration: Iteration): string {
    const { frame } = iteration;
    return frame.parent === null ? "0:0" : `${frame.id}:${iteration.index}`;
  }

  // ---- frames -------------------------------------------------------------------------------------------------

  #enter(node: number, iteration: Iteration, entry: Entry | null): void {
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
        this.#deliver(node, frame.iterations[i]!, entry);
      }
    } else {
      this.#deliver(node, first, entry);
    }
    frame.missingInputs--;
    this.#nodeDone(iteration);
    this.#cleanUp(frame);
  }

  #exit(node: number, iteration: Iteration, entry: Entry): void {
    const { parent } = iteration.frame;
    this.#deliver(node, parent!, entry);
    this.#nodeDone(iteration);
  }

  #nextIteration(node: number, iteration: Iteration, entry: Entry): void {
    const { frame } = iteration;
    if (iteration.index === frame.newest) {
      if (frame.iterations.length >= frame.plan.frame.parallelIterations) {
        frame.waiting.push({ node, entry });
        this.#nodeDone(iteration);
        return;
      }
      this.#newIteration(frame);
    }
    this.#deliver(node, frame.iteration(iteration.index + 1)!, entry);
    this.#nodeDone(iteration);
  }

  #newIteration(frame: Frame): Iteration {
    frame.newest++;
    frame.deadExits.length = 0;
    const next = Iteration.take(frame.plan, frame, frame.newest);
    frame.iterations.push(next);
    for (const { node, entry } of frame.invariants) {
      entry?.retain();
      this.#deliver(node, next, entry);
    }
    return next;
  }

  /** A node of a loop is through: its iteration may be over, and with it the frame. */
  #nodeDone(iteration: Iteration): void {
    const { frame } = iteration;
    if (frame.parent === null) return;
    iteration.outstandingNodes--;
    this.#cleanUp(frame);
  }

  #cleanUp(frame: Frame): void {
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
        const next = this.#newIteration(frame);
        for (const { node, entry } of waiting) this.#deliver(node, next, entry);
      }
    }
    if (frame.missingInputs === 0) this.#frameDone(frame);
  }

  #frameDone(frame: Frame): void {
    frame.done = true;
    const parent = frame.parent!;
    for (const { entry } of frame.invariants) entry?.release();
    for (const node of frame.deadExits) this.#deliver(node, parent, null);
    parent.removeChild(frame);
    this.#cleanUp(parent.frame);
  }

  // ---- edges --------------------------------------------------------------------------------------------------

  /** Passes one entry (dead if `null`) along all edges of a node with one output, into a given iteration. */
  #deliver(node: number, iteration: Iteration, entry: Entry | null): void {
    const outputs = this.#single;
    outputs[0] = entry;
    this.#send1(node, iteration, outputs, entry === null);
  }

  readonly #single: (Entry | null)[] = [null];

  #propagate(node: number, iteration: Iteration, outputs: (Entry | null)[], dead: boolean): void {
    const { executable } = this;
    const types = executable.outputTypes[node]!;
    for (let i = 0; i < types.length; i++) {
      const entry = outputs[i]!;
      if (entry !== null && baseDtype(types[i]!) !== entry.dtype) {
        this.#cursorFailure(node, i, outputs);
        return;
      }
    }
    this.#send1(node, iteration, outputs, dead);
    this.#nodeDone(iteration);
  }

  #send1(node: number, iteration: Iteration, outputs: (Entry | null)[], dead: boolean): void {
    const { executable } = this;
    const { edgeStart, edgeOutput, edgeTarget, edgeSlot, edgeFlags, local } = executable;
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
        this.#intoMerge(e, iteration, entry, isDead, looping);
      } else {
        const at = local[target]!;
        if (entry !== null) slots[edgeSlot[e]!] = (flags & LAST_EDGE) !== 0 ? entry : retained(entry);
        if (isDead) {
          iteration.sawDead = true;
          iteration.dead[at]!++;
        }
        if (--pending[at]! === 0) {
          if (looping) iteration.outstandingNodes++;
          this.#readyNodes.push(iteration.sawDead && iteration.dead[at]! > 0 ? ~target : target);
          this.#readyIterations.push(iteration);
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
  #intoMerge(e: number, iteration: Iteration, entry: Entry | null, isDead: boolean, looping: boolean): void {
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
    this.#readyNodes.push(isDeadMerge ? ~target : target);
    this.#readyIterations.push(iteration);
  }

  // ---- ends ---------------------------------------------------------------------------------------------------

  #cursorFailure(node: number, index: number, outputs: (Entry | null)[]): void {
    const { executable } = this;
    const found = dtypeName(outputs[index]!.dtype);
    const declared = dtypeName(baseDtype(executable.outputTypes[node]![index]!));
    for (let i = 0; i < outputs.length; i++) {
      outputs[i]?.release();
      outputs[i] = null;
    }
    this.#fail(
      new InternalError(
        `Output ${index} of type ${found} does not match declared output type ${declared} for node ` +
          `{{node ${executable.names[node]}}}`,
      ),
    );
  }

  #named(error: unknown, node: number): Error {
    return withNode(toOpError(error), this.executable.names[node]!);
  }

  #fail(error: Error): void {
    if (this.#error !== null || this.#ended) return;
    this.#error = error;
    this.#readyNodes.length = 0;
    this.#readyIterations.length = 0;
    // A nested function shares its caller's cancellation: the caller decides whether its failure ends the step.
    if (this.depth === 0) this.services.cancellation.cancel(error);
  }

  #end(): void {
    this.#ended = true;
    this.#discard(this.#root);
    for (const arg of this.args) arg.release();
    const results = this.#results;
    const error = this.#error ?? this.#missingResult();
    if (error !== null) {
      for (const result of results) result?.release();
      this.onDone(error, NO_TENSORS);
    } else {
      this.onDone(null, results as Tensor[]);
    }
  }

  #missingResult(): Error | null {
    const index = this.#results.indexOf(null);
    return index < 0 ? null : new InternalError(`Retval[${index}] does not have value`);
  }

  /** Gives back all iterations of a frame and of the frames inside it, with what still waits in them. */
  #discard(frame: Frame): void {
    const frames = [frame];
    for (let next = frames.pop(); next !== undefined; next = frames.pop()) {
      for (const { entry } of next.waiting) entry?.release();
      if (!next.done) for (const { entry } of next.invariants) entry?.release();
      for (const iteration of next.iterations) {
        frames.push(...iteration.children);
        iteration.give();
      }
      next.iterations.length = 0;
    }
  }
}

function retained(entry: Entry): Entry {
  entry.retain();
  return entry;
}

function sourceOf(executable: Executable, node: number, slot: number): number {
  return executable.inputSources[node]![slot - executable.inputStart[node]!]!;
}
