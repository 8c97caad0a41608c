// Updates of parts of a variable: rows by index, slices by coordinates, strided slices; and counting up to a limit. Each
// kind exists for reference variables, which change in place, and for resource variables, which are copied first if
// anybody else reads them.
import { FailedPreconditionError, InvalidArgumentError, OutOfRangeError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmOf } from "./cpu.js";
import { type Combine, gatherNd, scatterRows, scatterSlices } from "./indexing.js";
import { gather, masksOf, stridedView, unravel } from "./slicing.js";
import { readInt, readInts, writeInts } from "./support/index-tensor.js";
import { stridedCopy, stridesOf } from "./support/strided.js";
import { readVariable, writableValue } from "./variables.js";

const NUMBERS = ["float", "double", "int32", "int64", "uint8", "int8", "int16", "uint16"];
const EVERY_FIXED = [...NUMBERS, "bool"];

/** The value on input 0, ready to be written into, and what becomes of the output. */
interface Target {
  readonly value: Tensor;
  done(): void;
}

function target(step: KernelStep, resource: boolean, dtype: DataType): Target {
  if (resource) return { value: writableValue(step, readVariable(step, 0, dtype)), done: () => {} };
  const variable = step.inputRef(0);
  if (variable.value === null)
    throw new FailedPreconditionError(`Attempting to use uninitialized value ${variable.name}`);
  return { value: variable.value, done: () => step.setOutputRef(0, variable) };
}

/** The shape that updates must have, or a scalar. */
function checkUpdates(resource: boolean, updates: Tensor, indices: Tensor, params: Shape): void {
  if (updates.shape.length === 0) return;
  const expected = [...indices.shape, ...params.slice(1)];
  if (sameShape(updates.shape, expected)) return;
  if (resource && indices.shape.some((size, i) => size !== updates.shape[i]))
    throw new InvalidArgumentError(
      `The shape of indices (${shapeString(indices.shape)}) must be a prefix of the shape of updates (${shapeString(updates.shape)})`,
    );
  throw new InvalidArgumentError(
    "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape " +
      `${shapeString(updates.shape)}, indices.shape ${shapeString(indices.shape)}, params.shape ${shapeString(params)}`,
  );
}

/** Rows that a list of indices names. */
function rowsOf(step: KernelStep, indices: Tensor, params: Shape): number[] {
  const limit = params[0]!;
  const rows = readInts(step.heap, indices);
  rows.forEach((row, i) => {
    if (row >= 0 && row < limit) return;
    const place = indices.shape.length === 0 ? "" : shapeString(unravel(i, indices.shape));
    throw new InvalidArgumentError(`indices${place} = ${row} is not in [0, ${limit})`);
  });
  return rows;
}

const scatter = (name: string, how: Combine, resource: boolean): Kernel => {
  const types = how === "update" ? EVERY_FIXED : NUMBERS;
  return kernel(`${resource ? "Resource" : ""}Scatter${name}`, "CPU", { [resource ? "dtype" : "T"]: types }, (node) => {
    const type = node.type(resource ? "dtype" : "T");
    const integers = type !== DataType.FLOAT && type !== DataType.DOUBLE;
    return (step) => {
      const [indices, updates] = [step.input(1), step.input(2)];
      const { value, done } = target(step, resource, updates.dtype);
      if (value.shape.length < 1)
        throw new InvalidArgumentError(`params must be at least 1-D, got shape ${shapeString(value.shape)}`);
      checkUpdates(resource, updates, indices, value.shape);
      const rows = rowsOf(step, indices, value.shape);
      if (how === "div" && integers) checkDivisors(step, updates);
      scatterRows(step.heap, value, updates, { rows, width: numElements(value.shape.slice(1)) }, how);
      done();
      return DONE;
    };
  });
};

function checkDivisors(step: KernelStep, updates: Tensor): void {
  const size = dtypeSize(updates.dtype);
  for (let i = 0; i < updates.size; i++) {
    const at = updates.ptr + i * size;
    if (step.heap.u8.subarray(at, at + size).every((byte) => byte === 0))
      throw new InvalidArgumentError("Integer division by zero");
  }
}

const scatterNd = (name: string, how: Combine, resource: boolean): Kernel =>
  kernel(
    `${resource ? "Resource" : ""}ScatterNd${name}`,
    "CPU",
    { T: how === "update" ? EVERY_FIXED : NUMBERS },
    () => {
      return (step) => {
        const [indices, updates] = [step.input(1), step.input(2)];
        const { value, done } = target(step, resource, updates.dtype);
        if (indices.shape.length < 1)
          throw new InvalidArgumentError(
            `Indices shape must have rank at least one. Found:${shapeString(indices.shape)}`,
          );
        const depth = indices.shape.at(-1)!;
        const batch = indices.shape.slice(0, -1);
        if (depth > value.shape.length)
          throw new InvalidArgumentError(
            `Inner dimension of indices cannot be greater than rank of the tensor: ${depth} > ${value.shape.length}`,
          );
        const expected = [...batch, ...value.shape.slice(depth)];
        if (!sameShape(updates.shape, expected))
          throw new InvalidArgumentError(
            `Dimensions [${batch.length},${updates.shape.length}) of updates[shape=${shapeString(updates.shape)}] must match ` +
              `dimensions [${depth},${value.shape.length}) of input[shape=${shapeString(value.shape)}]`,
          );
        scatterRows(step.heap, value, updates, scatterSlices(step.heap, indices, value.shape), how);
        done();
        return DONE;
      };
    },
  );

const stridedSliceAssign = (resource: boolean): Kernel =>
  kernel(`${resource ? "Resource" : ""}StridedSliceAssign`, "CPU", { T: EVERY_FIXED }, (node) => {
    const masks = masksOf(node);
    return (step) => {
      const updates = step.input(4);
      const { value, done } = target(step, resource, updates.dtype);
      const read = (input: number) => readInts(step.heap, step.input(input));
      const view = stridedView(value.shape, read(1), read(2), read(3), masks);
      // Dimensions of one may be left out in front.
      const lead = Math.max(0, view.shape.length - updates.shape.length);
      const padded = [...new Array<number>(lead).fill(1), ...updates.shape];
      if (padded.length !== view.shape.length || padded.some((size, i) => size !== view.shape[i] && size !== 1))
        throw new InvalidArgumentError(
          `shape of value was ${shapeString(updates.shape)} instead of ${shapeString(view.shape)}`,
        );
      const size = dtypeSize(value.dtype);
      const dense = stridesOf(padded);
      const from = padded.map((length, i) => (length === 1 ? 0 : dense[i]!));
      // Axes that were taken away or added have one element: those that stayed are in the same order in both.
      const kept = view.sizes.filter((length) => length !== 1).length;
      const source = from.filter((_, i) => view.shape[i] !== 1).slice(-kept);
      let next = 0;
      const strides = view.sizes.map((length) => (length === 1 ? 0 : source[next++]!));
      if (numElements(view.sizes) > 0)
        stridedCopy(
          step,
          wasmOf(node),
          size,
          updates.ptr,
          value.ptr + view.offset * size,
          view.sizes,
          strides,
          view.strides,
        );
      done();
      return DONE;
    };
  });

const countUpTo = (resource: boolean): Kernel =>
  kernel(`${resource ? "Resource" : ""}CountUpTo`, "CPU", { T: ["int32", "int64"] }, (node) => {
    const limit = node.int("limit");
    const dtype = node.type("T");
    return (step) => {
      const { value } = target(step, resource, dtype);
      if (value.shape.length > 0) throw new InvalidArgumentError(`input is not a scalar: ${shapeString(value.shape)}`);
      const before = readInt(step.heap, value);
      if (before >= limit) throw new OutOfRangeError(`Reached limit of ${limit}`);
      writeInts(step.heap, step.allocateOutput(0, []), [before]);
      writeInts(step.heap, value, [before + 1]);
      return DONE;
    };
  });

const resourceGatherNd = kernel("ResourceGatherNd", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  return (step) => {
    gatherNd(step, readVariable(step, 0, dtype).value!, step.input(1));
    return DONE;
  };
});

const resourceGather = gather("ResourceGather", false, (step, dtype) => readVariable(step, 0, dtype).value!);

const KINDS: readonly (readonly [string, Combine])[] = [
  ["Update", "update"],
  ["Add", "add"],
  ["Sub", "sub"],
  ["Mul", "mul"],
  ["Div", "div"],
  ["Min", "min"],
  ["Max", "max"],
];
const ND_KINDS = KINDS.filter(([name]) => name !== "Mul" && name !== "Div");

export const scatterVariableKernels: readonly Kernel[] = [false, true].flatMap((resource) => [
  ...KINDS.map(([name, how]) => scatter(name, how, resource)),
  ...ND_KINDS.map(([name, how]) => scatterNd(name, how, resource)),
  stridedSliceAssign(resource),
  countUpTo(resource),
  ...(resource ? [resourceGather, resourceGatherNd] : []),
]);
