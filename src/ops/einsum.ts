// Einsum of one operand or two: axes that share a label are read along their diagonal, labels that only one operand has
// and the result lacks are summed, and what is left is a batch of matrix products whose result is laid out as asked.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { dtypeSize, partCount } from "../tensor/dtype.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { product } from "./matmul.js";
import { reduceCodes } from "./opcodes.js";
import { COMPLEX, partType } from "./support/complex.js";
import { ELLIPSIS, type Equation, expand, isBroadcast, parseEquation } from "./support/einsum-equation.js";
import { stridedCopy, stridesOf } from "./support/strided.js";

/** A tensor's elements by label: where they start, and how far apart they are along each. */
interface Operand {
  readonly ptr: number;
  readonly shape: Shape;
  readonly labels: readonly string[];
  readonly sizes: ReadonlyMap<string, number>;
  readonly strides: ReadonlyMap<string, number>;
}

const strideMap = (labels: readonly string[], shape: Shape): Map<string, number> => {
  const strides = new Map<string, number>();
  stridesOf(shape).forEach((stride, i) => {
    strides.set(labels[i]!, (strides.get(labels[i]!) ?? 0) + stride);
  });
  return strides;
};

const operand = (ptr: number, labels: readonly string[], shape: Shape): Operand => ({
  ptr,
  shape,
  labels: [...new Set(labels)],
  sizes: new Map(labels.map((label, i) => [label, shape[i]!])),
  strides: strideMap(labels, shape),
});

/** The operands of a call and the size of every label but the broadcast ones, which may differ. */
function read(step: KernelStep, { inputs, output }: Equation, count: number) {
  if (count !== inputs.length) throw new InvalidArgumentError(`Expected ${inputs.length} inputs but got: ${count}`);
  const sizes = new Map<string, number>();
  let broadcast = 0;
  const operands = inputs.map((labels, i) => {
    const { ptr, shape } = step.input(i);
    const dots = labels.includes(ELLIPSIS);
    const own = labels.length - Number(dots);
    if (dots ? shape.length < own : shape.length !== own)
      throw new InvalidArgumentError(
        `Expected input ${i} to have rank ${dots ? "at least " : ""}${own} but got: ${shape.length}`,
      );
    const axes = expand(labels, shape.length - own);
    broadcast = Math.max(broadcast, shape.length - own);
    axes.forEach((label, axis) => {
      if (isBroadcast(label)) return;
      const known = sizes.get(label);
      if (known !== undefined && known !== shape[axis])
        throw new InvalidArgumentError(
          `Expected dimension ${known} at axis ${axis} of the input shaped ${shapeString(shape)} but got dimension ${shape[axis]}`,
        );
      sizes.set(label, shape[axis]!);
    });
    return operand(ptr, axes, shape);
  });
  if (broadcast > 0 && !output.includes(ELLIPSIS))
    throw new InvalidArgumentError(
      `Output contains ${broadcast} broadcasting dimension(s) but no ellipsis (...) was found in the output subscripts.`,
    );
  return { operands, sizes, broadcast };
}

/** What becomes of each label: shared by the operands or not, kept in the result or not. */
interface Roles {
  /** Broadcast dimensions first, then labels that both have and the result keeps. */
  readonly batch: readonly string[];
  readonly free: readonly (readonly string[])[];
  readonly contract: readonly string[];
  readonly summed: readonly (readonly string[])[];
}

function rolesOf(operands: readonly Operand[], output: readonly string[], broadcast: number): Roles {
  const kept = new Set(output);
  const [a, b] = operands;
  const shared = a!.labels.filter((label) => !isBroadcast(label) && b?.labels.includes(label));
  const own = operands.map(({ labels }) => labels.filter((label) => !isBroadcast(label) && !shared.includes(label)));
  return {
    batch: [...expand([ELLIPSIS], broadcast), ...shared.filter((label) => kept.has(label))],
    free: own.map((labels) => labels.filter((label) => kept.has(label))),
    contract: shared.filter((label) => !kept.has(label)),
    summed: own.map((labels) => labels.filter((label) => !kept.has(label))),
  };
}

/** @throws InvalidArgumentError where a broadcast dimension has two sizes, neither of them 1 */
function broadcastSizes(operands: readonly Operand[], roles: Roles, sizes: Map<string, number>): void {
  for (const label of roles.batch.filter(isBroadcast)) {
    const found = operands.map((one) => one.sizes.get(label) ?? 1);
    const size = found.find((one) => one !== 1) ?? 1;
    if (found.some((one) => one !== 1 && one !== size)) {
      const shapes = operands.map((one, i) => shapeString(productShape(one, i, roles)));
      throw new InvalidArgumentError(`Invalid broadcasting dimensions: ${shapes.join(" vs. ")}`);
    }
    sizes.set(label, size);
  }
}

/** The shape in which TensorFlow hands an operand to its products: it needn't be transposed when contracted labels lead. */
function productShape(one: Operand, i: number, { batch, free, contract }: Roles): Shape {
  const size = (labels: readonly string[]) => numElements(labels.map((label) => one.sizes.get(label)!));
  const own = batch.filter((label) => one.sizes.has(label));
  const led = [...own, ...contract, ...free[i]!];
  const leads = one.labels.filter((label) => led.includes(label)).every((label, at) => label === led[at]);
  const pair = [size(free[i]!), size(contract)];
  return [...own.map((label) => one.sizes.get(label)!), ...(leads ? pair.reverse() : pair)];
}

function einsum(node: KernelNode): (step: KernelStep) => typeof DONE {
  const equation = parseEquation(node.string("equation"));
  const count = node.inputTypes.length;
  const dtype = node.inputTypes[0]!;
  const size = dtypeSize(dtype);
  const wasm = wasmOf(node);
  const multiply = product(node);
  const reduce = wasmFunction(node, "reduce", partType(dtype));
  return (step) => {
    const { operands, sizes, broadcast } = read(step, equation, count);
    // TensorFlow leaves out labels that no operand has.
    const output = expand(equation.output, broadcast).filter((label) => isBroadcast(label) || sizes.has(label));
    const roles = rolesOf(operands, output, broadcast);
    broadcastSizes(operands, roles, sizes);
    const sizesOf = (labels: readonly string[]): number[] => labels.map((label) => sizes.get(label) ?? 1);
    const temporary: Tensor[] = [];
    const allocate = (shape: Shape): number => {
      const made = step.allocate(dtype, shape);
      temporary.push(made);
      return made.ptr;
    };
    /** Where the operand's elements lie in the order of these labels: where they are, if they do already. */
    const layOut = (one: Operand, labels: readonly string[]): number => {
      const shape = sizesOf(labels);
      // An operand repeats along a dimension that it lacks, or has one of.
      const from = labels.map((label, i) => (one.sizes.get(label) === shape[i] ? one.strides.get(label)! : 0));
      const dense = stridesOf(shape);
      if (from.every((stride, i) => stride === dense[i] || shape[i] === 1)) return one.ptr;
      const ptr = allocate(shape);
      stridedCopy(step, wasm, size, one.ptr, ptr, shape, from);
      return ptr;
    };
    const sum = (one: Operand, labels: readonly string[]): Operand => {
      if (labels.length === 0) return one;
      const rest = one.labels.filter((label) => !labels.includes(label));
      const shape = rest.map((label) => one.sizes.get(label)!);
      for (const label of rest) if (isBroadcast(label)) sizes.set(label, one.sizes.get(label)!);
      const from = layOut(one, [...rest, ...labels]);
      const ptr = allocate(shape);
      if (numElements(shape) > 0)
        reduce(reduceCodes.Sum!, from, ptr, numElements(shape), numElements(sizesOf(labels)), partCount(dtype));
      return operand(ptr, rest, shape);
    };
    try {
      const wide = new Map(sizes);
      const [a, b] = operands.map((one, i) => sum(one, roles.summed[i]!));
      for (const [label, value] of wide) sizes.set(label, value);
      const result = b === undefined ? a! : pair(a!, b);
      emit(result);
    } finally {
      for (const tensor of temporary) tensor.release();
    }
    return DONE;

    function pair(a: Operand, b: Operand): Operand {
      const { batch, free, contract } = roles;
      const labels = [...batch, ...free[0]!, ...free[1]!];
      const shape = sizesOf(labels);
      const [m, n, k] = [free[0]!, free[1]!, contract].map((group) => numElements(sizesOf(group))) as [
        number,
        number,
        number,
      ];
      const ptr = allocate(shape);
      if (numElements(shape) === 0) return operand(ptr, labels, shape);
      const left = layOut(a, [...batch, ...free[0]!, ...contract]);
      const right = layOut(b, [...batch, ...contract, ...free[1]!]);
      const batches = numElements(sizesOf(batch));
      for (let i = 0; i < batches; i++)
        multiply(
          step,
          false,
          false,
          m,
          n,
          k,
          left + i * m * k * size,
          right + i * k * n * size,
          ptr + i * m * n * size,
        );
      return operand(ptr, labels, shape);
    }

    function emit(result: Operand): void {
      const y = step.allocateOutput(0, sizesOf(output));
      if (y.size === 0) return;
      const labels = [...new Set(output)];
      // A label that is named twice fills a diagonal.
      if (labels.length < output.length) step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
      const to = strideMap(output, y.shape);
      const strides = (map: ReadonlyMap<string, number>) => labels.map((label) => map.get(label) ?? 0);
      stridedCopy(step, wasm, size, result.ptr, y.ptr, sizesOf(labels), strides(result.strides), strides(to));
    }
  };
}

export const einsumKernels: readonly Kernel[] = [
  kernel("Einsum", "CPU", { T: ["float", "double", "int32", "int64", ...COMPLEX] }, einsum),
];
