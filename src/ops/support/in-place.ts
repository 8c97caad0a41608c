// A value that others are added to, subtracted from or divided by, element by element and in place: what variables and
// accumulators grow by. Half and bfloat16 are computed with in float and rounded after each operation, as in TensorFlow;
// complex numbers are added and subtracted part by part.
import type { KernelNode, KernelStep } from "../../kernel/kernel.js";
import { DataType, partCount } from "../../tensor/dtype.js";
import { wasmFunction } from "../cpu.js";
import { partType } from "./complex.js";
import { conversions, isNarrow } from "./narrow-floats.js";

/** @param stride of x: 0 for one element that meets all of y */
export type Update = (step: KernelStep, y: number, x: number, size: number, stride?: 0 | 1) => void;

export function inPlace(node: KernelNode, dtype: DataType, code: number): Update {
  if (!isNarrow(dtype)) {
    const compute = wasmFunction(node, "binary", partType(dtype));
    const parts = partCount(dtype);
    return (_step, y, x, size, stride = 1) => {
      if (size > 0) compute(code, y, x, y, 1, size * parts, 0, 0, 1, stride);
    };
  }
  const compute = wasmFunction(node, "binary", DataType.FLOAT);
  const { widen, narrow } = conversions(node, dtype);
  return (step, y, x, size, stride = 1) => {
    if (size === 0) return;
    const wide = step.allocate(DataType.FLOAT, [2, size]);
    const other = wide.ptr + wide.bytes / 2;
    widen(y, wide.ptr, size);
    widen(x, other, stride === 1 ? size : 1);
    compute(code, wide.ptr, other, wide.ptr, 1, size, 0, 0, 1, stride);
    narrow(wide.ptr, y, size);
    wide.release();
  };
}
