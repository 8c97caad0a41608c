// Initial values of variables: each function gives what makes a tensor of a shape (`tf.compat.v1.initializers`), with
// the ops and the seeds that Python uses, so the same seeds give the same values.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import { numElements, type Shape } from "../tensor/shape.js";
import type { Graph } from "./graph.js";
import type { Output } from "./output.js";
import type { Feedable } from "./values.js";

/** Where a slice is in its variable. */
export interface PartitionInfo {
  readonly fullShape: Shape;
  readonly varOffset: Shape;
}

/** @param dtype float when left out @param partition given for a slice of a variable: `shape` is the slice's */
export type Initializer = (
  graph: Graph,
  shape: Shape,
  dtype: DataType | undefined,
  partition?: PartitionInfo,
) => Output;

export interface SeedOptions {
  /** Both 0, or none: other values in each session. */
  readonly seed?: number;
  readonly seed2?: number;
}

const fill =
  (value: number): Initializer =>
  (graph, shape, dtype = DataType.FLOAT) =>
    graph.ops.fill(shapeTensor(graph, shape), graph.constant(value, dtype));

const shapeTensor = (graph: Graph, shape: Shape): Output => graph.constant(shape, DataType.INT32, "shape");

export const zeros = (): Initializer => fill(0);
export const ones = (): Initializer => fill(1);

/** One number for all elements, or all of them. */
export const constant =
  (value: Feedable): Initializer =>
  (graph, shape, dtype, partition) => {
    if (typeof value === "number") return fill(value)(graph, shape, dtype);
    const whole = graph.constant(value, dtype);
    return partition === undefined ? whole : graph.ops.slice(whole, partition.varOffset, shape);
  };

/** Between `from` and `to`, the latter excluded. */
export const randomUniform =
  (from = -0.05, to = 0.05, seeds: SeedOptions = {}): Initializer =>
  (graph, shape, dtype = DataType.FLOAT) => {
    const { ops } = graph;
    const [low, high] = [graph.constant(from, dtype, "min"), graph.constant(to, dtype, "max")];
    const random = ops.randomUniform(shapeTensor(graph, shape), { dtype, ...seeds });
    return ops.addV2(ops.mul(random, ops.sub(high, low)), low);
  };

const normal =
  (op: "randomStandardNormal" | "truncatedNormal") =>
  (mean: number, stddev: number, seeds: SeedOptions): Initializer =>
  (graph, shape, dtype = DataType.FLOAT) => {
    const { ops } = graph;
    return ops.addV2(ops.mul(ops[op](shapeTensor(graph, shape), { dtype, ...seeds }), stddev), mean);
  };

export const randomNormal = (mean = 0, stddev = 0.05, seeds: SeedOptions = {}): Initializer =>
  normal("randomStandardNormal")(mean, stddev, seeds);

/** Values beyond two standard deviations are drawn again. */
export const truncatedNormal = (mean = 0, stddev = 0.05, seeds: SeedOptions = {}): Initializer =>
  normal("truncatedNormal")(mean, stddev, seeds);

/** What comes in and goes out of a unit: the last two dimensions, times the window before them. */
function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  if (shape.some((size) => size < 0)) throw new InvalidArgumentError(`The shape [${shape}] is not fully known`);
  if (shape.length < 2) {
    const size = numElements(shape);
    return { fanIn: size, fanOut: size };
  }
  const window = numElements(shape.slice(0, -2));
  return { fanIn: window * shape.at(-2)!, fanOut: window * shape.at(-1)! };
}

/** A truncated normal distribution has a smaller deviation than the normal one that it is cut from. */
const TRUNCATED = 0.87962566103423978;

export interface VarianceScalingOptions extends SeedOptions {
  /** 1 when left out. */
  readonly scale?: number;
  /** What the variance is divided by: units that come in (`fanIn`), go out, or both by half. */
  readonly mode?: "fanIn" | "fanOut" | "fanAvg";
  /** `truncatedNormal` when left out. */
  readonly distribution?: "truncatedNormal" | "untruncatedNormal" | "uniform";
}

/** Values whose variance keeps what goes through a layer as large as it came. */
export const varianceScaling =
  (options: VarianceScalingOptions = {}): Initializer =>
  (graph, shape, dtype, partition) => {
    const { scale = 1, mode = "fanIn", distribution = "truncatedNormal", ...seeds } = options;
    const { fanIn, fanOut } = fans(partition?.fullShape ?? shape);
    const units = { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode];
    const variance = scale / Math.max(1, units);
    const deviation = Math.sqrt(variance);
    if (distribution === "truncatedNormal")
      return truncatedNormal(0, deviation / TRUNCATED, seeds)(graph, shape, dtype);
    if (distribution === "untruncatedNormal") return randomNormal(0, deviation, seeds)(graph, shape, dtype);
    const limit = Math.sqrt(3 * variance);
    return randomUniform(-limit, limit, seeds)(graph, shape, dtype);
  };

/** Glorot and Bengio, 2010: what goes through keeps its variance both ways. */
export const glorotUniform = (seeds: SeedOptions = {}): Initializer =>
  varianceScaling({ mode: "fanAvg", distribution: "uniform", ...seeds });
export const glorotNormal = (seeds: SeedOptions = {}): Initializer => varianceScaling({ mode: "fanAvg", ...seeds });
/** He et al., 2015: for layers with ReLU. */
export const heUniform = (seeds: SeedOptions = {}): Initializer =>
  varianceScaling({ scale: 2, distribution: "uniform", ...seeds });
export const heNormal = (seeds: SeedOptions = {}): Initializer => varianceScaling({ scale: 2, ...seeds });
/** LeCun et al., 1998. */
export const lecunUniform = (seeds: SeedOptions = {}): Initializer =>
  varianceScaling({ distribution: "uniform", ...seeds });
export const lecunNormal = (seeds: SeedOptions = {}): Initializer => varianceScaling(seeds);
