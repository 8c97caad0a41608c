// Optimizer updates, on reference and on resource variables, of whole variables and of rows: the same kernels, found
// through either kind of input, with the rows that an update names one after the other.
import { FailedPreconditionError, InternalError, InvalidArgumentError, OpError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import type { Variable } from "../resources/variable.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { type WasmFunction, wasmFunction } from "./cpu.js";
import { readFloat } from "./support/index-tensor.js";
import { readVariable, writableValue } from "./variables.js";

const TYPES = ["float", "double"];

/** Runs an update over `n` elements: `at` has the addresses of the variables, then the gradient's. */
type Run = (
  compute: WasmFunction,
  flags: Flags,
  at: readonly number[],
  n: number,
  scalars: readonly number[],
  dtype: DataType,
) => void;

interface Update {
  /** Op name behind `Apply`, `ResourceApply`, `SparseApply` and `ResourceSparseApply`. */
  readonly name: string;
  readonly symbol: string;
  /** How many of the first inputs are variables. */
  readonly variables: number;
  /** Position of the gradient among the inputs; a sparse update's indices come right behind it. */
  readonly gradient: number;
  /** Positions of the scalars among the inputs of the dense op, in the order in which `run` gets them. */
  readonly scalars: readonly number[];
  /** Calls the kernel; the arguments go to it as they are when left out. */
  readonly run?: Run;
  /** Which of the four ops TensorFlow has. */
  readonly refs?: boolean;
  readonly sparse?: boolean;
}

interface Flags {
  readonly nesterov: number;
  readonly updateSlots: number;
  readonly byRate: number;
}

const flag = (node: KernelNode, name: string, missing: boolean): boolean =>
  node.has(name) ? node.bool(name) : missing;

const flagsOf = (node: KernelNode): Flags => ({
  nesterov: Number(flag(node, "use_nesterov", false)),
  updateSlots: Number(flag(node, "update_slots", true)),
  byRate: Number(flag(node, "multiply_linear_by_lr", false)),
});

const plain: Run = (compute, _, at, n, scalars) => compute(...at, n, ...scalars);
const nesterov: Run = (compute, flags, at, n, scalars) => compute(...at, n, ...scalars, flags.nesterov);

/** The powers' part of the learning rate is worked out in the variable's type. */
const adam: Run = (compute, flags, at, n, [b1Power, b2Power, lr, b1, b2, epsilon], dtype) => {
  const round = dtype === DataType.DOUBLE ? (x: number) => x : Math.fround;
  const alpha = round(round(lr! * round(Math.sqrt(round(1 - b2Power!)))) / round(1 - b1Power!));
  compute(...at, n, alpha, b1!, b2!, epsilon!, flags.nesterov);
};

const ftrl: Run = (compute, flags, at, n, [lr, l1, l2, shrinkage, power]) =>
  compute(...at, n, lr!, l1!, l2!, shrinkage!, power!, flags.byRate);

const updates: readonly Update[] = [
  { name: "GradientDescent", symbol: "gradient_descent", variables: 1, gradient: 2, scalars: [1], sparse: false },
  { name: "Momentum", symbol: "momentum", variables: 2, gradient: 3, scalars: [2, 4], run: nesterov },
  {
    name: "KerasMomentum",
    symbol: "keras_momentum",
    variables: 2,
    gradient: 3,
    scalars: [2, 4],
    run: nesterov,
    refs: false,
  },
  {
    name: "Adam",
    symbol: "adam",
    variables: 3,
    gradient: 9,
    scalars: [3, 4, 5, 6, 7, 8],
    run: adam,
    sparse: false,
  },
  { name: "RMSProp", symbol: "rms_prop", variables: 3, gradient: 7, scalars: [3, 4, 5, 6] },
  { name: "CenteredRMSProp", symbol: "centered_rms_prop", variables: 4, gradient: 8, scalars: [4, 5, 6, 7] },
  {
    name: "Adagrad",
    symbol: "adagrad",
    variables: 2,
    gradient: 3,
    scalars: [2],
    run: (compute, flags, at, n, [lr]) => compute(...at, n, lr!, 0, flags.updateSlots),
  },
  {
    name: "AdagradV2",
    symbol: "adagrad",
    variables: 2,
    gradient: 4,
    scalars: [2, 3],
    run: (compute, flags, at, n, [lr, epsilon]) => compute(...at, n, lr!, epsilon!, flags.updateSlots),
  },
  { name: "Adadelta", symbol: "adadelta", variables: 3, gradient: 6, scalars: [3, 4, 5] },
  {
    name: "Ftrl",
    symbol: "ftrl",
    variables: 3,
    gradient: 3,
    scalars: [4, 5, 6, 7],
    run: (compute, flags, at, n, [lr, l1, l2, power], dtype) =>
      ftrl(compute, flags, at, n, [lr!, l1!, l2!, 0, power!], dtype),
  },
  { name: "FtrlV2", symbol: "ftrl", variables: 3, gradient: 3, scalars: [4, 5, 6, 7, 8], run: ftrl },
  {
    name: "ProximalGradientDescent",
    symbol: "proximal_gradient_descent",
    variables: 1,
    gradient: 4,
    scalars: [1, 2, 3],
  },
];

function checkShapes(values: readonly Tensor[], grad: Tensor, name: string): void {
  for (const value of values) {
    if (!sameShape(value.shape, grad.shape)) {
      throw new InvalidArgumentError(
        `var and ${name} do not have the same shape${shapeString(value.shape)} ${shapeString(grad.shape)}`,
      );
    }
  }
}

function scalarsOf(step: KernelStep, positions: readonly number[], shift: (position: number) => number): number[] {
  return positions.map((position) => {
    const tensor = step.input(shift(position));
    if (tensor.shape.length > 0)
      throw new InvalidArgumentError(`scalar input ${position} is not a scalar: ${shapeString(tensor.shape)}`);
    return readFloat(step.heap, tensor);
  });
}

type Apply = (step: KernelStep, values: readonly Tensor[]) => void;

function denseApply(update: Update, node: KernelNode): Apply {
  const dtype = node.type("T");
  const compute = wasmFunction(node, `apply_${update.symbol}`, dtype);
  const flags = flagsOf(node);
  const run = update.run ?? plain;
  const same = (position: number): number => position;
  return (step, values) => {
    const grad = step.input(update.gradient);
    checkShapes(values, grad, update.name.endsWith("GradientDescent") ? "delta" : "grad");
    const scalars = scalarsOf(step, update.scalars, same);
    if (grad.size > 0) run(compute, flags, [...values.map((value) => value.ptr), grad.ptr], grad.size, scalars, dtype);
  };
}

function sparseApply(update: Update, node: KernelNode): Apply {
  const dtype = node.type("T");
  const size = dtypeSize(dtype);
  const compute = wasmFunction(node, `apply_${update.symbol}`, dtype);
  const flags = flagsOf(node);
  const run = update.run ?? plain;
  const shift = (position: number): number => (position > update.gradient ? position + 1 : position);
  return (step, values) => {
    const grad = step.input(update.gradient);
    const indices = step.input(update.gradient + 1);
    const [variable] = values;
    if (variable!.shape.length === 0) throw new InvalidArgumentError("var must be at least 1 dimensional");
    if (indices.shape.length !== 1) throw new InvalidArgumentError("indices must be one-dimensional");
    for (let i = 1; i < variable!.shape.length; i++) {
      if (variable!.shape[i] !== grad.shape[i])
        throw new InvalidArgumentError(`var and grad must match in dimension ${i}`);
    }
    if (grad.shape[0] !== indices.shape[0])
      throw new InvalidArgumentError("grad must be the same size as indices in the first dimension.");
    const scalars = scalarsOf(step, update.scalars, shift);
    if (grad.size === 0) return;
    const rows = variable!.shape[0]!;
    const row = grad.size / indices.size;
    const wide = indices.dtype === DataType.INT64;
    const { heap } = step;
    const at = [...values.map((value) => value.ptr), grad.ptr];
    for (let i = 0; i < indices.size; i++) {
      const index = wide ? Number(heap.i64[indices.ptr / 8 + i]!) : heap.i32[(indices.ptr >>> 2) + i]!;
      if (index < 0 || index >= rows)
        throw new InvalidArgumentError(`Index ${index} at offset ${i} in indices is out of range`);
      for (let k = 0; k < values.length; k++) at[k] = values[k]!.ptr + index * row * size;
      at[values.length] = grad.ptr + i * row * size;
      run(compute, flags, at, row, scalars, dtype);
    }
  };
}

type MakeApply = (update: Update, node: KernelNode) => Apply;

function variableOf(step: KernelStep, index: number, dtype: DataType): Variable {
  try {
    return readVariable(step, index, dtype);
  } catch (error) {
    // An update says no more than this of a variable that isn't there.
    if (error instanceof OpError) throw new InternalError("Invalid variable reference.", { cause: error });
    throw error;
  }
}

const onResources = (op: string, update: Update, types: Kernel["types"], make: MakeApply): Kernel =>
  kernel(op, "CPU", types, (node) => {
    const apply = make(update, node);
    const dtype = node.type("T");
    return (step) => {
      const variables: Variable[] = [];
      for (let i = 0; i < update.variables; i++) variables.push(variableOf(step, i, dtype));
      apply(
        step,
        variables.map((variable) => writableValue(step, variable)),
      );
      return DONE;
    };
  });

const onRefs = (op: string, update: Update, types: Kernel["types"], make: MakeApply): Kernel =>
  kernel(op, "CPU", types, (node) => {
    const apply = make(update, node);
    return (step) => {
      const values: Tensor[] = [];
      for (let i = 0; i < update.variables; i++) {
        const { value, name } = step.inputRef(i);
        if (value === null) throw new FailedPreconditionError(`Attempting to use uninitialized value ${name}`);
        values.push(value);
      }
      apply(step, values);
      step.setOutputRef(0, step.inputRef(0));
      return DONE;
    };
  });

const DENSE = { T: TYPES };
const SPARSE = { T: TYPES, Tindices: ["int32", "int64"] };

export const trainingKernels: readonly Kernel[] = updates.flatMap((update) => {
  const { name, refs = true, sparse = true } = update;
  const kernels = [onResources(`ResourceApply${name}`, update, DENSE, denseApply)];
  if (refs) kernels.push(onRefs(`Apply${name}`, update, DENSE, denseApply));
  if (sparse) kernels.push(onResources(`ResourceSparseApply${name}`, update, SPARSE, sparseApply));
  if (refs && sparse) kernels.push(onRefs(`SparseApply${name}`, update, SPARSE, sparseApply));
  return kernels;
});
