// Computes one node from the values of its inputs, outside any step, with the device's own kernel. A kernel that asks
// for anything else of a step (resources, a rendezvous, functions, time) is no pure computation and gives nothing.
import type { Device } from "../device/device.js";
import { ResourceExhaustedError, UnimplementedError } from "../errors/index.js";
import { type FunctionLookup, NodeKernel } from "../executor/kernel-node.js";
import type { Node } from "../graph/graph.js";
import type { Activation, KernelStep } from "../kernel/kernel.js";
import { DONE } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { baseDtype, type DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape } from "../tensor/shape.js";
import { allocateTensor, type Tensor, tensorOfValues, type Value } from "../tensor/tensor.js";

const notPure = (): never => {
  throw new UnimplementedError("This node needs a step");
};
const NO_FUNCTIONS: FunctionLookup = { handle: notPure };

export class Evaluator implements KernelStep {
  readonly heap: Heap;
  readonly stepId = 0n;
  readonly frameIter = "0:0";
  readonly collectives = null;
  #node!: Node;
  #inputs: readonly Tensor[] = [];
  #outputs: (Tensor | null)[] = [];

  constructor(
    readonly device: Device,
    /** A node that allocates more at once is left to the step. */
    readonly maxBytes: number,
  ) {
    this.heap = device.heap;
  }

  /** @returns the results, one hold each; `null` where the node can't be computed: the step will say why */
  evaluate(node: Node, inputs: readonly Tensor[]): readonly Tensor[] | null {
    const kernel = this.device.findKernel(node.op.name, (attr) => node.attrs.get(attr)?.type ?? 0);
    if (kernel === undefined) return null;
    this.#node = node;
    this.#inputs = inputs;
    this.#outputs = node.outputTypes.map(() => null);
    let prepared: NodeKernel | null = null;
    // Held twice: no kernel may write into what others read.
    for (const input of inputs) input.retain();
    try {
      prepared = new NodeKernel(node, kernel, this.device, NO_FUNCTIONS);
      if (prepared.compute(this) !== DONE || !this.#complete()) return null;
      const outputs = this.#outputs as Tensor[];
      this.#outputs = [];
      return outputs;
    } catch {
      return null;
    } finally {
      for (const output of this.#outputs) output?.release();
      for (const input of inputs) input.release();
      prepared?.close();
    }
  }

  #complete(): boolean {
    const types = this.#node.outputTypes;
    return this.#outputs.every((output, i) => output !== null && output.dtype === baseDtype(types[i]!));
  }

  get nodeName(): string {
    return this.#node.name;
  }

  get opName(): string {
    return this.#node.op.name;
  }

  get inputCount(): number {
    return this.#inputs.length;
  }

  input(index: number): Tensor {
    return this.#inputs[index]!;
  }

  hasInput(index: number): boolean {
    return index < this.#inputs.length;
  }

  takeInput(index: number): Tensor {
    return this.#inputs[index]!.retain();
  }

  allocate(dtype: DataType, shape: Shape): Tensor {
    const fits = numElements(shape) * dtypeSize(dtype) <= this.maxBytes;
    const tensor = fits ? allocateTensor(this.device.allocator, dtype, shape) : null;
    if (tensor === null) throw new ResourceExhaustedError("Too large to compute ahead");
    return tensor;
  }

  tensorOf(dtype: DataType, shape: Shape, values: readonly Value[]): Tensor {
    const tensor = tensorOfValues(this.device.allocator, dtype, shape, values);
    if (tensor === null) throw new ResourceExhaustedError("Too large to compute ahead");
    return tensor;
  }

  allocateOutput(index: number, shape: Shape): Tensor {
    const tensor = this.allocate(baseDtype(this.#node.outputTypes[index]!), shape);
    this.setOutput(index, tensor);
    return tensor;
  }

  forward(): null {
    return null;
  }

  forwardOrAllocate(_input: number, output: number, shape: Shape): Tensor {
    return this.allocateOutput(output, shape);
  }

  setOutput(index: number, tensor: Tensor): void {
    this.#outputs[index]?.release();
    this.#outputs[index] = tensor;
  }

  forwardInput(input: number, output: number): void {
    this.setOutput(output, this.takeInput(input));
  }

  inputRef = notPure;
  setOutputRef = notPure;
  log = notPure;
  call = notPure;

  suspend(): Activation {
    return notPure();
  }

  get rendezvous(): never {
    return notPure();
  }

  get resources(): never {
    return notPure();
  }

  get stepResources(): never {
    return notPure();
  }

  get tensors(): never {
    return notPure();
  }

  get cancellation(): never {
    return notPure();
  }

  get files(): never {
    return notPure();
  }
}
