// Gradients of complex numbers. TensorFlow has them conjugated: what comes back of an analytic function is dy times the
// conjugate of its derivative, which is its gradient for real numbers between two conjugations. And the ways between real
// and complex numbers.
import { isComplex } from "../../tensor/dtype.js";
import type { Output } from "../output.js";

import { unbroadcast } from "./binary.js";
import { GradientContext, type GradientFunction, type Gradients } from "./context.js";
import { type Gradient, toDense } from "./indexed-slices.js";

/**
 * Ops whose gradients multiply by something of the inputs. Those that only add, move or copy need nothing, the kernels of
 * SqrtGrad, RsqrtGrad and ReciprocalGrad conjugate by themselves, and TensorFlow forgets it for MulNoNan, Xlogy, Xdivy and
 * Cumprod.
 */
const ANALYTIC = [
  ...["Mul", "Div", "RealDiv", "DivNoNan", "Pow", "MatMul", "Einsum", "Prod"],
  ...["Square", "Exp", "Expm1", "Log", "Log1p", "Sigmoid", "SigmoidGrad"],
  ...["Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Tanh", "Asinh", "Acosh", "Atanh", "TanhGrad"],
];

const conjugated =
  (gradient: GradientFunction): GradientFunction =>
  (context) => {
    const { graph, node, grads, zeros, wanted } = context;
    if (!isComplex(node.outputTypes[0]!)) return gradient(context);
    const conj = (grad: Gradient | null): Output | null => grad && graph.ops.conj(toDense(grad));
    return gradient(new GradientContext(graph, node, grads.map(conj), zeros, wanted)).map(conj);
  };

/** The same for both kinds of numbers. */
export function forComplex(gradients: Gradients): Gradients {
  return { ...gradients, ...Object.fromEntries(ANALYTIC.map((op) => [op, conjugated(gradients[op]!)])) };
}

export const complexGradients: Gradients = {
  Conj: ({ ops, dy }) => [ops.conj(dy)],
  Real: ({ ops, dy, x }) => [ops.complex(dy, ops.zerosLike(dy), { tout: x[0]!.dtype })],
  Imag: ({ ops, dy, x }) => [ops.complex(ops.zerosLike(dy), dy, { tout: x[0]!.dtype })],
  Complex: (context) => {
    const { ops, dy, x } = context;
    const tout = x[0]!.dtype;
    return unbroadcast(context, [ops.real(dy, { tout }), ops.imag(dy, { tout })]);
  },
  ComplexAbs: ({ ops, dy, x, y }) => {
    const [z] = x as [Output];
    const complex = (real: Output) => ops.complex(real, ops.zerosLike(real), { tout: z.dtype });
    return [ops.divNoNan(ops.mul(complex(dy), z), complex(y[0]!))];
  },
};
