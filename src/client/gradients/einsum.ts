// The gradient of Einsum: an Einsum of what came back with the other operand. Labels that only one operand has are summed
// away in the product; along them every element gets the same.
import type { Output } from "../output.js";
import type { GradientContext, GradientFunction, Gradients } from "./context.js";

const decoder = new TextDecoder();
const without = (labels: string, others: string) => [...labels].filter((label) => !others.includes(label)).join("");

/** Spreads a gradient that has the labels `from` over an operand that has more, perhaps some of them twice. */
function spread({ ops }: GradientContext, grad: Output, from: string, x: Output, labels: string): Output {
  const missing = [...new Set(without(labels, from))].join("");
  if (missing === "") return from === labels ? grad : ops.einsum([grad], { equation: `${from}->${labels}` });
  const sizes = ops.gatherV2(
    ops.shape(x),
    [...missing].map((label) => labels.indexOf(label)),
    0,
  );
  const whole = ops.broadcastTo(grad, ops.concatV2([sizes, ops.shape(grad)], 0));
  return ops.einsum([whole], { equation: `${missing}${from}->${labels}` });
}

const einsum: GradientFunction = (context) => {
  const { ops, x, dy } = context;
  const equation = decoder.decode(context.attr("equation").s);
  if (equation.includes(".")) throw context.unsupported("an ellipsis");
  const [operands, output] = equation.replaceAll(" ", "").split("->") as [string, string];
  const labels = operands.split(",");
  if (x.length === 1) return [spread(context, dy, output, x[0]!, labels[0]!)];
  return x.map((operand, i) => {
    const [own, other] = [labels[i]!, labels[1 - i]!];
    const kept = [...new Set(own)].filter((label) => (output + other).includes(label)).join("");
    const product = ops.einsum([dy, x[1 - i]!], { equation: `${output},${other}->${kept}` });
    return spread(context, product, kept, operand, own);
  });
};

export const einsumGradients: Gradients = { Einsum: einsum };
