// Kernels for half and bfloat16 out of those for float, as TensorFlow's own work: what comes in is widened, the kernel
// computes in float, what goes out is rounded. It takes kernels that finish at once, and knows nothing of what they do.
import type { FileSystem } from "../../io/file-system.js";
import type { CancellationSignal } from "../../kernel/cancellation.js";
import type { StepCollectives } from "../../kernel/collective.js";
import {
  type Activation,
  type CallDone,
  type Compute,
  type FunctionHandle,
  type Kernel,
  type KernelDevice,
  type KernelNode,
  type KernelStep,
  kernel,
  type RefVariable,
} from "../../kernel/kernel.js";
import type { StepRendezvous } from "../../kernel/rendezvous.js";
import type { ResourceStore, StepResources, StepTensors } from "../../kernel/resource.js";
import type { Heap } from "../../memory/heap.js";
import { DataType } from "../../tensor/dtype.js";
import type { Shape } from "../../tensor/shape.js";
import type { Tensor, Value } from "../../tensor/tensor.js";
import { wasmOf } from "../cpu.js";

export const NARROW_FLOATS = ["half", "bfloat16"];

/** Attributes that say what is computed; others (a `U` of float, say) stay as they are. */
const COMPUTED = ["T", "Ta", "Tb", "Tout", "Tidx", "dtype"];

type Convert = (from: number, to: number, n: number) => void;

export const isNarrow = (dtype: DataType): boolean => dtype === DataType.HALF || dtype === DataType.BFLOAT16;

/** How elements of the dtype become floats, and floats become them. */
export function conversions(node: KernelNode, dtype: DataType): { widen: Convert; narrow: Convert } {
  const wasm = wasmOf(node);
  return dtype === DataType.HALF
    ? { widen: wasm.half_to_f32, narrow: wasm.f32_to_half }
    : { widen: wasm.bfloat16_to_f32, narrow: wasm.f32_to_bfloat16 };
}

const asFloat = (dtype: DataType): DataType => (isNarrow(dtype) ? DataType.FLOAT : dtype);

/** The node as one of floats. */
export function floatNode(node: KernelNode): KernelNode {
  const inputTypes = node.inputTypes.map(asFloat);
  const outputTypes = node.outputTypes.map(asFloat);
  return new Proxy(node, {
    get(target, key) {
      if (key === "inputTypes") return inputTypes;
      if (key === "outputTypes") return outputTypes;
      if (key === "type") return (name: string) => asFloat(target.type(name));
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A call as the float kernel sees it: stand-ins for what is narrow, the step itself for everything else. */
export class FloatStep implements KernelStep {
  #step!: KernelStep;
  readonly #wide: (Tensor | null)[];
  readonly #results: (Tensor | null)[];

  constructor(
    private readonly node: KernelNode,
    private readonly widen: Convert,
    private readonly narrow: Convert,
  ) {
    this.#wide = node.inputTypes.map(() => null);
    this.#results = node.outputTypes.map(() => null);
  }

  run(step: KernelStep, compute: Compute): ReturnType<Compute> {
    this.#step = step;
    try {
      const status = compute(this);
      this.#results.forEach((wide, i) => {
        if (wide === null) return;
        const y = step.allocateOutput(i, wide.shape);
        if (y.size > 0) this.narrow(wide.ptr, y.ptr, y.size);
      });
      return status;
    } finally {
      for (const held of [this.#wide, this.#results])
        for (let i = 0; i < held.length; i++) {
          held[i]?.release();
          held[i] = null;
        }
    }
  }

  input(index: number): Tensor {
    if (!isNarrow(this.node.inputTypes[index]!)) return this.#step.input(index);
    const known = this.#wide[index]!;
    if (known !== null) return known;
    const x = this.#step.input(index);
    const wide = this.#step.allocate(DataType.FLOAT, x.shape);
    if (x.size > 0) this.widen(x.ptr, wide.ptr, x.size);
    this.#wide[index] = wide;
    return wide;
  }

  takeInput(index: number): Tensor {
    return this.input(index).retain();
  }

  allocateOutput(index: number, shape: Shape): Tensor {
    if (!isNarrow(this.node.outputTypes[index]!)) return this.#step.allocateOutput(index, shape);
    const wide = this.#step.allocate(DataType.FLOAT, shape);
    this.setOutput(index, wide);
    return wide;
  }

  setOutput(index: number, tensor: Tensor): void {
    if (isNarrow(this.node.outputTypes[index]!)) this.#results[index] = tensor;
    else this.#step.setOutput(index, tensor);
  }

  forward(input: number, output: number, shape: Shape): Tensor | null {
    if (isNarrow(this.node.inputTypes[input]!) || isNarrow(this.node.outputTypes[output]!)) return null;
    return this.#step.forward(input, output, shape);
  }

  forwardOrAllocate(input: number, output: number, shape: Shape): Tensor {
    return this.forward(input, output, shape) ?? this.allocateOutput(output, shape);
  }

  get nodeName(): string {
    return this.#step.nodeName;
  }
  get opName(): string {
    return this.#step.opName;
  }
  get device(): KernelDevice {
    return this.#step.device;
  }
  get heap(): Heap {
    return this.#step.heap;
  }
  get inputCount(): number {
    return this.#step.inputCount;
  }
  inputRef(index: number): RefVariable {
    return this.#step.inputRef(index);
  }
  hasInput(index: number): boolean {
    return this.#step.hasInput(index);
  }
  allocate(dtype: DataType, shape: Shape): Tensor {
    return this.#step.allocate(dtype, shape);
  }

  tensorOf(dtype: DataType, shape: Shape, values: readonly Value[]): Tensor {
    return this.#step.tensorOf(dtype, shape, values);
  }
  forwardInput(input: number, output: number): void {
    this.#step.forwardInput(input, output);
  }
  setOutputRef(index: number, variable: RefVariable): void {
    this.#step.setOutputRef(index, variable);
  }
  get stepId(): bigint {
    return this.#step.stepId;
  }
  get frameIter(): string {
    return this.#step.frameIter;
  }
  get collectives(): StepCollectives | null {
    return this.#step.collectives;
  }
  get rendezvous(): StepRendezvous {
    return this.#step.rendezvous;
  }
  get resources(): ResourceStore {
    return this.#step.resources;
  }
  get stepResources(): StepResources {
    return this.#step.stepResources;
  }
  get tensors(): StepTensors | null {
    return this.#step.tensors;
  }
  get cancellation(): CancellationSignal {
    return this.#step.cancellation;
  }
  get files(): FileSystem | null {
    return this.#step.files;
  }
  log(text: string): void {
    this.#step.log(text);
  }
  suspend(): Activation {
    return this.#step.suspend();
  }
  call(callee: FunctionHandle, args: readonly Tensor[], done: CallDone): void {
    this.#step.call(callee, args, done);
  }
}

/** The kernels among these that compute with floats, for half and for bfloat16. */
export function inNarrowFloats(kernels: readonly Kernel[]): Kernel[] {
  return kernels.flatMap((wide) => {
    const computed = COMPUTED.filter((attr) => wide.types[attr]?.includes("float"));
    if (computed.length === 0) return [];
    return NARROW_FLOATS.map((name) => {
      const types = { ...wide.types, ...Object.fromEntries(computed.map((attr) => [attr, [name]])) };
      return kernel(wide.op, wide.device, types, (node) => {
        const { widen, narrow } = conversions(node, node.type(computed[0]!));
        const compute = wide.prepare(floatNode(node));
        const call = new FloatStep(node, widen, narrow);
        return (step) => call.run(step, compute);
      });
    });
  });
}
