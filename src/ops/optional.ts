// Optional values: a variant that holds tensors, or nothing. Gradients of conditions carry what only one branch has in
// them.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { type Counted, Tensor } from "../tensor/tensor.js";

export class Optional implements Counted {
  #refs = 1;

  /** Takes over one hold on each component; `null` is nothing. */
  constructor(readonly components: readonly Tensor[] | null) {}

  retain(): void {
    this.#refs++;
  }

  release(): void {
    if (--this.#refs === 0) for (const component of this.components ?? []) component.release();
  }
}

const emit = (step: KernelStep, optional: Optional): void =>
  step.setOutput(0, Tensor.ofValues(DataType.VARIANT, [], [optional]));

function optionalOf(step: KernelStep): Optional {
  const value = step.input(0).values?.[0];
  if (!(value instanceof Optional)) throw new InvalidArgumentError("Input is not an optional.");
  return value;
}

const none = kernel("OptionalNone", "CPU", {}, () => (step) => {
  emit(step, new Optional(null));
  return DONE;
});

const fromValue = kernel("OptionalFromValue", "CPU", {}, (node) => {
  const count = node.inputTypes.length;
  return (step) => {
    emit(step, new Optional(Array.from({ length: count }, (_, i) => step.takeInput(i))));
    return DONE;
  };
});

const hasValue = kernel("OptionalHasValue", "CPU", {}, () => (step) => {
  const { components } = optionalOf(step);
  const y = step.allocateOutput(0, []);
  step.heap.u8[y.ptr] = Number(components !== null);
  return DONE;
});

const getValue = kernel("OptionalGetValue", "CPU", {}, (node) => {
  const count = node.outputTypes.length;
  return (step) => {
    const { components } = optionalOf(step);
    if (components === null) throw new InvalidArgumentError("The given optional does not have a value.");
    if (components.length !== count)
      throw new InvalidArgumentError(`The given optional has ${components.length} components, expected ${count}.`);
    components.forEach((component, i) => {
      step.setOutput(i, component.retain());
    });
    return DONE;
  };
});

export const optionalKernels: readonly Kernel[] = [none, fromValue, hasValue, getValue];
