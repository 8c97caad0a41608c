// Optimizer updates, on reference and on resource variables: the same kernels, found through either kind of input.
import { FailedPreconditionError, InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import type { Variable } from "../resources/variable.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { type WasmFunction, wasmFunction } from "./cpu.js";
import { readFloat } from "./support/index-tensor.js";
import { readVariable, writableValue } from "./variables.js";

const TYPES = ["float", "double"];

interface Update {
  /** Op name behind `Apply` and `ResourceApply`. */
  readonly name: string;
  /** How many of the first inputs are variables. */
  readonly variables: number;
  /** Position of the gradient among the inputs. */
  readonly gradient: number;
  readonly symbol: string;
  /** Runs the update; `scalar` reads a scalar input. */
  readonly run: (
    compute: WasmFunction,
    node: Flags,
    values: readonly Tensor[],
    grad: Tensor,
    scalar: (index: number) => number,
  ) => void;
}

interface Flags {
  readonly nesterov: number;
  readonly updateSlots: number;
}

const flagsOf = (node: KernelNode): Flags => ({
  nesterov: Number(node.has("use_nesterov") && node.bool("use_nesterov")),
  updateSlots: Number(!node.has("update_slots") || node.bool("update_slots")),
});

const updates: readonly Update[] = [
  {
    name: "GradientDescent",
    variables: 1,
    gradient: 2,
    symbol: "apply_gradient_descent",
    run: (compute, _, [v], g, scalar) => compute(v!.ptr, g.ptr, g.size, scalar(1)),
  },
  {
    name: "Momentum",
    variables: 2,
    gradient: 3,
    symbol: "apply_momentum",
    run: (compute, flags, [v, a], g, scalar) =>
      compute(v!.ptr, a!.ptr, g.ptr, g.size, scalar(2), scalar(4), flags.nesterov),
  },
  {
    name: "Adam",
    variables: 3,
    gradient: 9,
    symbol: "apply_adam",
    run: (compute, flags, [v, m, u], g, scalar) => {
      const alpha = Math.fround(
        (scalar(5) * Math.fround(Math.sqrt(Math.fround(1 - scalar(4))))) / Math.fround(1 - scalar(3)),
      );
      compute(v!.ptr, m!.ptr, u!.ptr, g.ptr, g.size, alpha, scalar(6), scalar(7), scalar(8), flags.nesterov);
    },
  },
  {
    name: "RMSProp",
    variables: 3,
    gradient: 7,
    symbol: "apply_rms_prop",
    run: (compute, _, [v, ms, mom], g, scalar) =>
      compute(v!.ptr, ms!.ptr, mom!.ptr, g.ptr, g.size, scalar(3), scalar(4), scalar(5), scalar(6)),
  },
  {
    name: "Adagrad",
    variables: 2,
    gradient: 3,
    symbol: "apply_adagrad",
    run: (compute, flags, [v, a], g, scalar) => compute(v!.ptr, a!.ptr, g.ptr, g.size, scalar(2), 0, flags.updateSlots),
  },
  {
    name: "AdagradV2",
    variables: 2,
    gradient: 4,
    symbol: "apply_adagrad",
    run: (compute, flags, [v, a], g, scalar) =>
      compute(v!.ptr, a!.ptr, g.ptr, g.size, scalar(2), scalar(3), flags.updateSlots),
  },
];

function checkShapes(values: readonly Tensor[], grad: Tensor): void {
  for (const value of values) {
    if (!sameShape(value.shape, grad.shape)) {
      throw new InvalidArgumentError(
        `var and grad do not have the same shape${shapeString(value.shape)} ${shapeString(grad.shape)}`,
      );
    }
  }
}

const resourceUpdate = (update: Update): Kernel =>
  kernel(`ResourceApply${update.name}`, "CPU", { T: TYPES }, (node) => {
    const compute = wasmFunction(node, update.symbol, node.type("T"));
    const flags = flagsOf(node);
    return (step) => {
      const variables: Variable[] = [];
      for (let i = 0; i < update.variables; i++) variables.push(readVariable(step, i));
      apply(
        step,
        update,
        compute,
        flags,
        variables.map((variable) => writableValue(step, variable)),
      );
      return DONE;
    };
  });

const refUpdate = (update: Update): Kernel =>
  kernel(`Apply${update.name}`, "CPU", { T: TYPES }, (node) => {
    const compute = wasmFunction(node, update.symbol, node.type("T"));
    const flags = flagsOf(node);
    return (step) => {
      const values: Tensor[] = [];
      for (let i = 0; i < update.variables; i++) {
        const { value, name } = step.inputRef(i);
        if (value === null) throw new FailedPreconditionError(`Attempting to use uninitialized variables: ${name}`);
        values.push(value);
      }
      apply(step, update, compute, flags, values);
      step.setOutputRef(0, step.inputRef(0));
      return DONE;
    };
  });

function apply(step: KernelStep, update: Update, compute: WasmFunction, flags: Flags, values: readonly Tensor[]): void {
  const grad = step.input(update.gradient);
  checkShapes(values, grad);
  update.run(compute, flags, values, grad, (index) => {
    const tensor = step.input(index);
    if (tensor.shape.length > 0)
      throw new InvalidArgumentError(`scalar input ${index} is not a scalar: ${shapeString(tensor.shape)}`);
    return readFloat(step.heap, tensor);
  });
}

export const trainingKernels: readonly Kernel[] = updates.flatMap((update) => [
  resourceUpdate(update),
  refUpdate(update),
]);
