// Gradients of ops that only move elements.
import type { Output } from "../graph.js";
import type { GradientContext, GradientFunction } from "./index.js";

const reshapeBack = ({ graph, inputs, grads }: GradientContext): (Output | null)[] => {
  const shape = graph.op("Shape", [inputs[0]!]).output();
  return inputs.map((_, i) => (i === 0 ? graph.op("Reshape", [grads[0]!, shape]).output() : null));
};

const pass: GradientFunction = ({ grads }) => [grads[0]!];

export const arrayGradients: Readonly<Record<string, GradientFunction>> = {
  Identity: pass,
  // The gradient of a variable is that of what was read.
  ReadVariableOp: ({ grads }) => [grads[0]!],
  StopGradient: () => [null],
  Reshape: reshapeBack,
  ExpandDims: reshapeBack,
  Squeeze: reshapeBack,
  Transpose: ({ graph, inputs, grads }) => [
    graph.op("Transpose", [grads[0]!, graph.op("InvertPermutation", [inputs[1]!]).output()]).output(),
    null,
  ],
  Cast: ({ graph, inputs, grads }) => [graph.op("Cast", [grads[0]!], { DstT: inputs[0]!.dtype }).output()],
};
