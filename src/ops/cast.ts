// Cast: elements of one dtype as those of another. Half-width floats go by way of float; of a complex number, the real part
// is what another dtype has of it.
import { UnimplementedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeName, dtypeSize, isComplex } from "../tensor/dtype.js";
import { wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { partsOf, partType } from "./support/complex.js";
import { copyBytes } from "./support/rows.js";
import { withTemporaries } from "./support/temporaries.js";

/** Numbers of the dtypes in assembly/kernels/cast.ts. */
const castCodes: Record<number, number> = {
  [DataType.FLOAT]: 0,
  [DataType.DOUBLE]: 1,
  [DataType.INT32]: 2,
  [DataType.INT64]: 3,
  [DataType.UINT8]: 4,
  [DataType.INT8]: 5,
  [DataType.INT16]: 6,
  [DataType.UINT16]: 7,
  [DataType.UINT32]: 8,
  [DataType.UINT64]: 9,
  [DataType.BOOL]: 10,
};
const NARROW = new Map([
  [DataType.HALF as number, "half"],
  [DataType.BFLOAT16 as number, "bfloat16"],
]);

/** How many bits of the source's fraction a cast that truncates clears before it rounds. */
function clearedBits(from: DataType, to: DataType): number {
  if (from === DataType.FLOAT) return to === DataType.HALF ? 13 : to === DataType.BFLOAT16 ? 16 : 0;
  if (from === DataType.DOUBLE) return to === DataType.HALF ? 42 : to === DataType.FLOAT ? 29 : 0;
  return 0;
}

type Convert = (step: KernelStep, x: number, y: number, n: number) => void;

const isKnown = (dtype: DataType): boolean => castCodes[dtype] !== undefined || NARROW.has(dtype);

/** Between dtypes whose elements are single numbers. */
function converter(node: KernelNode, from: DataType, to: DataType): Convert {
  const wasm = wasmOf(node) as unknown as Record<string, (...args: number[]) => number>;
  const cleared = node.bool("Truncate") ? clearedBits(from, to) : 0;
  const truncate = from === DataType.DOUBLE ? "truncate_f64" : "truncate_f32";
  if (!isKnown(from) || !isKnown(to)) {
    throw new UnimplementedError(`Cast ${dtypeName(from)} to ${dtypeName(to)} is not supported`);
  }
  return (step, x, y, n) => {
    const truncated = cleared > 0 ? scratch(step, n * dtypeSize(from)) : null;
    if (truncated !== null) wasm[truncate]!(x, truncated.ptr, n, cleared);
    let source = truncated?.ptr ?? x;
    const wide = NARROW.has(from) || NARROW.has(to) ? scratch(step, 4 * n) : null;
    if (NARROW.has(from)) {
      wasm[`${NARROW.get(from)}_to_f32`]!(x, wide!.ptr, n);
      source = wide!.ptr;
    }
    const sourceCode = NARROW.has(from) ? 0 : castCodes[from]!;
    if (NARROW.has(to)) {
      if (sourceCode !== 0) wasm.cast!(sourceCode, 0, source, wide!.ptr, n);
      wasm[`f32_to_${NARROW.get(to)}`]!(sourceCode === 0 ? source : wide!.ptr, y, n);
    } else {
      wasm.cast!(sourceCode, castCodes[to]!, source, y, n);
    }
    wide?.release();
    truncated?.release();
  };
}

/** Where one dtype at least is complex. */
function complexConverter(node: KernelNode, from: DataType, to: DataType): Convert {
  const [x, y] = [partType(from), partType(to)];
  const convert: Convert =
    x === y ? (step, a, b, n) => copyBytes(step.heap, a, b, n * dtypeSize(x)) : converter(node, x, y);
  if (isComplex(from) && isComplex(to)) return (step, a, b, n) => convert(step, a, b, 2 * n);
  const dtype = isComplex(from) ? from : to;
  const part = partType(dtype);
  return (step, a, b, n) =>
    withTemporaries((keep) => {
      const { ptr } = keep(scratch(step, n * dtypeSize(part)));
      if (!isComplex(from)) convert(step, a, ptr, n);
      const { view, base } = partsOf(step.heap, { dtype, ptr: isComplex(from) ? a : b });
      const real = ptr / dtypeSize(part);
      for (let i = 0; i < n; i++) {
        if (isComplex(from)) view[real + i] = view[base + 2 * i]!;
        else {
          view[base + 2 * i] = view[real + i]!;
          view[base + 2 * i + 1] = 0;
        }
      }
      if (isComplex(from)) convert(step, ptr, b, n);
    });
}

const cast = kernel("Cast", "CPU", {}, (node) => {
  const [from, to] = [node.type("SrcT"), node.type("DstT")];
  if (from === to) {
    return (step) => {
      step.forwardInput(0, 0);
      return DONE;
    };
  }
  const convert = isComplex(from) || isComplex(to) ? complexConverter(node, from, to) : converter(node, from, to);
  return (step) => {
    const x = step.input(0);
    const y = step.allocateOutput(0, x.shape);
    if (x.size > 0) convert(step, x.ptr, y.ptr, x.size);
    return DONE;
  };
});

export const castKernels: readonly Kernel[] = [cast];
