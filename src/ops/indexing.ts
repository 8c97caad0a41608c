// Gathering and scattering by whole coordinates: an index picks a slice of a tensor by its leading dimensions. Splitting
// rows by the partition each belongs to, and stitching them together again. Index tensors are checked before use.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import { retainValue, type Tensor, type Value } from "../tensor/tensor.js";
import { type Combine, type Scatter, type Slices, scatterOf } from "./scatter-rows.js";
import { unravel } from "./slicing.js";
import { joined } from "./strings.js";
import { COMPLEX } from "./support/complex.js";
import { readInts } from "./support/index-tensor.js";
import { NARROW_FLOATS } from "./support/narrow-floats.js";
import { allocateValues, copyBytes, emitRows } from "./support/rows.js";
import { stridesOf } from "./support/strided.js";
import { TextRoom } from "./support/text-room.js";

const NUMBERS = [
  "float",
  "double",
  ...NARROW_FLOATS,
  "int32",
  "int64",
  "uint8",
  "int8",
  "int16",
  "uint16",
  "uint32",
  "uint64",
];

const startsWith = (shape: Shape, prefix: Shape): boolean => prefix.every((size, i) => size === shape[i]);

/**
 * @param refuse makes the error for the coordinates at a position of the index tensor
 * @param last whether it tells the last position that is wrong, not the first
 */
function slicesOf(
  heap: Heap,
  indices: Tensor,
  shape: Shape,
  refuse: (place: string, coordinates: string) => InvalidArgumentError,
  last = false,
): Slices {
  const depth = indices.shape.at(-1)!;
  const flat = readInts(heap, indices);
  const strides = stridesOf(shape.slice(0, depth));
  const count = numElements(indices.shape.slice(0, -1));
  const rows = new Array<number>(count);
  let wrong = -1;
  for (let i = 0; i < count && (last || wrong < 0); i++) {
    let row = 0;
    for (let d = 0; d < depth; d++) {
      const at = flat[i * depth + d]!;
      if (at < 0 || at >= shape[d]!) wrong = i;
      row += at * strides[d]!;
    }
    rows[i] = row;
  }
  if (wrong >= 0) {
    const place = unravel(wrong, indices.shape.slice(0, -1));
    throw refuse(`[${place.join(",")}]`, flat.slice(wrong * depth, (wrong + 1) * depth).join(", "));
  }
  return { rows, width: numElements(shape.slice(depth)) };
}

/** The slices of params that the rows of indices pick. Shared by tensors and resource variables. */
export function gatherNd(step: KernelStep, params: Tensor, indices: Tensor): void {
  if (params.shape.length < 1) throw new InvalidArgumentError("params must be at least a vector");
  if (indices.shape.length < 1) throw new InvalidArgumentError("indices must be at least a vector");
  const depth = indices.shape.at(-1)!;
  if (depth > params.shape.length)
    throw new InvalidArgumentError(
      `index innermost dimension length must be <= params rank; saw: ${depth} vs. ${params.shape.length}`,
    );
  const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(depth)];
  if (numElements(indices.shape.slice(0, -1)) > 0 && params.size === 0)
    throw new InvalidArgumentError(
      `Requested more than 0 entries, but params is empty.  Params shape: ${shapeString(params.shape)}`,
    );
  const { rows, width } = slicesOf(
    step.heap,
    indices,
    params.shape,
    (place, at) =>
      new InvalidArgumentError(
        `indices${place} = [${at}] does not index into param shape ${shapeString(params.shape)}, node name: ${step.nodeName}`,
      ),
  );
  emitRows(step, 0, params, shape, width, rows);
}

const gatherNdOp = kernel("GatherNd", "CPU", {}, () => (step) => {
  gatherNd(step, step.input(0), step.input(1));
  return DONE;
});

/** Rows of a shape that the indices of a scatter name. @throws InvalidArgumentError with TensorFlow's text */
export function scatterSlices(heap: Heap, indices: Tensor, shape: Shape): Slices {
  return slicesOf(
    heap,
    indices,
    shape,
    (place, at) =>
      new InvalidArgumentError(`indices${place} = [${at}] does not index into shape ${shapeString(shape)}`),
    true,
  );
}

/** Where one of three is empty, all are, but for a target that nothing goes to. */
function checkEmpty(size: number, indices: Tensor, updates: Tensor): void {
  if (indices.size === 0 && updates.size === 0) return;
  if (size === 0 || indices.size === 0 || updates.size === 0)
    throw new InvalidArgumentError("Indices and updates specified for empty output shape");
}

const scatterNd = kernel("ScatterNd", "CPU", { T: [...NUMBERS, ...COMPLEX, "bool", "string"] }, (node) => {
  const add = scatterOf(node, node.type("T"));
  return (step) => scatterIntoZeros(step, add);
});

function scatterIntoZeros(step: KernelStep, add: Scatter): typeof DONE {
  const indices = step.input(0);
  const updates = step.input(1);
  const sizes = step.input(2);
  if (sizes.shape.length > 1) throw new InvalidArgumentError("Shape must be a vector");
  const shape = readInts(step.heap, sizes);
  for (const size of shape) if (size < 0) throw new InvalidArgumentError(`Dimension ${size} must be >= 0`);
  if (indices.shape.length < 1)
    throw new InvalidArgumentError(`Indices shape must have rank at least one. Found:${shapeString(indices.shape)}`);
  if (updates.shape.length < 1)
    throw new InvalidArgumentError(`Updates shape must have rank at least one. Found:${shapeString(updates.shape)}`);
  checkEmpty(shape.length, indices, updates);
  const depth = indices.shape.at(-1)!;
  const batch = indices.shape.length - 1;
  if (!startsWith(updates.shape, indices.shape.slice(0, -1)))
    throw new InvalidArgumentError(
      `Dimensions [0,${batch}) of indices[shape=${shapeString(indices.shape)}] must match dimensions [0,${batch}) of updates[shape=${shapeString(updates.shape)}]`,
    );
  const rest = updates.shape.slice(batch);
  if (rest.length !== shape.length - depth || rest.some((size, i) => size !== shape[depth + i]))
    throw new InvalidArgumentError(
      `Dimensions [${depth},${shape.length}) of input[shape=${shapeString(shape)}] must match dimensions [${batch},${updates.shape.length}) of updates[shape=${shapeString(updates.shape)}]`,
    );
  if (updates.values !== null) {
    const slices = scatterSlices(step.heap, indices, shape);
    const blank = allocateValues(step, shape, new Uint8Array(0));
    step.setOutput(0, scatterValues(step, updates, slices, shape, blank, concatenating(step)));
    return DONE;
  }
  const y = step.allocateOutput(0, shape);
  const slices = scatterSlices(step.heap, indices, shape);
  step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
  add(step, y, updates, slices, "add");
  return DONE;
}

/** Strings add up to the one after the other. */
function concatenating(step: KernelStep): (a: Value, b: Value) => Value {
  const room = new TextRoom(step);
  return (a, b) => ((a as Uint8Array).length === 0 ? b : joined([a as Uint8Array, b as Uint8Array], NOTHING, room));
}

const NOTHING = new Uint8Array(0);

const replaced = (_: Value, value: Value): Value => value;

/** JavaScript values into their places of `values`, which the result takes over; a scalar goes to all of them. */
export function scatterValues(
  step: KernelStep,
  updates: Tensor,
  { rows, width }: Slices,
  shape: Shape,
  values: Value[],
  combine: (there: Value, update: Value) => Value = replaced,
): Tensor {
  const stride = updates.shape.length === 0 ? 0 : 1;
  rows.forEach((row, i) => {
    for (let j = 0; j < width; j++) {
      const at = row * width + j;
      values[at] = combine(values[at]!, updates.values![(i * width + j) * stride]!);
    }
  });
  for (const value of values) retainValue(value);
  return step.tensorOf(updates.dtype, shape, values);
}

const tensorScatter = (op: string, how: Combine): Kernel =>
  kernel(
    op,
    "CPU",
    how === "update" ? {} : { T: how === "add" || how === "sub" ? [...NUMBERS, ...COMPLEX] : NUMBERS },
    (node) => {
      const update = scatterOf(node, node.type("T"));
      return (step) => {
        const tensor = step.input(0);
        const indices = step.input(1);
        const updates = step.input(2);
        const { shape } = tensor;
        if (shape.length < 1)
          throw new InvalidArgumentError(`Output must be at least 1-D, got shape: ${shapeString(shape)}`);
        if (indices.shape.length < 1)
          throw new InvalidArgumentError(
            `Indices shape must have rank at least one. Found:${shapeString(indices.shape)}`,
          );
        if (updates.shape.length < 1)
          throw new InvalidArgumentError(
            `Updates shape must have rank at least one. Found:${shapeString(updates.shape)}`,
          );
        checkEmpty(tensor.size, indices, updates);
        const depth = indices.shape.at(-1)!;
        const batch = indices.shape.length - 1;
        if (!startsWith(updates.shape, indices.shape.slice(0, -1)))
          throw new InvalidArgumentError(
            `Outer dimensions of indices and update must match. Indices shape: ${shapeString(indices.shape)}, updates shape:${shapeString(updates.shape)}`,
          );
        const rest = shape.slice(depth);
        if (updates.shape.length - batch !== shape.length - depth)
          throw new InvalidArgumentError(
            `Inner dimensions of output shape must match inner dimensions of updates shape. Output: ${shapeString(shape)} updates: ${shapeString(updates.shape)}`,
          );
        if (rest.some((size, i) => size !== updates.shape[batch + i]))
          throw new InvalidArgumentError(
            `The inner ${rest.length} dimensions of output.shape=${shapeString(shape)} must match the inner ${rest.length} dimensions of updates.shape=${shapeString(updates.shape)}`,
          );
        const slices = scatterSlices(step.heap, indices, shape);
        if (tensor.values !== null) {
          step.setOutput(0, scatterValues(step, updates, slices, shape, [...tensor.values]));
          return DONE;
        }
        let y = step.forward(0, 0, shape);
        if (y === null) {
          y = step.allocateOutput(0, shape);
          step.heap.u8.copyWithin(y.ptr, tensor.ptr, tensor.ptr + tensor.bytes);
        }
        update(step, y, updates, slices, how);
        return DONE;
      };
    },
  );

const scatterNdNonAliasing = kernel("ScatterNdNonAliasingAdd", "CPU", {}, tensorScatter("", "add").prepare);

const sparseToDense = kernel("SparseToDense", "CPU", {}, (node) => {
  const validates = node.bool("validate_indices");
  return (step) => {
    const [indices, sizes, values, blank] = [step.input(0), step.input(1), step.input(2), step.input(3)];
    if (indices.shape.length > 2)
      throw new InvalidArgumentError(
        `sparse_indices should be a scalar, vector, or matrix, got shape ${shapeString(indices.shape)}`,
      );
    const count = indices.shape[0] ?? 1;
    const depth = indices.shape[1] ?? 1;
    if (sizes.shape.length !== 1)
      throw new InvalidArgumentError(`output_shape must be rank 1, got shape ${shapeString(sizes.shape)}`);
    if (sizes.size !== depth)
      throw new InvalidArgumentError(
        `output_shape has incorrect number of elements: ${sizes.size} should be: ${depth}`,
      );
    if (values.shape.length > 1 || (values.shape.length === 1 && values.size !== count))
      throw new InvalidArgumentError(
        `sparse_values has incorrect shape ${shapeString(values.shape)}, should be [] or [${count}]`,
      );
    if (blank.shape.length > 0) throw new InvalidArgumentError("default_value should be a scalar.");
    const shape = readInts(step.heap, sizes);
    for (const size of shape) if (size < 0) throw new InvalidArgumentError(`Dimension ${size} must be >= 0`);
    const flat = readInts(step.heap, indices);
    const strides = stridesOf(shape);
    const rows = Array.from({ length: count }, (_, i) => {
      const place = flat.slice(i * depth, (i + 1) * depth);
      const refuse = (why: string) => new InvalidArgumentError(`indices[${i}] = [${place.join(",")}] ${why}`);
      if (place.some((at, d) => at < 0 || at >= shape[d]!))
        throw refuse(`is out of bounds: need 0 <= index < ${shapeString(shape)}`);
      return place.reduce((row, at, d) => row + at * strides[d]!, 0);
    });
    if (validates)
      rows.forEach((row, i) => {
        const place = `indices[${i}] = [${flat.slice(i * depth, (i + 1) * depth).join(",")}]`;
        if (i > 0 && row === rows[i - 1]) throw new InvalidArgumentError(`${place} is repeated`);
        if (i > 0 && row < rows[i - 1]!)
          throw new InvalidArgumentError(
            `${place} is out of order. Many sparse ops require sorted indices.\n` +
              "    Use `tf.sparse.reorder` to create a correctly ordered copy.\n\n",
          );
      });
    const stride = values.shape.length;
    emitRows(
      step,
      0,
      values,
      shape,
      1,
      (sources) => {
        sources.fill(-1);
        rows.forEach((row, i) => {
          sources[row] = i * stride;
        });
      },
      blank,
    );
    return DONE;
  };
});

const dynamicPartition = kernel("DynamicPartition", "CPU", {}, (node) => {
  const count = node.int("num_partitions");
  return (step) => {
    const data = step.input(0);
    const partitions = step.input(1);
    if (!startsWith(data.shape, partitions.shape))
      throw new InvalidArgumentError(
        `data.shape must start with partitions.shape, got data.shape = ${shapeString(data.shape)}, partitions.shape = ${shapeString(partitions.shape)}`,
      );
    const rows: number[][] = Array.from({ length: count }, () => []);
    readInts(step.heap, partitions).forEach((partition, i) => {
      if (partition < 0 || partition >= count)
        throw new InvalidArgumentError(
          `partitions${partitions.shape.length === 0 ? "" : shapeString(unravel(i, partitions.shape))} = ${partition} is not in [0, ${count})`,
        );
      rows[partition]!.push(i);
    });
    const rest = data.shape.slice(partitions.shape.length);
    for (let i = 0; i < count; i++) emitRows(step, i, data, [rows[i]!.length, ...rest], numElements(rest), rows[i]!);
    return DONE;
  };
});

const dynamicStitch = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const [, count] = node.inputRange("indices");
    return (step) => {
      const lists = Array.from({ length: count }, (_, i) => readInts(step.heap, step.input(i)));
      const data = Array.from({ length: count }, (_, i) => step.input(count + i));
      const shapeOfIndices = (i: number) => step.input(i).shape;
      const rest = data[0]!.shape.slice(shapeOfIndices(0).length);
      let rows = 0;
      lists.forEach((list, i) => {
        const shape = shapeOfIndices(i);
        if (!startsWith(data[i]!.shape, shape))
          throw new InvalidArgumentError(
            `data[${i}].shape = ${shapeString(data[i]!.shape)} does not start with indices[${i}].shape = ${shapeString(shape)}`,
          );
        const own = data[i]!.shape.slice(shape.length);
        if (own.length !== rest.length || own.some((size, d) => size !== rest[d]))
          throw new InvalidArgumentError(
            `Need data[0].shape[${shapeOfIndices(0).length}:] = data[${i}].shape[${shape.length}:], got data[0].shape = ${shapeString(data[0]!.shape)}, data[${i}].shape = ${shapeString(data[i]!.shape)}, indices[0].shape = ${shapeString(shapeOfIndices(0))}, indices[${i}].shape = ${shapeString(shape)}`,
          );
        for (const index of list) rows = Math.max(rows, index + 1);
      });
      const width = numElements(rest);
      const shape = [rows, ...rest];
      const check = (index: number, at: number) => {
        if (index < 0) throw new InvalidArgumentError(`indices[${at}] is out of range`);
        return index;
      };
      if (data[0]!.values !== null) {
        const values = allocateValues(step, shape, new Uint8Array(0));
        lists.forEach((list, i) => {
          list.forEach((index, at) => {
            for (let j = 0; j < width; j++) values[check(index, at) * width + j] = data[i]!.values![at * width + j]!;
          });
        });
        for (const value of values) retainValue(value);
        step.setOutput(0, step.tensorOf(data[0]!.dtype, shape, values));
        return DONE;
      }
      const y = step.allocateOutput(0, shape);
      const bytes = rows === 0 ? 0 : y.bytes / rows;
      // Rows that no index names are undefined in TensorFlow; ours don't show what was in memory before.
      step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
      lists.forEach((list, i) => {
        list.forEach((index, at) => {
          copyBytes(step.heap, data[i]!.ptr + at * bytes, y.ptr + check(index, at) * bytes, bytes);
        });
      });
      return DONE;
    };
  });

export const indexingKernels: readonly Kernel[] = [
  gatherNdOp,
  scatterNd,
  scatterNdNonAliasing,
  tensorScatter("TensorScatterUpdate", "update"),
  tensorScatter("TensorScatterAdd", "add"),
  tensorScatter("TensorScatterSub", "sub"),
  tensorScatter("TensorScatterMin", "min"),
  tensorScatter("TensorScatterMax", "max"),
  sparseToDense,
  dynamicPartition,
  dynamicStitch("DynamicStitch"),
  dynamicStitch("ParallelDynamicStitch"),
];
