// Conditional accumulators' ops, on resource handles and on string references: what synchronous training averages the
// gradients of its workers with. Dense gradients are tensors; sparse ones are rows and their indices in rising order.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { ACCUMULATOR_TYPE, Accumulator, type AccumulatorOptions } from "../resources/accumulator.js";
import { DataType } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { denseGradients, sparseGradients } from "./accumulate.js";
import { emitHandle, nameFor, resourceOf } from "./support/handle.js";
import { readInt, writeInts } from "./support/index-tensor.js";
import { matchSignature } from "./support/signature.js";
import { suspendUntil } from "./support/wait.js";

const FLOATS = ["float", "double", "half"];

const create = (op: string, sparse: boolean): Kernel =>
  kernel(op, "CPU", { dtype: FLOATS }, (node) => {
    const container = node.string("container");
    const shared = node.string("shared_name");
    const settings = {
      dtype: node.type("dtype"),
      shape: node.shape("shape"),
      sparse,
      averages: node.string("reduction_type") === "MEAN",
    };
    let options: AccumulatorOptions | null = null;
    return (step) => {
      options ??= { ...settings, name: nameFor(step, node, container, ACCUMULATOR_TYPE, shared) };
      const made = options;
      const found = step.resources.findOrCreate(container, made.name, ACCUMULATOR_TYPE, () => new Accumulator(made));
      emitHandle(step, node, container, made.name, found);
      return DONE;
    };
  });

const accumulatorOf = (step: KernelStep, node: KernelNode): Accumulator =>
  resourceOf(step, node, ACCUMULATOR_TYPE) as Accumulator;

const handleType = (node: KernelNode): DataType => node.inputTypes[0]!;

function scalar(step: KernelStep, index: number, name: string): Tensor {
  const tensor = step.input(index);
  if (tensor.shape.length > 0)
    throw new InvalidArgumentError(`Argument ${name} must be scalar, but had bad shape ${shapeString(tensor.shape)}`);
  return tensor;
}

const readStep = (step: KernelStep, name: string): bigint => step.heap.i64[scalar(step, 1, name).ptr / 8]!;

/** A shared name may lead to an accumulator of the other kind. */
function checkKind({ options }: Accumulator, sparse: boolean): void {
  if (options.sparse !== sparse)
    throw new InvalidArgumentError(
      `Accumulator '${options.name}' takes ${options.sparse ? "sparse" : "dense"} gradients`,
    );
}

const apply = (op: string, sparse: boolean): Kernel =>
  kernel(op, "CPU", { dtype: FLOATS }, (node) => {
    const dtype = node.type("dtype");
    const gradients = sparse ? sparseGradients(node, dtype) : denseGradients(node, dtype);
    return (step) => {
      const accumulator = accumulatorOf(step, node);
      const { dtype: held } = accumulator.options;
      const gradient = sparse ? [DataType.INT64, held, DataType.INT64] : [held];
      matchSignature(node, [handleType(node), DataType.INT64, ...gradient], []);
      checkKind(accumulator, sparse);
      accumulator.apply(readStep(step, "local_step"), (sum) => gradients.add(step, accumulator.options, sum));
      return DONE;
    };
  });

const take = (op: string, sparse: boolean): Kernel =>
  kernel(op, "CPU", { dtype: FLOATS }, (node) => {
    const dtype = node.type("dtype");
    const gradients = sparse ? sparseGradients(node, dtype) : denseGradients(node, dtype);
    return (step) => {
      const accumulator = accumulatorOf(step, node);
      const { options } = accumulator;
      const outputs = sparse ? [DataType.INT64, options.dtype, DataType.INT64] : [options.dtype];
      matchSignature(node, [handleType(node), DataType.INT32], outputs);
      checkKind(accumulator, sparse);
      const required = readInt(step.heap, scalar(step, 1, "num_required"));
      if (required <= 0) throw new InvalidArgumentError(`Argument num_required must be positive, but was ${required}`);
      return suspendUntil(step, (open, finish) =>
        accumulator.take(required, (error, sum, count) => {
          if (sum === null) {
            finish(error);
            return;
          }
          try {
            gradients.emit(open, options, sum, count);
            finish(null);
          } catch (failure) {
            finish(failure);
          } finally {
            sum.release();
          }
        }),
      );
    };
  });

const count = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const accumulator = accumulatorOf(step, node);
    writeInts(step.heap, step.allocateOutput(0, []), [accumulator.count]);
    return DONE;
  });

const setStep = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const accumulator = accumulatorOf(step, node);
    // TensorFlow's text names another argument.
    accumulator.globalStep = readStep(step, "num_required");
    return DONE;
  });

export const accumulatorKernels: readonly Kernel[] = [
  ...["", "Resource"].flatMap((form) => [
    create(`${form}ConditionalAccumulator`, false),
    apply(`${form}AccumulatorApplyGradient`, false),
    take(`${form}AccumulatorTakeGradient`, false),
    count(`${form}AccumulatorNumAccumulated`),
    setStep(`${form}AccumulatorSetGlobalStep`),
  ]),
  create("SparseConditionalAccumulator", true),
  apply("SparseAccumulatorApplyGradient", true),
  take("SparseAccumulatorTakeGradient", true),
];
