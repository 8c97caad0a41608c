// What a kernel is, and what a running step offers it. Interfaces only: the executor implements the step, devices
// and plug-ins bring kernels. A kernel is prepared once per node (attributes are read then), and called once per run.
import type { FileSystem } from "../io/file-system.js";
import type { Allocator } from "../memory/allocator.js";
import type { Heap } from "../memory/heap.js";
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Tensor, Value } from "../tensor/tensor.js";
import type { AttrValue } from "../wire/core.js";
import type { CancellationSignal } from "./cancellation.js";
import type { StepCollectives } from "./collective.js";
import type { StepRendezvous } from "./rendezvous.js";
import type { ResourceStore, StepResources, StepTensors } from "./resource.js";

/** The call is finished and its outputs are set. */
export const DONE = 0;
/** The call suspended itself (`step.suspend()`) and will finish its activation later, exactly once. */
export const PENDING = 1;
export type Status = typeof DONE | typeof PENDING;

/** One call of a kernel. `step` is a cursor: valid only until the call returns. Throws `OpError`s. */
export type Compute = (step: KernelStep) => Status;

/** A kernel as a manifest lists it: which op on which device type, for which values of the op's type attributes. */
export interface Kernel {
  readonly op: string;
  readonly device: string;
  /** Attribute name → dtype names (`"float"`); an attribute that isn't named is unconstrained. */
  readonly types: Readonly<Record<string, readonly string[]>>;
  /** Reads attributes, returns the call. State of one call must not be kept in the closure: steps overlap. */
  readonly prepare: (node: KernelNode) => Compute;
  /** Names of outputs and inputs that live in host memory whatever the device. */
  readonly hostMemory: readonly string[];
}

export function kernel(
  op: string,
  device: string,
  types: Kernel["types"],
  prepare: Kernel["prepare"],
  hostMemory: readonly string[] = [],
): Kernel {
  return { op, device, types, prepare, hostMemory };
}

/**
 * A node as its kernel sees it when it is prepared (TensorFlow's `OpKernelConstruction`). Nodes of a stateless op that
 * have the same attributes share a kernel, unless it asks for names while it is prepared: a call asks `step.nodeName`.
 */
export interface KernelNode {
  readonly name: string;
  readonly op: string;
  readonly device: KernelDevice;
  /** Base dtypes plus 100 for references, one per flattened input and output. */
  readonly inputTypes: readonly DataType[];
  readonly outputTypes: readonly DataType[];
  /** What the graph calls a flattened input: `node` or `node:1`. */
  inputName(index: number): string;
  /** First flattened input (or output) of the argument and how many it spans: for list arguments. */
  inputRange(argument: string): readonly [start: number, count: number];
  outputRange(argument: string): readonly [start: number, count: number];
  has(attr: string): boolean;
  attr(name: string): AttrValue;
  int(name: string): number;
  bigint(name: string): bigint;
  float(name: string): number;
  bool(name: string): boolean;
  /** UTF-8 text of a bytes attribute. */
  string(name: string): string;
  bytes(name: string): Uint8Array;
  type(name: string): DataType;
  /** Dimensions, −1 where unknown; `null` for an unknown rank. */
  shape(name: string): Shape | null;
  ints(name: string): number[];
  floats(name: string): number[];
  strings(name: string): string[];
  types(name: string): DataType[];
  shapes(name: string): (Shape | null)[];
  /** The function that a `func` attribute names, instantiated with its attributes. */
  func(name: string): FunctionHandle;
  funcs(name: string): FunctionHandle[];
  /** The value of a `tensor` attribute in the device's heap; the caller holds it for as long as the kernel lives. */
  tensor(name: string): Tensor;
  /** A numeric scalar in the device's heap, held as long as the kernel lives. */
  tensorOf(dtype: DataType, value: number): Tensor;
  /** Called when the kernel is let go: with its plan, or (of stateful ops) with its session. */
  onClose(release: () => void): void;
}

/** An instantiated function; only `step.call` can look inside. */
export interface FunctionHandle {
  readonly name: string;
  readonly inputTypes: readonly DataType[];
  readonly outputTypes: readonly DataType[];
}

/** What a device gives to its kernels. Plug-ins extend it with what theirs need. */
export interface KernelDevice {
  /** Full name: `/job:worker/replica:0/task:0/device:CPU:0`. */
  readonly name: string;
  readonly type: string;
  readonly heap: Heap;
  readonly allocator: Allocator;
}

/** What a variable looks like to the executor and to ref-typed edges. `src/resources/` has the class. */
export interface RefVariable {
  readonly name: string;
  readonly dtype: DataType;
  /** The current value, held by the variable; `null` while uninitialized. */
  value: Tensor | null;
  /** Edges hold what they carry; a variable lives with its container, so for it both do nothing. */
  retain(): unknown;
  release(): void;
}

/** What a call gets: inputs in, outputs out, and the services of its step (TensorFlow's `OpKernelContext`). */
export interface KernelStep {
  readonly nodeName: string;
  readonly opName: string;
  readonly device: KernelDevice;
  readonly heap: Heap;
  readonly inputCount: number;

  /** The value of an input, borrowed: the step holds it until the call is finished. A ref input gives its value. */
  input(index: number): Tensor;
  /** The variable on a ref-typed input. */
  inputRef(index: number): RefVariable;
  /** Whether the input carries a value (a ref may be uninitialized). */
  hasInput(index: number): boolean;
  /** Takes the input out of the step: the caller holds it now and must release it. */
  takeInput(index: number): Tensor;

  /** A fresh tensor; throws RESOURCE_EXHAUSTED naming node and shape. The caller holds it. */
  allocate(dtype: DataType, shape: Shape): Tensor;
  /** A tensor of JavaScript values, strings counted as memory: else as `allocate`. Takes over one hold on each value. */
  tensorOf(dtype: DataType, shape: Shape, values: readonly Value[]): Tensor;
  /** `allocate` and `setOutput` in one, with the node's output dtype. The step holds it. */
  allocateOutput(index: number, shape: Shape): Tensor;
  /** Input `input`'s buffer as output `output` if nobody else holds it, dtype sizes and element counts match; else `null`. */
  forward(input: number, output: number, shape: Shape): Tensor | null;
  /** The same, or else a fresh one. */
  forwardOrAllocate(input: number, output: number, shape: Shape): Tensor;
  /** Passes one hold on `tensor` to the step. */
  setOutput(index: number, tensor: Tensor): void;
  /** Makes an input the output without copying (the step retains it). */
  forwardInput(input: number, output: number): void;
  setOutputRef(index: number, variable: RefVariable): void;

  readonly stepId: bigint;
  /** Frame and iteration of the call, `0:0` outside loops: the tail of a rendezvous key. */
  readonly frameIter: string;
  readonly rendezvous: StepRendezvous;
  /** `null` where the step's master didn't see that its graph has collectives. */
  readonly collectives: StepCollectives | null;
  readonly resources: ResourceStore;
  /** Things that die with the step: TensorArrays, stacks. */
  readonly stepResources: StepResources;
  /** `null` where the session keeps none. */
  readonly tensors: StepTensors | null;
  readonly cancellation: CancellationSignal;
  /** The files that ops may use; `null` where there are none. */
  readonly files: FileSystem | null;
  /** Words for the log from `Print` and its kind. */
  log(text: string): void;

  /** Leaves the call open. The activation has the same inputs and outputs, and stays valid until it is finished. */
  suspend(): Activation;
  /**
   * Runs a function as a nested activation of the executor, with its own frame but the same step.
   * `done` gets the outputs (one hold each passes to it), or the error. Takes over one hold on each argument.
   */
  call(callee: FunctionHandle, args: readonly Tensor[], done: CallDone): void;
}

export type CallDone = (error: Error | null, outputs: readonly Tensor[]) => void;

/** A call that is still open. Finish it exactly once; cancellation is the kernel's to watch. */
export interface Activation extends KernelStep {
  done(): void;
  fail(error: unknown): void;
}
