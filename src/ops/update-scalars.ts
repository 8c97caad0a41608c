// The scalars of the optimizers' updates, read and checked. TensorFlow's ops word the same refusal in many ways, and some
// bound the values as well: all of that is here.
import { InvalidArgumentError } from "../errors/index.js";
import type { KernelNode, KernelStep } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import { readFloat, readInt } from "./support/index-tensor.js";
import type { Update } from "./updates.js";

interface Rule {
  readonly words: string;
  readonly allows: (value: number) => boolean;
  /** TensorFlow takes the first element of whatever comes. */
  readonly anyShape?: boolean;
}

const any = (): boolean => true;
const positive = (value: number): boolean => value > 0;
const notNegative = (value: number): boolean => value >= 0;

const STRENGTHS: Record<string, string> = {
  l1: "l1 regularization strength",
  l2: "l2 regularization strength",
  l2_shrinkage: "l2 shrinkage regularization strength",
};
const SPACED = new Set(["RMSProp", "CenteredRMSProp", "Adam", "AdamWithAmsgrad", "AdaMax"]);
const SPACED_ROWS = new Set(["Momentum", "KerasMomentum"]);
const BY_SIGN = new Set(["AddSign", "PowerSign"]);

function ruleOf(update: string, scalar: string, sparse: boolean, byRate: boolean): Rule {
  const ftrl = update.startsWith("Ftrl");
  const strict = update === "ProximalAdagrad" || (ftrl && sparse);
  const strength = STRENGTHS[scalar];
  if (strength !== undefined)
    return strict
      ? { words: `${strength} is not a non-negative scalar: `, allows: notNegative }
      : { words: `${strength} is not a scalar: `, allows: any };
  if (scalar === "lr" && strict) {
    const zero = ftrl ? " (or zero if multiply_linear_by_lr is set)" : "";
    return { words: `lr is not a positive scalar${zero}: `, allows: byRate ? notNegative : positive };
  }
  if (scalar === "lr_power")
    return strict
      ? { words: "lr_power is not a non-positive scalar: ", allows: (value) => value <= 0 }
      : { words: "lr_power is not a scalar", allows: any };
  if (scalar === "lr" && (sparse ? SPACED_ROWS : SPACED).has(update))
    return { words: "lr is not a scalar : ", allows: any };
  if (scalar === "sign_decay" && BY_SIGN.has(update))
    return { words: "sign_decay is empty: ", allows: any, anyShape: true };
  const name = scalar === "alpha" && update === "ProximalGradientDescent" && sparse ? "lr" : scalar;
  return { words: `${name} is not a scalar: `, allows: any };
}

/** Reads the scalars of an update, in the order of their names. */
export function scalarReader(update: Update, node: KernelNode, sparse: boolean): (step: KernelStep) => number[] {
  const byRate = node.has("multiply_linear_by_lr") && node.bool("multiply_linear_by_lr");
  const scalars = update.scalars.map((name) => ({
    rule: ruleOf(update.name, name, sparse, byRate),
    at: node.inputRange(name)[0],
  }));
  return (step) =>
    scalars.map(({ rule, at }) => {
      const tensor = step.input(at);
      const fits = rule.anyShape ? tensor.size > 0 : tensor.shape.length === 0;
      if (fits) {
        const value = tensor.dtype === DataType.INT64 ? readInt(step.heap, tensor) : readFloat(step.heap, tensor);
        if (rule.allows(value)) return value;
      }
      throw new InvalidArgumentError(`${rule.words}${shapeString(tensor.shape)}`);
    });
}
