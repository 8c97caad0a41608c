// Functions that run as nested activations: a call compiles the body once for its device, and runs it as a step of its
// own with the caller's services. Deep recursion goes over the event loop instead of the JavaScript stack.
import type { Device } from "../device/device.js";
import { InvalidArgumentError } from "../errors/index.js";
import type { BoundAttrs, FunctionBody, FunctionLibrary } from "../graph/function-library.js";
import type { CallDone, FunctionHandle } from "../kernel/kernel.js";
import type { Tensor } from "../tensor/tensor.js";
import { Executable, type KernelCache } from "./executable.js";
import { Step } from "./step.js";

/** Nested calls that may stand on the JavaScript stack at once. */
const STACKED_CALLS = 24;
/** Calls run back to back for this long. */
const SLICE_MS = 8;
/** A recursion without end must not eat the machine. */
const MAX_DEPTH = 10_000;

class Callee implements FunctionHandle {
  executable: Executable | null = null;

  constructor(
    readonly body: FunctionBody,
    readonly name: string,
  ) {}

  get inputTypes() {
    return this.body.argTypes;
  }

  get outputTypes() {
    return this.body.retTypes;
  }
}

/** The functions of one registered graph on one device. */
export class FunctionRuntime {
  readonly #callees = new Map<FunctionBody, Callee>();
  #sliceEnds = 0;

  constructor(
    readonly library: FunctionLibrary,
    readonly device: Device,
    readonly statefulKernels: KernelCache,
    /** Lowers and simplifies a body before it is compiled. */
    readonly prepareBody: (body: FunctionBody) => FunctionBody,
  ) {}

  handle(name: string, attrs: BoundAttrs): FunctionHandle {
    const body = this.library.instantiate(name, attrs);
    let callee = this.#callees.get(body);
    if (callee === undefined) {
      callee = new Callee(body, name);
      this.#callees.set(body, callee);
    }
    return callee;
  }

  /** Takes over one hold on each argument. */
  call(handle: FunctionHandle, args: readonly Tensor[], caller: Step, done: CallDone): void {
    const depth = caller.depth + 1;
    const callee = handle as Callee;
    try {
      const { reason } = caller.services.cancellation;
      if (reason !== null) throw reason;
      if (depth > MAX_DEPTH)
        throw new InvalidArgumentError(`Calls are nested more than ${MAX_DEPTH} deep, at function ${callee.name}`);
      if (args.length !== callee.inputTypes.length) {
        throw new InvalidArgumentError(`Expects ${callee.inputTypes.length} arguments, but ${args.length} is provided`);
      }
      callee.executable ??= new Executable(this.prepareBody(callee.body).graph, {
        device: this.device,
        functions: this,
        statefulKernels: this.statefulKernels,
        scope: `${callee.body.key}/`,
      });
    } catch (error) {
      for (const arg of args) arg.release();
      done(error as Error, []);
      return;
    }
    const { now, yieldThen } = caller.services;
    const isStackFull = depth % STACKED_CALLS === 0;
    // A call may end its caller, that one its own: what went down over the event loop comes back over it.
    const ended: CallDone = isStackFull ? (error, outputs) => yieldThen(() => done(error, outputs)) : done;
    const step = new Step(callee.executable, caller.services, args, ended, depth);
    // A loop of calls must not keep the event loop from serving others.
    if (isStackFull || now() > this.#sliceEnds) {
      yieldThen(() => {
        this.#sliceEnds = now() + SLICE_MS;
        step.start();
      });
    } else step.start();
  }

  close(): void {
    for (const { executable } of this.#callees.values()) executable?.close();
    this.#callees.clear();
  }
}
