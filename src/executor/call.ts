// One call of a kernel, as the kernel sees it. The executor reuses one Call as its cursor for all calls that finish at
// once; a call that suspends itself takes its inputs along and becomes the open activation, and the executor goes on
// with another cursor.
import { FailedPreconditionError, InternalError, InvalidArgumentError } from "../errors/index.js";
import type { FileSystem } from "../io/file-system.js";
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { StepCollectives } from "../kernel/collective.js";
import type { Activation, CallDone, FunctionHandle, KernelDevice, RefVariable } from "../kernel/kernel.js";
import type { StepRendezvous } from "../kernel/rendezvous.js";
import type { ResourceStore, StepResources, StepTensors } from "../kernel/resource.js";
import type { Heap } from "../memory/heap.js";
import { baseDtype, type DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape } from "../tensor/shape.js";
import { allocateTensor, exhausted, Tensor, tensorOfValues, type Value } from "../tensor/tensor.js";
import type { Entry, Iteration } from "./frames.js";
import type { Step } from "./step.js";

export class Call implements Activation {
  /** The node being called, its iteration, and where its inputs are. */
  node = 0;
  iteration!: Iteration;
  inputs!: (Entry | null)[];
  base = 0;
  inputCount = 0;
  /** Base dtype of its only output; −1 if the node has several. */
  outputType = -1;
  /** Results so far; as long as the widest node of the graph. */
  readonly outputs: (Entry | null)[];
  suspended = false;
  finished = false;
  error: unknown = null;
  /** Clock at the call's start, for traces. */
  startedAt = 0;
  readonly heap: Heap;
  readonly device: KernelDevice;

  constructor(readonly step: Step) {
    this.outputs = new Array<Entry | null>(step.executable.maxOutputs).fill(null);
    this.device = step.executable.device;
    this.heap = this.device.heap;
  }

  get nodeName(): string {
    return this.step.executable.names[this.node]!;
  }

  get opName(): string {
    return this.step.executable.ops[this.node]!;
  }

  input(index: number): Tensor {
    const entry = this.inputs[this.base + index]!;
    if (entry instanceof Tensor) return entry;
    if (entry === null) throw new InternalError(`Input ${index} of ${this.nodeName} was taken already`);
    if (entry.value === null) throw uninitialized(entry.name);
    return entry.value;
  }

  inputRef(index: number): RefVariable {
    const entry = this.inputs[this.base + index]!;
    if (entry === null || entry instanceof Tensor) {
      throw new InvalidArgumentError(`Input ${index} of ${this.nodeName} is not a reference`);
    }
    return entry;
  }

  hasInput(index: number): boolean {
    const entry = this.inputs[this.base + index]!;
    return entry !== null && (entry instanceof Tensor || entry.value !== null);
  }

  takeInput(index: number): Tensor {
    const tensor = this.input(index);
    const at = this.base + index;
    if (this.inputs[at] === tensor) this.inputs[at] = null;
    else tensor.retain();
    return tensor;
  }

  allocate(dtype: DataType, shape: Shape): Tensor {
    return allocateTensor(this.device.allocator, dtype, shape) ?? this.#exhausted(dtype, shape);
  }

  tensorOf(dtype: DataType, shape: Shape, values: readonly Value[]): Tensor {
    return tensorOfValues(this.device.allocator, dtype, shape, values) ?? this.#exhausted(dtype, shape);
  }

  allocateOutput(index: number, shape: Shape): Tensor {
    const tensor = this.allocate(this.#outputType(index), shape);
    this.outputs[index] = tensor;
    return tensor;
  }

  forward(input: number, output: number, shape: Shape): Tensor | null {
    const at = this.base + input;
    const entry = this.inputs[at]!;
    if (!(entry instanceof Tensor) || !entry.exclusive) return null;
    const dtype = this.#outputType(output);
    if (entry.dtype === dtype && sameShape(entry.shape, shape)) {
      this.inputs[at] = null;
      this.outputs[output] = entry;
      return entry;
    }
    if (dtypeSize(entry.dtype) !== dtypeSize(dtype) || entry.size !== numElements(shape)) return null;
    // The input stays in its slot (the kernel may still ask for its shape); both share the block until it is let go.
    const tensor = entry.share(shape, dtype);
    this.outputs[output] = tensor;
    return tensor;
  }

  forwardOrAllocate(input: number, output: number, shape: Shape): Tensor {
    return this.forward(input, output, shape) ?? this.allocateOutput(output, shape);
  }

  setOutput(index: number, tensor: Tensor): void {
    this.outputs[index] = tensor;
  }

  forwardInput(input: number, output: number): void {
    const entry = this.inputs[this.base + input]!;
    entry!.retain();
    this.outputs[output] = entry;
  }

  setOutputRef(index: number, variable: RefVariable): void {
    this.outputs[index] = variable;
  }

  get stepId(): bigint {
    return this.step.services.stepId;
  }

  get frameIter(): string {
    return `${this.iteration.frame.id}:${this.iteration.index}`;
  }

  get rendezvous(): StepRendezvous {
    return this.step.services.rendezvous;
  }

  get collectives(): StepCollectives | null {
    return this.step.services.collectives;
  }

  get resources(): ResourceStore {
    return this.step.services.resources;
  }

  get stepResources(): StepResources {
    return this.step.services.stepResources;
  }

  get tensors(): StepTensors | null {
    return this.step.services.tensors;
  }

  get cancellation(): CancellationSignal {
    return this.step.services.cancellation;
  }

  get files(): FileSystem | null {
    return this.step.services.files;
  }

  log(text: string): void {
    this.step.services.log(text);
  }

  suspend(): Activation {
    if (!this.suspended) this.step.detach(this);
    return this;
  }

  call(callee: FunctionHandle, args: readonly Tensor[], done: CallDone): void {
    this.step.callFunction(callee, args, done);
  }

  done(): void {
    this.#finish(null);
  }

  fail(error: unknown): void {
    this.#finish(error ?? new InternalError(`${this.nodeName} failed without an error`));
  }

  /** Lets go of inputs that the kernel left. */
  releaseInputs(): void {
    const { base, inputCount } = this;
    // Straight on for most nodes: see `sendAlong` about loops that are short.
    if (inputCount > 0) this.#releaseInput(base);
    if (inputCount > 1) this.#releaseInput(base + 1);
    for (let i = 2; i < inputCount; i++) this.#releaseInput(base + i);
  }

  #releaseInput(at: number): void {
    const entry = this.inputs[at]!;
    if (entry === null) return;
    this.inputs[at] = null;
    entry.release();
  }

  releaseOutputs(): void {
    for (let i = 0; i < this.outputs.length; i++) {
      this.outputs[i]?.release();
      this.outputs[i] = null;
    }
  }

  #outputType(index: number): DataType {
    // A graph has lists of types by the thousand: where one number does, the list would be read from cold memory.
    const { outputType } = this;
    return outputType < 0 ? baseDtype(this.step.executable.outputTypes[this.node]![index]!) : outputType;
  }

  #finish(error: unknown): void {
    if (this.finished) return;
    this.finished = true;
    this.error = error;
    this.step.completed(this);
  }

  #exhausted(dtype: DataType, shape: Shape): never {
    exhausted(dtype, shape, ` on ${this.device.name} by allocator cpu`);
  }
}

export const uninitialized = (name: string): Error =>
  new FailedPreconditionError(`Attempting to use uninitialized value ${name}`);
