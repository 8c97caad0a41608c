// What the gradient of an op is made from: the op, its inputs and outputs, and what came back for the outputs.
import { UnimplementedError } from "../../errors/index.js";
import type { Node } from "../../graph/graph.js";
import { baseDtype, DataType, isComplex } from "../../tensor/dtype.js";
import type { AttrValue } from "../../wire/core.js";
import type { Graph } from "../graph.js";
import type { Ops } from "../ops.generated.js";
import { Operation, type Output } from "../output.js";
import { isFloating } from "../values.js";
import { type Gradient, toDense } from "./indexed-slices.js";

/** What holds numbers. */
export const isOpaque = (dtype: DataType): boolean => dtype === DataType.RESOURCE || dtype === DataType.VARIANT;

/** Gradients flow through floating point numbers, complex ones too, and through what holds them. */
export const carries = (dtype: DataType): boolean => {
  const base = baseDtype(dtype);
  return isFloating(base) || isComplex(base) || isOpaque(base);
};

/** The conjugate of complex numbers; real ones stay what they are. */
export const conj = (x: Output): Output => (isComplex(x.dtype) ? x.graph.ops.conj(x) : x);

/** Gradients for the inputs of an op, `null` for those that have none; inputs at the end may be left out. */
export type GradientFunction = (context: GradientContext) => readonly (Gradient | null)[];
export type Gradients = Readonly<Record<string, GradientFunction>>;

export class GradientContext {
  readonly ops: Ops;
  readonly x: readonly Output[];
  readonly y: readonly Output[];

  constructor(
    readonly graph: Graph,
    readonly node: Node,
    /** As they came, by output. */
    readonly grads: readonly (Gradient | null)[],
    /** Zeros for an output that nothing came back for. */
    readonly zeros: (index: number) => Output,
    /** Whether anything comes of the gradient of an input, by input. */
    readonly wanted: readonly boolean[],
  ) {
    const operation = new Operation(graph, node);
    this.ops = graph.ops;
    this.x = operation.inputs;
    this.y = operation.outputs;
  }

  /** For the first output. */
  get dy(): Output {
    return this.grad(0);
  }

  /** What came back for an output as a whole tensor: zeros when nothing did. */
  grad(index: number): Output {
    const gradient = this.grads[index];
    return gradient ? toDense(gradient) : this.zeros(index);
  }

  attr(name: string): AttrValue {
    return this.node.attrs.get(name)!;
  }

  unsupported(what: string): Error {
    return new UnimplementedError(`The gradient of ${this.node.op.name} '${this.node.name}' with ${what} is missing`);
  }

  /** An op by its name, with attributes of this one. */
  like(type: string, inputs: readonly Output[], ...attrs: readonly string[]): Output {
    return this.graph.op(type, inputs, Object.fromEntries(attrs.map((name) => [name, this.attr(name)]))).output();
  }
}

/** The op has no gradient, whatever comes back: it is constant in steps, or TensorFlow says so. */
export const notDifferentiable: GradientFunction = () => [];

/** One function for many ops. */
export const forAll = (names: readonly string[], gradient: GradientFunction): Gradients =>
  Object.fromEntries(names.map((name) => [name, gradient]));
