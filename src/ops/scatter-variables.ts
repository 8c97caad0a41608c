// Updates of parts of a variable: rows by index, slices by coordinates, strided slices; and counting up to a limit. Each
// kind exists for reference variables, which change in place, and for resource variables, which are copied first if
// anybody else reads them.
import { FailedPreconditionError, InvalidArgumentError, OutOfRangeError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { Variable } from "../resources/variable.js";
import { DataType, dtypeName, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { retainValue, type Tensor } from "../tensor/tensor.js";
import { wasmOf } from "./cpu.js";
import { gatherNd, scatterSlices, scatterValues } from "./indexing.js";
import { type Combine, scatterOf } from "./scatter-rows.js";
import { gather, masksOf, stridedView, unravel } from "./slicing.js";
import { COMPLEX } from "./support/complex.js";
import { readInt, readInts, writeInts } from "./support/index-tensor.js";
import { NARROW_FLOATS } from "./support/narrow-floats.js";
import { stridedCopy, stridesOf } from "./support/strided.js";
import { readVariable, writableValue } from "./variables.js";

const INTS = ["int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64"];
const NUMBERS = ["float", "double", ...NARROW_FLOATS, ...INTS];
const EVERY = [...NUMBERS, ...COMPLEX, "bool", "string"];

/** What has an order is needed for the least and the greatest alone. */
const typesOf = (how: Combine): readonly string[] =>
  how === "update" ? EVERY : how === "min" || how === "max" ? NUMBERS : [...NUMBERS, ...COMPLEX];

/** The value on input 0, ready to be written into, and what becomes of the output. */
interface Target {
  readonly value: Tensor;
  /** JavaScript values can't be written into: the variable gets a new tensor, and the hold on it. */
  replace(value: Tensor): void;
  done(): void;
}

function target(step: KernelStep, resource: boolean, dtype: DataType): Target {
  const variable = resource ? readVariable(step, 0, dtype) : step.inputRef(0);
  if (variable.value === null)
    throw new FailedPreconditionError(`Attempting to use uninitialized value ${variable.name}`);
  return {
    value: variable instanceof Variable && resource ? writableValue(step, variable) : variable.value,
    replace: (value) => {
      variable.value?.release();
      variable.value = value;
    },
    done: () => {
      if (!resource) step.setOutputRef(0, variable);
    },
  };
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

/** @throws InvalidArgumentError for the `i`-th of the indices */
function refuseRow(indices: Tensor, i: number, row: number, limit: number): never {
  const place = indices.shape.length === 0 ? "" : shapeString(unravel(i, indices.shape));
  throw new InvalidArgumentError(`indices${place} = ${row} is not in [0, ${limit})`);
}

const scatter = (name: string, how: Combine, resource: boolean): Kernel => {
  return kernel(
    `${resource ? "Resource" : ""}Scatter${name}`,
    "CPU",
    { [resource ? "dtype" : "T"]: typesOf(how) },
    (node) => {
      const type = node.type(resource ? "dtype" : "T");
      const integers = INTS.includes(dtypeName(type));
      const update = scatterOf(node, type);
      return (step) => {
        const [indices, updates] = [step.input(1), step.input(2)];
        const { value, replace, done } = target(step, resource, updates.dtype);
        if (value.shape.length < 1)
          throw new InvalidArgumentError(`params must be at least 1-D, got shape ${shapeString(value.shape)}`);
        checkUpdates(resource, updates, indices, value.shape);
        const limit = value.shape[0]!;
        const named = readInts(step.heap, indices);
        const wrong = named.findIndex((row) => row < 0 || row >= limit);
        // The rows before a wrong one are changed all the same.
        const rows = wrong < 0 ? named : named.slice(0, wrong);
        if (how === "div" && integers) checkDivisors(step, updates);
        const slices = { rows, width: numElements(value.shape.slice(1)) };
        if (value.values !== null) replace(scatterValues(step, updates, slices, value.shape, [...value.values]));
        else update(step, value, updates, slices, how);
        if (wrong >= 0) refuseRow(indices, wrong, named[wrong]!, limit);
        done();
        return DONE;
      };
    },
  );
};

function checkDivisors(step: KernelStep, updates: Tensor): void {
  const size = dtypeSize(updates.dtype);
  for (let i = 0; i < updates.size; i++) {
    const at = updates.ptr + i * size;
    if (step.heap.u8.subarray(at, at + size).every((byte) => byte === 0))
      throw new InvalidArgumentError("Integer division by zero");
  }
}

/** What becomes of sums and differences when anything but 0 is true. */
const inBooleans = (how: Combine): Combine => (how === "add" ? "max" : how === "sub" ? "differ" : how);

const scatterNd = (name: string, how: Combine, resource: boolean): Kernel =>
  kernel(
    `${resource ? "Resource" : ""}ScatterNd${name}`,
    "CPU",
    { T: resource && (how === "add" || how === "sub") ? [...typesOf(how), "bool"] : typesOf(how) },
    (node) => {
      const update = scatterOf(node, node.type("T"));
      return (step) => {
        const [indices, updates] = [step.input(1), step.input(2)];
        const { value, replace, done } = target(step, resource, updates.dtype);
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
        batch.forEach((size, i) => {
          if (size === updates.shape[i]) return;
          throw new InvalidArgumentError(
            `Dimensions [0,${batch.length}) of indices[shape=${shapeString(indices.shape)}] = ${size} must match ` +
              `dimensions [0,${batch.length}) of updates[shape=${shapeString(updates.shape)}] = ${updates.shape[i] ?? 0}`,
          );
        });
        if (!sameShape(updates.shape.slice(batch.length), value.shape.slice(depth)))
          throw new InvalidArgumentError(
            `Dimensions [${depth},${value.shape.length}) of input[shape=${shapeString(value.shape)}] must match ` +
              `dimensions [${batch.length},${updates.shape.length}) of updates[shape=${shapeString(updates.shape)}]`,
          );
        const slices = scatterSlices(step.heap, indices, value.shape);
        if (value.values !== null) replace(scatterValues(step, updates, slices, value.shape, [...value.values]));
        else update(step, value, updates, slices, value.dtype === DataType.BOOL ? inBooleans(how) : how);
        done();
        return DONE;
      };
    },
  );

const stridedSliceAssign = (resource: boolean): Kernel =>
  kernel(`${resource ? "Resource" : ""}StridedSliceAssign`, "CPU", { T: EVERY }, (node) => {
    const masks = masksOf(node);
    return (step) => {
      const updates = step.input(4);
      const { value, replace, done } = target(step, resource, updates.dtype);
      const read = (input: number) => readInts(step.heap, step.input(input));
      const view = stridedView(value.shape, read(1), read(2), read(3), masks);
      // Dimensions of one may be left out in front.
      const lead = Math.max(0, view.shape.length - updates.shape.length);
      const padded = [...new Array<number>(lead).fill(1), ...updates.shape];
      if (padded.length !== view.shape.length || padded.some((size, i) => size !== view.shape[i] && size !== 1))
        throw new InvalidArgumentError(
          `Cannot broadcast input shape ${shapeString(updates.shape)} into final shape ${shapeString(view.shape)}`,
        );
      const size = dtypeSize(value.dtype);
      const dense = stridesOf(padded);
      const from = padded.map((length, i) => (length === 1 ? 0 : dense[i]!));
      // Axes that were taken away or added have one element: those that stayed are in the same order in both.
      const kept = view.sizes.filter((length) => length !== 1).length;
      const source = from.filter((_, i) => view.shape[i] !== 1).slice(-kept);
      let next = 0;
      const strides = view.sizes.map((length) => (length === 1 ? 0 : source[next++]!));
      if (value.values !== null) {
        const values = [...value.values];
        for (let i = 0; i < numElements(view.sizes); i++) {
          const at = unravel(i, view.sizes);
          const place = at.reduce((sum, index, d) => sum + index * view.strides[d]!, view.offset);
          values[place] = updates.values![at.reduce((sum, index, d) => sum + index * strides[d]!, 0)]!;
        }
        for (const element of values) retainValue(element);
        replace(step.tensorOf(value.dtype, value.shape, values));
      } else if (numElements(view.sizes) > 0)
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
