// Reverse-mode gradients (`tf.gradients`): walks the graph backwards from the ys and adds, for each op on a way to an x,
// the ops of its gradient. A family's gradients are in the file of its name.
import { InvalidArgumentError, NotFoundError } from "../../errors/index.js";
import type { Node } from "../../graph/graph.js";
import { baseDtype, DataType, dtypeName } from "../../tensor/dtype.js";
import type { Graph } from "../graph.js";
import { isReadable, type Readable } from "../inputs.js";
import { Operation, type Output } from "../output.js";
import { isFloating } from "../values.js";
import { arrayGradients } from "./array.js";
import { binaryGradients } from "./binary.js";
import { GradientContext, type Gradients } from "./context.js";
import { controlFlowGradients } from "./control-flow.js";
import { einsumGradients } from "./einsum.js";
import { gatherGradients } from "./gather.js";
import { type Gradient, sumOf } from "./indexed-slices.js";
import { matMulGradients } from "./matmul.js";
import { nnGradients } from "./nn.js";
import { reduceGradients } from "./reduce.js";
import { unaryGradients } from "./unary.js";

const registry: Gradients = {
  ...arrayGradients,
  ...binaryGradients,
  ...controlFlowGradients,
  ...einsumGradients,
  ...gatherGradients,
  ...matMulGradients,
  ...nnGradients,
  ...reduceGradients,
  ...unaryGradients,
};

export interface GradientOptions {
  readonly name?: string;
  /** These count as constant. */
  readonly stopGradients?: readonly Output[];
  /** Zeros where an x is not connected, instead of `null`. */
  readonly unconnectedZeros?: boolean;
  /** Each op of a gradient is placed with the op that it belongs to. */
  readonly colocateGradientsWithOps?: boolean;
}

/**
 * The sum of dy/dx over all ys, for each x: `null` where no y depends on it, IndexedSlices where rows were gathered.
 * A variable stands for all reads of it.
 * @param gradYs what to begin with, by y; ones where `null` or left out
 * @throws NotFoundError with TensorFlow's text for an op without a gradient
 */
export function gradients(
  ys: Output | readonly Output[],
  xs: readonly (Output | Readable)[],
  gradYs: readonly (Output | null)[] = [],
  options: GradientOptions = {},
): (Gradient | null)[] {
  const targets = Array.isArray(ys) ? (ys as readonly Output[]) : [ys as Output];
  const sources = xs.map((x) => (isReadable(x) ? x.handle : x));
  const [first] = targets;
  if (first === undefined) return xs.map(() => null);
  const { graph } = first;
  return graph.nameScope(options.name ?? "gradients", () => {
    const sums = new Sums();
    targets.forEach((y, i) => sums.add(y.node, y.index, gradYs[i] ?? initial(graph, y, i)));
    const stop = new Set((options.stopGradients ?? []).map(({ node }) => node));
    propagate(graph, between(targets, sources, stop), stop, sums, options.colocateGradientsWithOps === true);
    return sources.map((x, i) => {
      const found = sums.of(x.node, x.index);
      if (found !== null || options.unconnectedZeros !== true) return found;
      return graph.ops.zerosLike(xs[i]!);
    });
  });
}

function initial(graph: Graph, y: Output, index: number): Output {
  if (y.dtype === DataType.COMPLEX64 || y.dtype === DataType.COMPLEX128) {
    throw new InvalidArgumentError(`Gradients of complex tensors must set grad_ys (y.dtype = ${dtypeName(y.dtype)})`);
  }
  const one = graph.constant(1, y.dtype, `grad_ys_${index}/Const`);
  return graph.ops.fill(graph.ops.shape(y), one, { name: `grad_ys_${index}` });
}

/** What comes back for each output, summed when it is asked for. */
class Sums {
  readonly #lists = new Map<Node, Gradient[][]>();

  add(node: Node, index: number, gradient: Gradient): void {
    let lists = this.#lists.get(node);
    if (lists === undefined) this.#lists.set(node, (lists = node.outputTypes.map(() => [])));
    lists[index]!.push(gradient);
  }

  of(node: Node, index: number): Gradient | null {
    const list = this.#lists.get(node)?.[index] ?? [];
    if (list.length === 0) return null;
    if (list.length > 1) list.splice(0, list.length, sumOf(list));
    return list[0]!;
  }
}

/** Gradients flow through floating point numbers, and through what holds them. */
const carries = (dtype: DataType): boolean => {
  const base = baseDtype(dtype);
  const complex = base === DataType.COMPLEX64 || base === DataType.COMPLEX128;
  return isFloating(base) || complex || base === DataType.RESOURCE || base === DataType.VARIANT;
};

/** Nodes on a way from an x to a y → how many edges of such nodes take from them. */
function between(ys: readonly Output[], xs: readonly Output[], stop: ReadonlySet<Node>): Map<Node, number> {
  const consumers = new Map<Node, Node[]>();
  const backwards = [...new Set(ys.map(({ node }) => node))];
  for (const node of backwards) consumers.set(node, []);
  for (let node = backwards.pop(); node !== undefined; node = backwards.pop()) {
    if (stop.has(node)) continue;
    for (const { node: source, index } of node.inputs) {
      if (!consumers.has(source)) {
        consumers.set(source, []);
        backwards.push(source);
      }
      if (carries(source.outputTypes[index]!)) consumers.get(source)!.push(node);
    }
  }
  const pending = new Map<Node, number>();
  const forwards = [...new Set(xs.map(({ node }) => node))].filter((node) => consumers.has(node));
  for (const node of forwards) pending.set(node, 0);
  for (let node = forwards.pop(); node !== undefined; node = forwards.pop()) {
    const next = consumers.get(node)!;
    pending.set(node, next.length);
    for (const consumer of next) {
      if (pending.has(consumer)) continue;
      pending.set(consumer, 0);
      forwards.push(consumer);
    }
  }
  return pending;
}

/** Each node after all that take from it. */
function propagate(
  graph: Graph,
  pending: Map<Node, number>,
  stop: ReadonlySet<Node>,
  sums: Sums,
  colocate: boolean,
): void {
  const ready = [...pending].filter(([, count]) => count === 0).map(([node]) => node);
  // First come, first served, as in TensorFlow: sums keep its order.
  for (const node of ready) {
    const onTheWay = stop.has(node) ? [] : node.inputs.filter((input) => pending.has(input.node));
    if (onTheWay.length > 0) {
      const build = () => addGradients(graph, node, pending, sums);
      if (colocate) graph.colocateWith(new Operation(graph, node), build);
      else build();
    }
    for (const { node: source, index } of onTheWay) {
      if (!carries(source.outputTypes[index]!)) continue;
      const left = pending.get(source)! - 1;
      pending.set(source, left);
      if (left === 0) ready.push(source);
    }
  }
}

function addGradients(graph: Graph, node: Node, pending: ReadonlyMap<Node, number>, sums: Sums): void {
  const grads = node.outputTypes.map((_, i) => sums.of(node, i));
  if (grads.every((grad) => grad === null)) return;
  const gradient = registry[node.op.name];
  if (gradient === undefined) throw noGradient(node);
  const wanted = node.inputs.map((input) => pending.has(input.node));
  graph.nameScope(`${node.name}_grad`, () => {
    gradient(new GradientContext(graph, node, grads, wanted)).forEach((grad, i) => {
      const input = node.inputs[i]!;
      if (grad !== null && wanted[i]) sums.add(input.node, input.index, grad);
    });
  });
}

const noGradient = (node: Node): Error =>
  new NotFoundError(
    `No gradient defined for operation '${node.name}' (op type: ${node.op.name}). In general every operation must have ` +
      "an associated `@tf.RegisterGradient` for correct autodiff, which this op is lacking. If you want to pretend this " +
      "operation is a constant in your program, you may insert `tf.stop_gradient`. This can be useful to silence the " +
      "error in cases where you know gradients are not needed, e.g. the forward pass of tf.custom_gradient. Please see " +
      "more details in https://www.tensorflow.org/api_docs/python/tf/custom_gradient.",
  );
