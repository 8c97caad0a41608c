// Reverse-mode gradients (`tf.gradients`): walks the graph backwards from the ys and adds, for each op on a way to an x,
// the ops of its gradient. A family's gradients are in the file of its name.
import { InvalidArgumentError, NotFoundError } from "../../errors/index.js";
import type { Node } from "../../graph/graph.js";
import { baseDtype, DataType, dtypeName, isComplex } from "../../tensor/dtype.js";
import type { PartialShape } from "../attributes.js";
import { isExit, isLoopSwitch } from "../control-flow/context.js";
import { pythonShape } from "../fetches.js";
import type { Graph } from "../graph.js";
import { isReadable } from "../inputs.js";
import { Operation, type Output } from "../output.js";
import type { Variable } from "../variable.js";
import { arrayGradients } from "./array.js";
import { binaryGradients } from "./binary.js";
import type { GradientsOf } from "./body.js";
import { complexGradients, forComplex } from "./complex.js";
import { carries, GradientContext, type Gradients } from "./context.js";
import { controlFlowGradients } from "./control-flow.js";
import { einsumGradients } from "./einsum.js";
import { calledByName, functionGradients } from "./functions.js";
import { gatherGradients } from "./gather.js";
import { dtypeOf, type Gradient, IndexedSlices, sumOf } from "./indexed-slices.js";
import { listGradients } from "./lists.js";
import { Loops } from "./loops.js";
import { matMulGradients } from "./matmul.js";
import { nnGradients } from "./nn.js";
import { reduceGradients } from "./reduce.js";
import { segmentGradients } from "./segment.js";
import { unaryGradients } from "./unary.js";

const inFunctions: GradientsOf = (ys, xs, gradYs) => gradients(ys, xs, gradYs);

const registry: Gradients = forComplex({
  ...arrayGradients,
  ...binaryGradients,
  ...complexGradients,
  ...controlFlowGradients,
  ...einsumGradients,
  ...functionGradients(inFunctions),
  ...gatherGradients,
  ...listGradients,
  ...matMulGradients,
  ...nnGradients,
  ...reduceGradients,
  ...segmentGradients,
  ...unaryGradients,
});

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
 * A variable stands for all reads of it; one in slices is asked for slice by slice (`...variable`).
 * @param gradYs what to begin with, by y; ones where `null` or left out
 * @throws NotFoundError with TensorFlow's text for an op without a gradient
 */
export function gradients(
  ys: Output | readonly Output[],
  xs: readonly (Output | Variable)[],
  gradYs: readonly (Output | null)[] = [],
  options: GradientOptions = {},
): (Gradient | null)[] {
  const targets = Array.isArray(ys) ? (ys as readonly Output[]) : [ys as Output];
  const sources = xs.map((x) => {
    if (!isReadable(x)) return x;
    if (x.handle !== undefined) return x.handle;
    throw new InvalidArgumentError("A variable in slices is asked for its gradients slice by slice: [...variable]");
  });
  const [first] = targets;
  if (first === undefined) return xs.map(() => null);
  const { graph } = first;
  return graph.nameScope(options.name ?? "gradients", () => {
    const sums = new Sums();
    targets.forEach((y, i) => sums.add(y.node, y.index, gradYs[i] ?? initial(graph, y, i)));
    const stop = new Set((options.stopGradients ?? []).map(({ node }) => node));
    new Walk(graph, sums, stop, options.colocateGradientsWithOps === true).run(targets, sources);
    return sources.map((x, i) => {
      const found = sums.of(x.node, x.index);
      if (found !== null || options.unconnectedZeros !== true) return found;
      return graph.ops.zerosLike(xs[i]!);
    });
  });
}

function initial(graph: Graph, y: Output, index: number): Output {
  if (isComplex(y.dtype)) {
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

  has(node: Node, index: number): boolean {
    return (this.#lists.get(node)?.[index]?.length ?? 0) > 0;
  }

  of(node: Node, index: number): Gradient | null {
    const list = this.#lists.get(node)?.[index] ?? [];
    if (list.length === 0) return null;
    if (list.length > 1) list.splice(0, list.length, sumOf(list));
    return list[0]!;
  }
}

/** Nodes on a way from an x to a y, those next to the ys first. */
function between(ys: readonly Output[], xs: readonly Output[], stop: ReadonlySet<Node>): Set<Node> {
  const consumers = new Map<Node, Node[]>();
  const targets = [...new Set(ys.map(({ node }) => node))];
  const backwards = [...targets];
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
  const reached = new Set(xs.map(({ node }) => node).filter((node) => consumers.has(node)));
  for (const node of reached) for (const consumer of consumers.get(node)!) reached.add(consumer);
  const found = new Set(targets.filter((node) => reached.has(node)));
  for (const node of found) {
    if (stop.has(node)) continue;
    for (const { node: source, index } of node.inputs) {
      if (reached.has(source) && carries(source.outputTypes[index]!)) found.add(source);
    }
  }
  return found;
}

/** Goes through the ops between, each after all that take from it. */
class Walk {
  /** How many edges of ops between still have to bring something, by op. */
  readonly #pending = new Map<Node, number>();
  readonly #ready: Node[] = [];

  constructor(
    readonly graph: Graph,
    readonly sums: Sums,
    readonly stop: ReadonlySet<Node>,
    readonly colocate: boolean,
  ) {}

  run(ys: readonly Output[], xs: readonly Output[]): void {
    const nodes = between(ys, xs, this.stop);
    const loops = new Loops(this.graph, nodes, this.colocate);
    for (const node of nodes) this.#pending.set(node, 0);
    for (const node of nodes) {
      for (const source of this.#sources(node)) this.#pending.set(source, this.#pending.get(source)! + 1);
    }
    for (const { node } of ys) {
      if (this.#pending.get(node) === 0 && !this.#ready.includes(node)) this.#ready.push(node);
    }
    this.#begin(loops.start(this.#pending, new Set(this.#ready)), loops);
    // First come, first served, as in TensorFlow: sums keep its order.
    for (const node of this.#ready) {
      const sources = this.#sources(node);
      if (sources.length > 0) this.#visit(node, loops);
      for (const source of sources) this.#done(source, loops);
    }
    loops.close();
  }

  /** The ops between that an op takes from, once for each input. */
  #sources(node: Node): Node[] {
    if (this.stop.has(node)) return [];
    return node.inputs
      .filter((input) => this.#pending.has(input.node) && carries(input.node.outputTypes[input.index]!))
      .map((input) => input.node);
  }

  #visit(node: Node, loops: Loops): void {
    const build = () => {
      const grads = loops.within(node, true, () => node.outputTypes.map((_, i) => this.sums.of(node, i)));
      if (grads.every((grad) => grad === null)) return;
      loops.within(node, false, () => this.#addGradients(node, grads, loops));
    };
    if (this.colocate) this.graph.colocateWith(new Operation(this.graph, node), build);
    else build();
  }

  #addGradients(node: Node, grads: readonly (Gradient | null)[], loops: Loops): void {
    const isFunction = this.graph.runtime.library.has(node.op.name);
    const gradient = isFunction ? calledByName(inFunctions) : registry[node.op.name];
    if (gradient === undefined) throw noGradient(node);
    const wanted = node.inputs.map((input) => this.#pending.has(input.node));
    const zeros = (index: number) => {
      // A resource's gradient is that of what it holds.
      const dtype = baseDtype(node.outputTypes[index]!);
      const found = dtype === DataType.RESOURCE ? dtypeOf(grads.find((grad) => grad !== null)!) : dtype;
      return loops.zerosLike(node, index, found);
    };
    this.graph.nameScope(`${node.name}_grad`, () => {
      gradient(new GradientContext(this.graph, node, grads, zeros, wanted)).forEach((grad, i) => {
        const input = node.inputs[i]!;
        if (grad === null || !wanted[i]) return;
        if (!(grad instanceof IndexedSlices)) this.#checkShape(node, i, grad);
        this.sums.add(input.node, input.index, grad);
      });
    });
  }

  /** @throws InvalidArgumentError for a gradient that can't be of the input's shape: of a start that isn't of a y's */
  #checkShape(node: Node, index: number, grad: Output): void {
    const input = new Operation(this.graph, node).inputs[index]!;
    if (input.dtype === DataType.RESOURCE || isCompatible(input.shape, grad.shape)) return;
    throw new InvalidArgumentError(
      "Incompatible shapes between op input and calculated input gradient. " +
        `Forward operation: ${node.name}. Input index: ${index}. Original input shape: ${pythonShape(input.shape!)}. ` +
        `Calculated input gradient shape: ${pythonShape(grad.shape!)}`,
    );
  }

  /** One edge less to wait for. The Switch of a loop is visited from its Exit, and again from the loop's body. */
  #done(node: Node, loops: Loops): void {
    const left = this.#pending.get(node)! - 1;
    this.#pending.set(node, left);
    if (left < 0 || (left > 0 && !isLoopSwitch(node))) return;
    if (!isExit(node)) {
      this.#ready.push(node);
      return;
    }
    const { ready, zeros } = loops.finish(node, (exit) => this.sums.has(exit, 0));
    const isZero = new Set(zeros.map((exit) => exit.node));
    this.#ready.push(...ready.filter((exit) => !isZero.has(exit)));
    this.#begin(zeros, loops);
  }

  /** Exits that nothing came back for begin with zeros. */
  #begin(exits: readonly Output[], loops: Loops): void {
    for (const exit of exits) {
      if (carries(exit.dtype)) this.sums.add(exit.node, 0, loops.zerosForExit(exit));
      this.#ready.push(exit.node);
    }
  }
}

const isCompatible = (a: PartialShape, b: PartialShape): boolean =>
  a === null || b === null || (a.length === b.length && a.every((dim, i) => dim < 0 || b[i]! < 0 || dim === b[i]));

const noGradient = (node: Node): Error =>
  new NotFoundError(
    `No gradient defined for operation '${node.name}' (op type: ${node.op.name}). In general every operation must have ` +
      "an associated `@tf.RegisterGradient` for correct autodiff, which this op is lacking. If you want to pretend this " +
      "operation is a constant in your program, you may insert `tf.stop_gradient`. This can be useful to silence the " +
      "error in cases where you know gradients are not needed, e.g. the forward pass of tf.custom_gradient. Please see " +
      "more details in https://www.tensorflow.org/api_docs/python/tf/custom_gradient.",
  );
