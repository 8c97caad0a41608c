// Ops about shapes: what a tensor's shape is, the same elements under another one, shapes that broadcast.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { dtypeSize } from "../tensor/dtype.js";
import { fitsPartialShape, numElements, partialShapeString, shapeString } from "../tensor/shape.js";
import { broadcastReductions, broadcastShape } from "./support/broadcast.js";
import { normalizeAxis, readInts, writeInts } from "./support/index-tensor.js";

const shapeOp = kernel("Shape", "CPU", {}, () => (step) => {
  const { shape } = step.input(0);
  writeInts(step.heap, step.allocateOutput(0, [shape.length]), shape);
  return DONE;
});

const shapeN = kernel("ShapeN", "CPU", {}, (node) => {
  const count = node.inputTypes.length;
  return (step) => {
    for (let i = 0; i < count; i++) {
      const { shape } = step.input(i);
      writeInts(step.heap, step.allocateOutput(i, [shape.length]), shape);
    }
    return DONE;
  };
});

const size = kernel("Size", "CPU", {}, () => (step) => {
  writeInts(step.heap, step.allocateOutput(0, []), [step.input(0).size]);
  return DONE;
});

const rank = kernel("Rank", "CPU", {}, () => (step) => {
  writeInts(step.heap, step.allocateOutput(0, []), [step.input(0).shape.length]);
  return DONE;
});

const reshape = kernel("Reshape", "CPU", {}, () => (step) => {
  const x = step.input(0);
  const sizes = step.input(1);
  if (sizes.shape.length > 1) {
    throw new InvalidArgumentError(`sizes input must be 1-D, not ${shapeString(sizes.shape)}`);
  }
  const shape = readInts(step.heap, sizes);
  const open = shape.indexOf(-1);
  if (open !== shape.lastIndexOf(-1)) {
    throw new InvalidArgumentError(`Only one input size may be -1, not both ${open} and ${shape.lastIndexOf(-1)}`);
  }
  const negative = shape.findIndex((dim) => dim < -1);
  if (negative >= 0) throw new InvalidArgumentError(`Size ${negative} must be non-negative, not ${shape[negative]}`);
  if (open >= 0) {
    // Where a zero is given, the sizes that aren't zero say what is missing, as in TensorFlow.
    const hasZero = shape.includes(0);
    const rest = shape.reduce((n, dim, i) => (i === open || dim === 0 ? n : n * dim), 1);
    const elements = hasZero ? x.shape.reduce((n, dim) => (dim === 0 ? n : n * dim), 1) : x.size;
    if (!hasZero && x.size % rest !== 0) {
      throw new InvalidArgumentError(
        `Input to reshape is a tensor with ${x.size} values, but the requested shape requires a multiple of ${rest}`,
      );
    }
    shape[open] = Math.floor(elements / rest);
  }
  if (numElements(shape) !== x.size) {
    throw new InvalidArgumentError(
      `Input to reshape is a tensor with ${x.size} values, but the requested shape has ${numElements(shape)}`,
    );
  }
  step.setOutput(0, x.share(shape));
  return DONE;
});

/** The same bytes as elements of another dtype: the last dimension takes up the difference in size. */
const bitcast = kernel("Bitcast", "CPU", {}, (node) => {
  const from = node.inputTypes[0]!;
  const to = node.type("type");
  const [size, newSize] = [dtypeSize(from), dtypeSize(to)];
  return (step) => {
    const x = step.input(0);
    let shape = x.shape;
    if (size > newSize) shape = [...shape, size / newSize];
    else if (size < newSize) {
      if (shape.at(-1) !== newSize / size) throw new InvalidArgumentError(`Cannot bitcast from ${from} to ${to}`);
      shape = shape.slice(0, -1);
    }
    step.setOutput(0, x.share(shape, to));
    return DONE;
  };
});

const expandDims = kernel("ExpandDims", "CPU", {}, () => (step) => {
  const x = step.input(0);
  const dims = step.input(1);
  if (dims.size !== 1) throw new InvalidArgumentError("'dim' must be a tensor with a single value");
  const dim = readInts(step.heap, dims)[0]!;
  const { length } = x.shape;
  if (dim < -1 - length || dim > length) {
    throw new InvalidArgumentError(`Tried to expand dim index ${dim} for tensor with ${length} dimensions.`);
  }
  const shape = [...x.shape];
  shape.splice(dim < 0 ? dim + length + 1 : dim, 0, 1);
  step.setOutput(0, x.share(shape));
  return DONE;
});

const squeeze = kernel("Squeeze", "CPU", {}, (node) => {
  const given = node.ints("squeeze_dims");
  return (step) => {
    const x = step.input(0);
    const { length } = x.shape;
    const dims = new Set(
      given.map((dim) =>
        normalizeAxis(dim, length, () => `Tried to squeeze dim index ${dim} for tensor with ${length} dimensions.`),
      ),
    );
    const shape = x.shape.filter((dimSize, i) => {
      if (dims.size === 0) return dimSize !== 1;
      if (!dims.has(i)) return true;
      if (dimSize !== 1)
        throw new InvalidArgumentError(`Can not squeeze dim[${i}], expected a dimension of 1, got ${dimSize}`);
      return false;
    });
    step.setOutput(0, x.share(shape));
    return DONE;
  };
});

const ensureShape = kernel("EnsureShape", "CPU", {}, (node) => {
  const expected = node.shape("shape");
  const source = node.inputName(0);
  return (step) => {
    const { shape } = step.input(0);
    if (!fitsPartialShape(shape, expected)) {
      throw new InvalidArgumentError(
        `Shape of tensor ${source} ${shapeString(shape)} is not compatible with expected shape ${partialShapeString(expected)}.`,
      );
    }
    step.forwardInput(0, 0);
    return DONE;
  };
});

const broadcastArgs = kernel("BroadcastArgs", "CPU", {}, () => (step) => {
  const a = readInts(step.heap, step.input(0));
  const b = readInts(step.heap, step.input(1));
  const shape = broadcastShape(a, b);
  if (shape === null) throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(a)} vs. ${shapeString(b)}`);
  writeInts(step.heap, step.allocateOutput(0, [shape.length]), shape);
  return DONE;
});

/** Axes that the gradient of a broadcasting op must sum over, for each input. */
const broadcastGradientArgs = kernel("BroadcastGradientArgs", "CPU", {}, () => (step) => {
  const a = readInts(step.heap, step.input(0));
  const b = readInts(step.heap, step.input(1));
  const axes = broadcastReductions(a, b);
  if (axes === null) throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(a)} vs. ${shapeString(b)}`);
  axes.forEach((list, i) => {
    writeInts(step.heap, step.allocateOutput(i, [list.length]), list);
  });
  return DONE;
});

const concatOffset = kernel("ConcatOffset", "CPU", {}, (node) => {
  const count = node.inputTypes.length - 1;
  return (step) => {
    const shapes = Array.from({ length: count }, (_, i) => readInts(step.heap, step.input(i + 1)));
    const axis = normalizeAxis(
      readInts(step.heap, step.input(0))[0]!,
      shapes[0]!.length,
      (a, r) => `Concat dim is out of range: ${a} vs. ${r}`,
    );
    shapes.forEach((shape, i) => {
      if (shape.length !== shapes[0]!.length)
        throw new InvalidArgumentError(
          `input ${i} should contain ${shapes[0]!.length} elements, but got ${shape.length}`,
        );
      if (shape.some((size, d) => d !== axis && size !== shapes[0]![d]))
        throw new InvalidArgumentError(
          `All dimensions except ${axis} must match. Input ${i} has shape [${shape.join(" ")}] and doesn't match input 0 with shape [${shapes[0]!.join(" ")}].`,
        );
    });
    let offset = 0;
    shapes.forEach((shape, i) => {
      const offsets = shape.map((_, d) => (d === axis ? offset : 0));
      writeInts(step.heap, step.allocateOutput(i, [shape.length]), offsets);
      offset += shape[axis]!;
    });
    return DONE;
  };
});

const invertPermutation = kernel("InvertPermutation", "CPU", {}, () => (step) => {
  const x = step.input(0);
  if (x.shape.length !== 1) throw new InvalidArgumentError(`invert_permutation expects a 1D vector.`);
  const permutation = readInts(step.heap, x);
  const inverse = new Array<number>(permutation.length).fill(-1);
  permutation.forEach((to, i) => {
    if (to < 0 || to >= permutation.length)
      throw new InvalidArgumentError(`${to} is not between 0 and ${permutation.length}`);
    if (inverse[to] !== -1) throw new InvalidArgumentError(`${to} is duplicated in the input.`);
    inverse[to] = i;
  });
  writeInts(step.heap, step.allocateOutput(0, x.shape), inverse);
  return DONE;
});

export const shapeKernels: readonly Kernel[] = [
  shapeOp,
  shapeN,
  size,
  rank,
  reshape,
  bitcast,
  expandDims,
  squeeze,
  ensureShape,
  broadcastArgs,
  broadcastGradientArgs,
  concatOffset,
  invertPermutation,
];
