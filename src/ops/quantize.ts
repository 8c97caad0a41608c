// QuantizeV2: floats to integers of few bits, by the range that they are said to lie in. All arithmetic is in floats.
import { InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, kernel } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { DataType } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";

const f32 = Math.fround;
/** Numbers below the smallest normal one are zero on TensorFlow's threads. */
const flushed = (value: number): number => (Math.abs(value) < 2 ** -126 ? 0 : f32(value));
const FLOAT_MAX = f32(3.4028234663852886e38);

interface Range {
  readonly low: number;
  readonly high: number;
}

/** What the dtype holds, and where its elements are. */
const LIMITS: Record<number, Range> = {
  [DataType.QINT8]: { low: -128, high: 127 },
  [DataType.QUINT8]: { low: 0, high: 255 },
  [DataType.QINT16]: { low: -32768, high: 32767 },
  [DataType.QUINT16]: { low: 0, high: 65535 },
  [DataType.QINT32]: { low: -(2 ** 31), high: 2 ** 31 - 1 },
};

function viewOf(heap: Heap, { dtype, ptr }: Tensor): { [index: number]: number } {
  if (dtype === DataType.QINT8) return heap.i8.subarray(ptr);
  if (dtype === DataType.QUINT8) return heap.u8.subarray(ptr);
  if (dtype === DataType.QINT16) return heap.i16.subarray(ptr / 2);
  if (dtype === DataType.QUINT16) return heap.u16.subarray(ptr / 2);
  return heap.i32.subarray(ptr / 4);
}

/** Halves go away from zero. */
function round(value: number): number {
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

function roundToEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 !== 0) ? whole + 1 : whole;
}

const clamp = (value: number, { low, high }: Range): number => Math.max(Math.min(value, high), low);

interface Scheme {
  /** The range that is really used. */
  readonly range: Range;
  readonly quantize: (value: number) => number;
}

type MakeScheme = (limits: Range, range: Range) => Scheme;

/** The lowest value becomes the lowest integer. */
const minCombined: MakeScheme = (limits, range) => {
  const scale = f32((limits.high - limits.low) / f32(range.high - range.low));
  const signed = limits.low < 0;
  const half = signed ? (limits.high - limits.low + 1) / 2 : 0;
  const scaled = (value: number) => f32(f32(clamp(value, range) - range.low) * scale);
  return {
    range,
    quantize: signed ? (value) => round(f32(scaled(value) - half)) : (value) => Math.trunc(f32(scaled(value) + 0.5)),
  };
};

/** Zero falls on an integer. */
const minFirst: MakeScheme = (limits, range) => {
  const steps = limits.high - limits.low + 1;
  const width = f32(f32(range.high - range.low) * (steps / (steps - 1)));
  const scale = f32(steps / width);
  const lowest = round(f32(range.low * scale));
  const high = Math.min(f32(limits.high), limits.high === 2 ** 31 - 1 ? 2147483520 : limits.high);
  const bounds = { low: limits.low, high };
  return { range, quantize: (value) => clamp(f32(round(f32(value * scale)) - f32(lowest - limits.low)), bounds) };
};

/** Zero stays zero: the longer side of the range fills its side of the integers. */
const scaled =
  (narrow: boolean, nearest: (value: number) => number): MakeScheme =>
  (limits, range) => {
    const low = limits.low + Number(narrow);
    const side = (most: number, bound: number) => (f32(most * bound) > 0 ? f32(most / bound) : FLOAT_MAX);
    const scale = Math.min(side(low, range.low), side(limits.high, range.high));
    const used = { low: flushed(low / scale), high: flushed(limits.high / scale) };
    return { range: used, quantize: (value) => nearest(f32(clamp(value, used) * scale)) };
  };

function schemeOf(node: KernelNode): MakeScheme {
  const mode = node.string("mode");
  if (mode === "MIN_COMBINED") return minCombined;
  if (mode === "MIN_FIRST") return minFirst;
  const nearest = node.string("round_mode") === "HALF_TO_EVEN" ? roundToEven : round;
  return scaled(node.bool("narrow_range"), nearest);
}

/** Ranges hold zero, and are wide enough to divide by. */
function nudge(low: number, high: number, least: number): Range {
  if (high < low) throw new InvalidArgumentError("input_max_range must be larger than input_min_range.");
  const from = Math.min(0, low);
  const epsilon = f32(Math.max(1, Math.abs(low), Math.abs(high)) * least);
  return { low: from, high: Math.max(0, high, f32(from + epsilon)) };
}

function checkRanges(ranges: readonly (readonly [string, Tensor])[], x: Tensor, axis: number): void {
  if (axis >= x.shape.length)
    throw new InvalidArgumentError(
      `Axis is on a zero-based index, so its value must always be less than number of input's dims, but given axis value was ${axis} and input's dims was ${x.shape.length}`,
    );
  for (const [name, range] of ranges) {
    const needs = `${name} must be a 1-D tensor whose size matches the axis dimension of the input and output tensors, but`;
    if (axis >= 0 && range.shape.length !== 1)
      throw new InvalidArgumentError(`If axis is specified, ${needs} ${name} dims are ${range.shape.length}`);
    if (axis >= 0 && range.size !== x.shape[axis])
      throw new InvalidArgumentError(
        `If axis is specified, ${needs} ${name} is a 1-D tensor of size ${range.size} and input's axis dimension is of size ${x.shape[axis]}`,
      );
    if (axis < 0 && range.size !== 1)
      throw new InvalidArgumentError(
        `If axis is not specified, ${name} must contain a single float element, but it contains ${range.size} elements`,
      );
  }
}

const types = ["qint8", "quint8", "qint16", "quint16", "qint32"];

export const quantizeKernels: readonly Kernel[] = [
  kernel("QuantizeV2", "CPU", { T: types }, (node) => {
    const limits = LIMITS[node.type("T")]!;
    const make = schemeOf(node);
    const least = f32(node.float("ensure_minimum_range"));
    const axis = node.int("axis");
    const first = node.string("mode") === "MIN_FIRST";
    if (axis < -1) throw new InvalidArgumentError(`Axis must be at least -1. Found ${axis}`);
    return (step) => {
      const [x, lows, highs] = [step.input(0), step.input(1), step.input(2)];
      checkRanges(
        [
          ["min_range", lows],
          ["max_range", highs],
        ],
        x,
        axis,
      );
      if (axis >= 0 && first && lows.size !== 1)
        throw new UnimplementedError("MIN_FIRST mode is not implemented for Quantize with axis != -1.");
      const outputs = [
        step.allocateOutput(0, x.shape),
        ...[1, 2].map((i) => step.allocateOutput(i, lows.size > 1 ? lows.shape : [])),
      ] as const;
      const floats = step.heap.f32;
      for (const { ptr, size } of outputs.slice(1)) floats.fill(0, ptr >>> 2, (ptr >>> 2) + size);
      const [from, low, high] = [x, lows, highs].map((tensor) => tensor.ptr >>> 2) as [number, number, number];
      const schemes = Array.from({ length: lows.size }, (_, i) =>
        make(limits, nudge(floats[low + i]!, floats[high + i]!, least)),
      );
      schemes.forEach(({ range }, i) => {
        floats[(outputs[1]!.ptr >>> 2) + i] = range.low;
        floats[(outputs[2]!.ptr >>> 2) + i] = range.high;
      });
      const view = viewOf(step.heap, outputs[0]);
      const inner = axis < 0 ? x.size : x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
      for (let i = 0; i < x.size; i++) {
        const slice = schemes.length === 1 ? 0 : Math.floor(i / inner) % schemes.length;
        view[i] = schemes[slice]!.quantize(floats[from + i]!);
      }
      return DONE;
    };
  }),
];
