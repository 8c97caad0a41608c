// Gradients of functions of one tensor, element by element.

import type { Output } from "../output.js";
import {
  conj,
  forAll,
  type GradientContext,
  type GradientFunction,
  type Gradients,
  notDifferentiable,
} from "./context.js";

/** The gradient is dy times this. */
const times =
  (factor: (context: GradientContext, x: Output, y: Output) => Output): GradientFunction =>
  (context) => [context.ops.mul(context.dy, factor(context, context.x[0]!, context.y[0]!))];

/** `op(y, dy)` is the gradient. */
const ofOutput =
  (op: string): GradientFunction =>
  ({ graph, y, dy }) => [graph.op(op, [y[0]!, dy]).output()];

/** `op(dy, features)` is the gradient. */
const ofFeatures =
  (op: string, from: "x" | "y", ...attrs: string[]): GradientFunction =>
  (context) => [context.like(op, [context.dy, context[from][0]!], ...attrs)];

const inverse = ofOutput("ReciprocalGrad");
/** 1 − x² and 1 + x². */
const less = ({ ops }: GradientContext, x: Output) => ops.sub(1, ops.square(x));
const more = ({ ops }: GradientContext, x: Output) => ops.add(1, ops.square(x));
const arc = (context: GradientContext, x: Output) => context.ops.reciprocal(context.ops.sqrt(less(context, x)));
const bell = ({ ops }: GradientContext, x: Output, factor: number) => ops.mul(factor, ops.exp(ops.neg(ops.square(x))));

/** The gradient of `op(a, b)`, itself the gradient of a function whose value is `a` and that got `b`. */
const gradOf =
  (op: string, ofValue: (context: GradientContext, a: Output, b: Output, dy: Output) => Output): GradientFunction =>
  (context) => {
    const [a, b] = context.x as [Output, Output];
    return [ofValue(context, a, b, context.dy), context.graph.op(op, [a, context.dy]).output()];
  };

/** The same where the kernel conjugates the value. @param both the product of `b` and what came back */
const gradOfConjugate =
  (op: string, ofValue: (context: GradientContext, a: Output, both: Output) => Output): GradientFunction =>
  (context) => {
    const { ops, graph, x, dy } = context;
    const a = conj(x[0]!);
    return [ofValue(context, a, ops.mul(conj(dy), x[1]!)), graph.op(op, [a, dy]).output()];
  };

const inverseGrad = (op: string) => gradOfConjugate(op, ({ ops }, a, both) => ops.mul(ops.mul(both, -2), a));

/** The gradient of `op(b, features)`, which doesn't bend. */
const straight =
  (op: string, ...attrs: string[]): GradientFunction =>
  (context) => {
    const features = context.x[1]!;
    return [context.like(op, [context.dy, features], ...attrs), context.ops.zerosLike(features)];
  };

/** Of one that bends where the value is negative. */
const bent =
  (op: string): GradientFunction =>
  ({ graph, ops, x, dy }) => {
    const [b, value] = x as [Output, Output];
    const below = ops.selectV2(ops.less(value, 0), ops.mul(dy, b), ops.zerosLike(value));
    return [graph.op(op, [dy, value]).output(), below];
  };

export const unaryGradients: Gradients = {
  ...forAll(["Floor", "Ceil", "Rint", "Round"], notDifferentiable),
  Sign: ({ ops, x }) => [ops.zerosLike(x[0]!)],
  Abs: times(({ ops }, x) => ops.sign(x)),
  Neg: ({ ops, dy }) => [ops.neg(dy)],
  Inv: inverse,
  Reciprocal: inverse,
  Square: times(({ ops }, x) => ops.mul(x, 2)),
  Sqrt: ofOutput("SqrtGrad"),
  Rsqrt: ofOutput("RsqrtGrad"),
  Exp: times((_, __, y) => y),
  Expm1: times(({ ops }, x) => ops.exp(x)),
  Log: times(({ ops }, x) => ops.reciprocal(x)),
  Log1p: times(({ ops }, x) => ops.reciprocal(ops.add(1, x))),
  Sin: times(({ ops }, x) => ops.cos(x)),
  Cos: ({ ops, x, dy }) => [ops.neg(ops.mul(dy, ops.sin(x[0]!)))],
  Tan: times(({ ops }, x) => ops.square(ops.reciprocal(ops.cos(x)))),
  Asin: times(arc),
  Acos: (context) => [context.ops.neg(context.ops.mul(context.dy, arc(context, context.x[0]!)))],
  Atan: times((context, x) => context.ops.reciprocal(more(context, x))),
  Sinh: times(({ ops }, x) => ops.cosh(x)),
  Cosh: times(({ ops }, x) => ops.sinh(x)),
  Tanh: ofOutput("TanhGrad"),
  Asinh: ({ ops, y, dy }) => [ops.realDiv(dy, ops.cosh(y[0]!))],
  Acosh: ({ ops, y, dy }) => [ops.realDiv(dy, ops.sinh(y[0]!))],
  Atanh: times((context, x) => context.ops.reciprocal(less(context, x))),
  Sigmoid: ofOutput("SigmoidGrad"),
  Erf: times((context, x) => bell(context, x, 2 / Math.sqrt(Math.PI))),
  Erfc: times((context, x) => bell(context, x, -2 / Math.sqrt(Math.PI))),
  Erfinv: times(({ ops }, _, y) => ops.mul(Math.sqrt(Math.PI) / 2, ops.exp(ops.square(y)))),
  Lgamma: times(({ ops }, x) => ops.digamma(x)),
  Digamma: times(({ ops }, x) => ops.polygamma(1, x)),
  Relu: ofFeatures("ReluGrad", "y"),
  Relu6: ofFeatures("Relu6Grad", "y"),
  LeakyRelu: ofFeatures("LeakyReluGrad", "x", "alpha"),
  Elu: ofFeatures("EluGrad", "y"),
  Selu: ofFeatures("SeluGrad", "y"),
  Softplus: ofFeatures("SoftplusGrad", "x"),
  Softsign: ofFeatures("SoftsignGrad", "x"),
  TanhGrad: gradOf("TanhGrad", ({ ops }, a, b, dy) => ops.mul(ops.mul(ops.mul(dy, -2), b), a)),
  SigmoidGrad: gradOf("SigmoidGrad", ({ ops }, a, b, dy) => {
    const both = ops.mul(dy, b);
    return ops.sub(both, ops.mul(ops.mul(2, both), a));
  }),
  SqrtGrad: ({ ops, x, y, dy }) => {
    const scaled = ops.realDiv(dy, x[0]!);
    return [ops.mul(ops.neg(conj(scaled)), y[0]!), ops.mul(scaled, 0.5)];
  },
  RsqrtGrad: gradOfConjugate("RsqrtGrad", ({ ops }, a, both) => ops.mul(ops.mul(both, -1.5), ops.square(a))),
  ReciprocalGrad: inverseGrad("ReciprocalGrad"),
  InvGrad: inverseGrad("InvGrad"),
  ReluGrad: straight("ReluGrad"),
  Relu6Grad: straight("Relu6Grad"),
  LeakyReluGrad: straight("LeakyReluGrad", "alpha"),
  EluGrad: bent("EluGrad"),
  SeluGrad: bent("SeluGrad"),
  SoftplusGrad: ({ ops, x, dy }) => {
    const [b, features] = x as [Output, Output];
    const spread = ops.addV2(ops.addV2(ops.exp(ops.neg(features)), 2), ops.exp(features));
    return [ops.softplusGrad(dy, features), ops.realDiv(ops.mul(dy, b), spread)];
  },
};
