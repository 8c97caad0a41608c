// Gradients of neural network ops.
import type { AttrInput, Output } from "../graph.js";
import type { GradientContext, GradientFunction } from "./index.js";

/** `op(grad, features)` is the gradient. */
const ofInput =
  (op: string): GradientFunction =>
  ({ graph, inputs, grads }) => [graph.op(op, [grads[0]!, inputs[0]!]).output()];

const ofOutput =
  (op: string): GradientFunction =>
  ({ graph, outputs, grads }) => [graph.op(op, [grads[0]!, outputs[0]!]).output()];

/** The losses come with their gradient by logits as second output: each row times what comes back for it. */
const crossEntropy: GradientFunction = ({ graph, outputs, grads }) => {
  const column = graph.op("ExpandDims", [grads[0]!, graph.constant(-1)]).output();
  return [graph.op("Mul", [column, outputs[1]!]).output(), null];
};

/** The attributes that an op and its gradient share. */
function shared({ node }: GradientContext, ...names: string[]): Record<string, AttrInput> {
  return Object.fromEntries(names.map((name) => [name, node.attrs.get(name)!]));
}

const WINDOW = ["strides", "padding", "data_format"];

export const nnGradients: Readonly<Record<string, GradientFunction>> = {
  Relu: ofOutput("ReluGrad"),
  Relu6: ofOutput("Relu6Grad"),
  Elu: ofOutput("EluGrad"),
  Softplus: ofInput("SoftplusGrad"),
  Softsign: ofInput("SoftsignGrad"),
  BiasAdd: ({ graph, grads }) => [grads[0]!, graph.op("BiasAddGrad", [grads[0]!]).output()],
  SoftmaxCrossEntropyWithLogits: crossEntropy,
  SparseSoftmaxCrossEntropyWithLogits: crossEntropy,
  Softmax: ({ graph, outputs, grads }) => {
    const y = outputs[0]!;
    const product = graph.op("Mul", [grads[0]!, y]).output();
    const sum = graph.op("Sum", [product, graph.constant([-1])], { keep_dims: true }).output();
    return [graph.op("Mul", [graph.op("Sub", [grads[0]!, sum]).output(), y]).output()];
  },
  Conv2D: (context) => {
    const { graph, inputs, grads } = context;
    const [image, filter] = inputs as [Output, Output];
    const attrs = shared(context, ...WINDOW, "explicit_paddings", "dilations", "use_cudnn_on_gpu");
    const shape = (x: Output) => graph.op("Shape", [x]).output();
    return [
      graph.op("Conv2DBackpropInput", [shape(image), filter, grads[0]!], attrs).output(),
      graph.op("Conv2DBackpropFilter", [image, shape(filter), grads[0]!], attrs).output(),
    ];
  },
  MaxPool: (context) => {
    const { graph, inputs, outputs, grads } = context;
    return [
      graph.op("MaxPoolGrad", [inputs[0]!, outputs[0]!, grads[0]!], shared(context, ...WINDOW, "ksize")).output(),
    ];
  },
  AvgPool: (context) => {
    const { graph, inputs, grads } = context;
    const shape = graph.op("Shape", [inputs[0]!]).output();
    return [graph.op("AvgPoolGrad", [shape, grads[0]!], shared(context, ...WINDOW, "ksize")).output()];
  },
};
