// One run of an Executable: a loop over a stack of ready nodes. Kernels run back to back; nothing in the loop makes a
// promise, a closure or a map look-up for a node. Frames, iterations and dead tensors follow TensorFlow's executor.
// A step ends when nothing is ready and no call is open; a failed step first waits for its open calls.
import { InternalError, InvalidArgumentError, toOpError } from "../errors/index.js";
import type { FileSystem } from "../io/file-system.js";
import type { Cancellation } from "../kernel/cancellation.js";
import type { StepCollectives } from "../kernel/collective.js";
import { type CallDone, type Compute, type FunctionHandle, PENDING } from "../kernel/kernel.js";
import type { StepRendezvous } from "../kernel/rendezvous.js";
import type { ResourceStore, StepResources, StepTensors } from "../kernel/resource.js";
import { copyTensor } from "../tensor/copy.js";
import { DataType, isRef } from "../tensor/dtype.js";
import { SCALAR, type Shape, shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { Call, uninitialized } from "./call.js";
import { withExactNumbers } from "./exact-numbers.js";
import { type Executable, withNode } from "./executable.js";
import { Flow } from "./flow.js";
import { type Entry, Frame, type Iteration } from "./frames.js";
import type { FunctionRuntime } from "./functions.js";
import * as layout from "./layout.js";
import { passedOn } from "./passed-on.js";

// V8 knows the value of a module's own constant, but loads and checks an imported one at each use.
const { ALLOWS_UNINITIALIZED, FLAGS, GIVES_INDEX, INPUTS, KIND, Kind, OUTPUT_TYPE, READS_REFS, ROW, SLOT } = layout;

/** What a step needs from outside; one object serves the step and all functions that it calls. */
export interface StepServices {
  readonly stepId: bigint;
  readonly rendezvous: StepRendezvous;
  readonly collectives: StepCollectives | null;
  readonly resources: ResourceStore;
  readonly stepResources: StepResources;
  readonly tensors: StepTensors | null;
  readonly cancellation: Cancellation;
  readonly functions: FunctionRuntime;
  readonly files: FileSystem | null;
  readonly log: (text: string) => void;
  /** Runs a function soon, after the event loop served others. */
  readonly yieldThen: (resume: () => void) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Told of each finished node when a trace was asked for. */
  readonly trace: NodeTrace | null;
}

/** @param outputs what a kernel made, or what a node of control flow handed on; `null` for what has none */
export type NodeTrace = (
  executable: Executable,
  node: number,
  startMs: number,
  endMs: number,
  outputs: readonly (Entry | null)[] | null,
) => void;

export type StepDone = (error: Error | null, results: readonly Tensor[]) => void;

/** The loop gives way to the event loop after this long; it looks at the clock every 32 nodes. */
const SLICE_MS = 8;
const CLOCK_MASK = 31;
/** The shape of a dead tensor. */
const EMPTY: Shape = [0];
const NO_TENSORS: readonly Tensor[] = [];

export class Step extends Flow {
  readonly #root: Frame;
  readonly #results: (Tensor | null)[];
  #open = 0;
  #running = false;
  #yielding = false;
  #ended = false;
  #error: Error | null = null;
  #cursor: Call;
  readonly #compute: readonly (Compute | null)[];
  readonly #trace: NodeTrace | null;

  constructor(
    executable: Executable,
    readonly services: StepServices,
    /** Held once each by the step, for `_Arg` nodes. */
    readonly args: readonly Tensor[],
    readonly onDone: StepDone,
    readonly depth = 0,
  ) {
    super(executable);
    this.#root = new Frame(executable.frames[0]!, null);
    this.#results = new Array<Tensor | null>(executable.retvalCount).fill(null);
    this.#cursor = new Call(this);
    this.#compute = executable.compute;
    this.#trace = services.trace;
  }

  start(): void {
    const root = this.#root.iterations[0]!;
    const { roots } = this.executable;
    for (let i = 0; i < roots.length; i++) this.makeReady(roots[i]!, root);
    this.#loop();
  }

  /** Stops the step: nodes not yet begun never run, open calls are told by the step's cancellation. */
  fail(error: unknown): void {
    this.stop(toOpError(error));
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
    if (call.error !== null) this.#refuse(call, call.error);
    else this.#finish(call, false);
    if (!this.#running) this.#loop();
  }

  callFunction(callee: FunctionHandle, args: readonly Tensor[], done: CallDone): void {
    this.services.functions.call(callee, args, this, done);
  }

  #loop(): void {
    if (this.#running || this.#yielding) return;
    this.#running = true;
    const { rows, services, readyNodes, readyIterations } = this;
    const deadline = services.now() + SLICE_MS;
    let ticks = 0;
    while (this.readyCount > 0) {
      const code = readyNodes[--this.readyCount]!;
      const iteration = readyIterations[this.readyCount]!;
      if (this.#error !== null) continue;
      if (code < 0) this.#runDead(~code, iteration);
      else if (rows[code * ROW + KIND] === Kind.KERNEL) this.#runKernel(code, iteration);
      else if (this.#trace === null) this.#runControl(code, iteration, false);
      else this.#traceControl(code, iteration, this.#trace);
      if ((++ticks & CLOCK_MASK) === 0 && services.now() > deadline && this.readyCount > 0) {
        this.#giveWay();
        return;
      }
    }
    this.#running = false;
    if (this.#open === 0 && !this.#ended) this.#end();
  }

  // What the loop seldom does stands apart: V8 compiles into the loop what is short enough.

  #giveWay(): void {
    this.#running = false;
    this.#yielding = true;
    this.services.yieldThen(() => {
      this.#yielding = false;
      // A function isn't told of its step's end, and who called it waits for it: a loop in it might turn for ever.
      const { reason } = this.services.cancellation;
      if (reason !== null) this.stop(toOpError(reason));
      this.#loop();
    });
  }

  #traceControl(node: number, iteration: Iteration, trace: NodeTrace): void {
    const { executable, services } = this;
    const startedAt = services.now();
    const handed = passedOn(executable, node, iteration);
    handed?.entry.retain();
    this.#runControl(node, iteration, false);
    const kind = this.rows[node * ROW + KIND]!;
    const outputs =
      handed === null ? null : executable.outputTypes[node]!.map((_, i) => (i === handed.slot ? handed.entry : null));
    if (kind !== Kind.SEND && kind !== Kind.RECV) trace(executable, node, startedAt, services.now(), outputs);
    handed?.entry.release();
  }

  #refuse(call: Call, error: unknown): void {
    const exact = withExactNumbers(error, call);
    call.releaseInputs();
    call.releaseOutputs();
    this.stop(this.#named(exact, call.node));
  }

  #runKernel(node: number, iteration: Iteration): void {
    const { rows } = this;
    const call = this.#cursor;
    const row = node * ROW;
    call.node = node;
    call.iteration = iteration;
    call.inputs = iteration.slots;
    call.base = rows[row + SLOT]!;
    call.inputCount = rows[row + INPUTS]!;
    call.outputType = rows[row + OUTPUT_TYPE]!;
    if (this.#trace !== null) call.startedAt = this.services.now();
    try {
      if ((rows[row + FLAGS]! & READS_REFS) !== 0) this.#readRefs(call);
      if (this.#compute[node]!(call) === PENDING) {
        if (!call.suspended) throw new InternalError(`${call.opName} is pending but did not suspend`);
        return;
      }
    } catch (error) {
      if (call.suspended) call.fail(error);
      else this.#refuse(call, error);
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
        if ((this.rows[call.node * ROW + FLAGS]! & ALLOWS_UNINITIALIZED) !== 0) continue;
        throw uninitialized(executable.sourceNames[call.node]![i]!);
      }
      call.inputs[call.base + i] = entry.value.retain();
    }
  }

  /** After a call: passes the outputs on, lets go of the inputs. */
  #finish(call: Call, dead: boolean): void {
    const { node, iteration } = call;
    // Transfers leave no trace, as in TensorFlow.
    if (this.#trace !== null && this.rows[node * ROW + KIND] === Kind.KERNEL)
      this.#trace(this.executable, node, call.startedAt, this.services.now(), call.outputs);
    call.releaseInputs();
    this.propagate(node, iteration, call.outputs, dead);
  }

  /** A node whose inputs are dead doesn't run: its outputs are dead. Transfers run all the same. */
  #runDead(node: number, iteration: Iteration): void {
    const row = node * ROW;
    const kind = this.rows[row + KIND]!;
    if (kind === Kind.SEND || kind === Kind.RECV) {
      this.#runControl(node, iteration, true);
      return;
    }
    const call = this.#cursor;
    call.node = node;
    call.iteration = iteration;
    call.inputs = iteration.slots;
    call.base = this.rows[row + SLOT]!;
    call.inputCount = this.rows[row + INPUTS]!;
    call.releaseInputs();
    if (kind === Kind.ENTER) {
      this.enter(node, iteration, null);
    } else if (kind === Kind.NEXT_ITERATION) {
      this.nodeDone(iteration);
    } else {
      this.propagate(node, iteration, call.outputs, true);
    }
  }

  /** Nodes that the executor runs itself: control flow, transfers, arguments and results. */
  #runControl(node: number, iteration: Iteration, dead: boolean): void {
    const { executable } = this;
    const { slots } = iteration;
    const base = this.rows[node * ROW + SLOT]!;
    const outputs = this.#cursor.outputs;
    try {
      switch (this.rows[node * ROW + KIND]) {
        case Kind.SWITCH: {
          const predicate = this.#take(node, slots, base + 1);
          const index = this.#boolean(predicate) ? 1 : 0;
          outputs[index] = this.#takeEntry(node, slots, base, 0);
          break;
        }
        case Kind.SWITCH_N: {
          const selector = this.#take(node, slots, base + 1);
          const count = executable.outputTypes[node]!.length;
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
          this.enter(node, iteration, this.#takeEntry(node, slots, base, 0));
          return;
        case Kind.EXIT:
          this.exit(node, iteration, this.#takeEntry(node, slots, base, 0));
          return;
        case Kind.NEXT_ITERATION:
          this.nextIteration(node, iteration, this.#takeEntry(node, slots, base, 0));
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
      this.stop(this.#named(error, node));
      return;
    }
    this.propagate(node, iteration, outputs, false);
  }

  /** Takes an input as a value. */
  #take(node: number, slots: (Entry | null)[], at: number): Tensor {
    const entry = slots[at]!;
    slots[at] = null;
    if (entry instanceof Tensor) return entry;
    const index = at - this.rows[node * ROW + SLOT]!;
    if (entry === null || entry.value === null) throw uninitialized(this.executable.sourceNames[node]![index]!);
    return entry.value.retain();
  }

  /** Takes an input as it is, unless the node wants the value of a variable. */
  #takeEntry(node: number, slots: (Entry | null)[], base: number, index: number): Entry {
    if ((this.rows[node * ROW + FLAGS]! & READS_REFS) !== 0 && !isRef(this.executable.inputTypes[node]![index]!)) {
      return this.#take(node, slots, base + index);
    }
    const entry = slots[base + index]!;
    slots[base + index] = null;
    return entry!;
  }

  #boolean(predicate: Tensor): boolean {
    if (predicate.shape.length > 0 || predicate.block === null) {
      predicate.release();
      throw new InvalidArgumentError(
        `The second input must be a scalar, but it has shape ${shapeString(predicate.shape)}`,
      );
    }
    const value = this.executable.device.heap.u8[predicate.ptr]! !== 0;
    predicate.release();
    return value;
  }

  #merge(node: number, iteration: Iteration): void {
    const { executable } = this;
    const base = this.rows[node * ROW + SLOT]!;
    const count = this.rows[node * ROW + INPUTS]!;
    const outputs = this.#cursor.outputs;
    for (let i = 0; i < count; i++) {
      if (iteration.slots[base + i] === null) continue;
      outputs[0] = this.#takeEntry(node, iteration.slots, base, i);
      // Which input it was is seldom asked for, and a loop passes here at every turn.
      if ((this.rows[node * ROW + FLAGS]! & GIVES_INDEX) !== 0) {
        const index = this.#cursor.allocate(DataType.INT32, SCALAR);
        executable.device.heap.i32[index.ptr >>> 2] = i;
        outputs[1] = index;
      }
      this.propagate(node, iteration, outputs, false);
      return;
    }
    this.stop(new InternalError(`${executable.names[node]}: merge node is live without a live input`));
  }

  #send(node: number, iteration: Iteration, dead: boolean): void {
    const { executable, services } = this;
    const key = this.#key(node, iteration);
    const base = this.rows[node * ROW + SLOT]!;
    if (dead || iteration.slots[base] === null) {
      iteration.slots[base]?.release();
      iteration.slots[base] = null;
      services.rendezvous.send(key, new Tensor(DataType.FLOAT, EMPTY, 0, 0, null, null), true);
      return;
    }
    const fromVariable = !(iteration.slots[base] instanceof Tensor);
    const tensor = this.#take(node, iteration.slots, base);
    services.rendezvous.send(key, fromVariable ? copyTensor(tensor, executable.device) : tensor, false);
  }

  #receive(node: number, iteration: Iteration): void {
    const { services } = this;
    const key = this.#key(node, iteration);
    const call = this.#cursor;
    call.node = node;
    call.iteration = iteration;
    call.inputs = iteration.slots;
    call.base = this.rows[node * ROW + SLOT]!;
    call.inputCount = 0;
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

  #key(node: number, { frame, index }: Iteration): string {
    const { keys, rootKeys } = this.executable;
    return frame.parent === null ? rootKeys[node]! : `${keys[node]}${frame.id}:${index}`;
  }

  // ---- ends ---------------------------------------------------------------------------------------------------

  #named(error: unknown, node: number): Error {
    const { names, origins } = this.executable;
    return withNode(toOpError(error), names[node]!, origins[node]);
  }

  protected stop(error: Error): void {
    if (this.#error !== null || this.#ended) return;
    this.#error = error;
    this.readyCount = 0;
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
