// Summaries: scalars and histograms as messages that event files hold, several of them in one.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { Summary, type Summary_Value } from "../wire/io.js";
import { listOf } from "./support/elements.js";

const REALS = ["float", "double", "int32", "int64", "uint8", "int8", "uint16", "int16", "uint32", "uint64"];

const decoder = new TextDecoder();
const textOf = (tags: Tensor, i: number): string => decoder.decode(tags.values![i] as Uint8Array);

function emit(step: KernelStep, value: Parameters<typeof Summary.encode>[0]["value"]): typeof DONE {
  step.setOutput(0, Tensor.ofValues(DataType.STRING, [], [Summary.encode({ value })]));
  return DONE;
}

const scalarSummary = kernel("ScalarSummary", "CPU", { T: REALS }, () => (step) => {
  const [tags, values] = [step.input(0), step.input(1)];
  if (!sameShape(tags.shape, values.shape)) {
    const only = tags.size === 1 ? ` (tag '${textOf(tags, 0)}')` : "";
    throw new InvalidArgumentError(
      `tags and values are not the same shape: ${shapeString(tags.shape)} != ${shapeString(values.shape)}${only}`,
    );
  }
  return emit(
    step,
    listOf(step.heap, values).map((value, i) => ({ tag: textOf(tags, i), simpleValue: Number(value) })),
  );
});

const LARGEST = Number.MAX_VALUE;

/** Upper ends of the buckets of all histograms: a tenth more from one to the next, away from 0 on both sides. */
function bucketLimits(): Float64Array {
  const positive: number[] = [];
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push(limit);
  positive.push(LARGEST);
  return Float64Array.of(...positive.map((limit) => -limit).reverse(), 0, ...positive);
}

/** Position of the first limit above the value. */
function bucketOf(limits: Float64Array, value: number): number {
  let [low, high] = [0, limits.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value < limits[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Buckets in a row that hold nothing become one. */
function compact(limits: Float64Array, counts: Float64Array): { bucketLimit: number[]; bucket: number[] } {
  const bucketLimit: number[] = [];
  const bucket: number[] = [];
  counts.forEach((count, i) => {
    if (count === 0 && bucket.at(-1) === 0) bucketLimit[bucketLimit.length - 1] = limits[i]!;
    else {
      bucketLimit.push(limits[i]!);
      bucket.push(count);
    }
  });
  return { bucketLimit, bucket };
}

const histogramSummary = kernel("HistogramSummary", "CPU", { T: REALS }, () => {
  const limits = bucketLimits();
  return (step) => {
    const [tags, values] = [step.input(0), step.input(1)];
    if (tags.shape.length > 0) throw new InvalidArgumentError("tags must be scalar");
    const counts = new Float64Array(limits.length);
    const histogram = { min: LARGEST, max: -LARGEST, num: values.size, sum: 0, sumSquares: 0 };
    for (const element of listOf(step.heap, values)) {
      const value = Number(element);
      if (!Number.isFinite(value)) {
        const what = Number.isNaN(value) ? "Nan in summary histogram" : "Infinity in Histogram";
        throw new InvalidArgumentError(`${what} for: ${step.nodeName}`);
      }
      counts[Math.min(bucketOf(limits, value), limits.length - 1)]!++;
      histogram.min = Math.min(histogram.min, value);
      histogram.max = Math.max(histogram.max, value);
      histogram.sum += value;
      histogram.sumSquares += value * value;
    }
    return emit(step, [{ tag: textOf(tags, 0), histo: { ...histogram, ...compact(limits, counts) } }]);
  };
});

function parse(bytes: Uint8Array): Summary {
  try {
    return Summary.decode(bytes);
  } catch {
    throw new InvalidArgumentError("Could not parse one of the summary inputs");
  }
}

const mergeSummary = kernel("MergeSummary", "CPU", {}, (node) => {
  const count = node.inputTypes.length;
  return (step) => {
    const merged: Summary_Value[] = [];
    const tags = new Set<string>();
    for (let i = 0; i < count; i++) {
      for (const bytes of step.input(i).values!)
        for (const value of parse(bytes as Uint8Array).value) {
          if (value.tag !== "" && tags.has(value.tag))
            throw new InvalidArgumentError(`Duplicate tag ${value.tag} found in summary inputs `);
          tags.add(value.tag);
          merged.push(value);
        }
    }
    return emit(step, merged);
  };
});

export const summaryKernels: readonly Kernel[] = [scalarSummary, histogramSummary, mergeSummary];
