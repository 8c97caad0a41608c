// Optimizer updates, on reference and on resource variables, of whole variables and of rows: the same kernels, found
// through either kind of input, with the rows that an update names one after the other.
import { FailedPreconditionError, InternalError, InvalidArgumentError, OpError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import type { Variable } from "../resources/variable.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { readInts } from "./support/index-tensor.js";
import { conversions, FloatStep, floatNode, isNarrow, NARROW_FLOATS } from "./support/narrow-floats.js";
import { scalarReader } from "./update-scalars.js";
import { flagsOf, plain, type Update, updates } from "./updates.js";
import { readVariable, writableValue } from "./variables.js";

const TYPES = ["float", "double", ...NARROW_FLOATS];

function checkShapes(values: readonly Tensor[], grad: Tensor, name: string): void {
  for (const value of values) {
    if (!sameShape(value.shape, grad.shape)) {
      throw new InvalidArgumentError(
        `var and ${name} do not have the same shape${shapeString(value.shape)} ${shapeString(grad.shape)}`,
      );
    }
  }
}

/** Where the inputs of these names are among the node's. */
const positionOf = (node: KernelNode, name: string): number => node.inputRange(name)[0];

type Apply = (step: KernelStep, values: readonly Tensor[]) => void;

function denseApply(update: Update, node: KernelNode): Apply {
  const dtype = node.type("T");
  const compute = wasmFunction(node, `apply_${update.symbol}`, dtype);
  const flags = flagsOf(node);
  const { run = plain, gradient = "grad" } = update;
  const at = positionOf(node, gradient);
  const read = scalarReader(update, node, false);
  return (step, values) => {
    const grad = step.input(at);
    checkShapes(values, grad, gradient);
    const scalars = read(step);
    if (grad.size > 0) run(compute, flags, [...values.map((value) => value.ptr), grad.ptr], grad.size, scalars, dtype);
  };
}

function sparseApply(update: Update, node: KernelNode): Apply {
  const dtype = node.type("T");
  const size = dtypeSize(dtype);
  const compute = wasmFunction(node, `apply_${update.symbol}`, dtype);
  const flags = flagsOf(node);
  const { run = plain } = update;
  const [gradAt, indicesAt] = [positionOf(node, "grad"), positionOf(node, "indices")];
  const read = scalarReader(update, node, true);
  return (step, values) => {
    const grad = step.input(gradAt);
    const indices = step.input(indicesAt);
    const [variable] = values;
    for (const value of values)
      if (!sameShape(value.shape, variable!.shape))
        throw new InvalidArgumentError(
          `var and accum do not have the same shape${shapeString(variable!.shape)} ${shapeString(value.shape)}`,
        );
    if (variable!.shape.length === 0) throw new InvalidArgumentError("var must be at least 1 dimensional");
    if (indices.shape.length !== 1) throw new InvalidArgumentError("indices must be one-dimensional");
    for (let i = 1; i < variable!.shape.length; i++) {
      if (variable!.shape[i] !== grad.shape[i])
        throw new InvalidArgumentError(`var and grad must match in dimension ${i}`);
    }
    if (grad.shape[0] !== indices.shape[0])
      throw new InvalidArgumentError("grad must be the same size as indices in the first dimension.");
    const scalars = read(step);
    if (grad.size === 0) return;
    const rows = variable!.shape[0]!;
    const row = grad.size / indices.size;
    const list = readInts(step.heap, indices);
    // Some refuse before they change anything, others at the row that is wrong.
    if (update.checksFirst) for (let i = 0; i < list.length; i++) checkIndex(update, list[i]!, i, rows);
    const at = [...values.map((value) => value.ptr), grad.ptr];
    for (let i = 0; i < list.length; i++) {
      const index = list[i]!;
      checkIndex(update, index, i, rows);
      for (let k = 0; k < values.length; k++) at[k] = values[k]!.ptr + index * row * size;
      at[values.length] = grad.ptr + i * row * size;
      run(compute, flags, at, row, scalars, dtype);
    }
  };
}

function checkIndex(update: Update, index: number, i: number, rows: number): void {
  if (index >= 0 && index < rows) return;
  throw new InvalidArgumentError(
    update.name === "KerasMomentum"
      ? `indices[${i}] = ${index} is not in [0, ${rows})`
      : `Index ${index} at offset ${i} in indices is out of range`,
  );
}

type MakeApply = (update: Update, node: KernelNode) => Apply;

/** Variables of half and bfloat16 are widened, updated in float, and rounded. */
function inFloat(update: Update, node: KernelNode, make: MakeApply): Apply {
  const { widen, narrow } = conversions(node, node.type("T"));
  const call = new FloatStep(node, widen, narrow);
  const apply = make(update, floatNode(node));
  return (step, values) => {
    const wide: Tensor[] = [];
    try {
      for (const value of values) {
        const copy = step.allocate(DataType.FLOAT, value.shape);
        wide.push(copy);
        if (value.size > 0) widen(value.ptr, copy.ptr, value.size);
      }
      call.run(step, (floatStep) => {
        apply(floatStep, wide);
        return DONE;
      });
    } finally {
      // Rows before one that is refused are changed: whatever happened goes back.
      wide.forEach((copy, i) => {
        if (copy.size > 0) narrow(copy.ptr, values[i]!.ptr, copy.size);
        copy.release();
      });
    }
  };
}

const prepare = (update: Update, node: KernelNode, make: MakeApply): Apply =>
  isNarrow(node.type("T")) ? inFloat(update, node, make) : make(update, node);

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
    const apply = prepare(update, node, make);
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
    const apply = prepare(update, node, make);
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
