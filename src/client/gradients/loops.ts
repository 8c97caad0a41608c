// The while loops that gradients go through (`_ControlFlowState`), and what a walk over the graph minds of them: which
// loop the gradient of an op is made in, exits that have to be done together, zeros for what nothing came back for.
import { InvalidArgumentError } from "../../errors/index.js";
import type { Node } from "../../graph/graph.js";
import { DataType } from "../../tensor/dtype.js";
import { isFullyKnown } from "../../tensor/partial-shape.js";
import { CondContext } from "../control-flow/cond.js";
import { flowOp, isExit, isSwitch, switchOf } from "../control-flow/context.js";
import type { WhileContext } from "../control-flow/while-context.js";
import type { Graph } from "../graph.js";
import { Output } from "../output.js";
import { LoopState, shapeOf, zerosOf } from "./loop-state.js";

const UNKNOWN_LOOP = "Failed to call gradients on a while loop without properly serializing graph via MetaGraphDef";
const SECOND_ORDER = "Second-order gradient for while loops not supported.";

/** Exits of a loop that are still waited for, those that are done, and those that nothing came back for. */
interface Exits {
  pending: number;
  readonly ready: Output[];
  readonly unused: Output[];
}

export class Loops {
  readonly #states = new Map<WhileContext, LoopState>();
  readonly #exits = new Map<LoopState, Exits>();

  /** @param nodes all that gradients go through; all exits of their loops are added */
  constructor(
    readonly graph: Graph,
    nodes: Set<Node>,
    colocate: boolean,
  ) {
    // A loop's exits come after those of the loop around: the walk began at the ys.
    for (const node of nodes) {
      if (!isExit(node)) continue;
      const loop = this.#loopOf(node);
      if (loop === null) throw new InvalidArgumentError(UNKNOWN_LOOP);
      if (this.#states.has(loop)) continue;
      if (loop.gradState !== null) throw new InvalidArgumentError(SECOND_ORDER);
      const outer = loop.outer?.loop ?? null;
      const make = () => new LoopState(loop, outer === null ? null : (this.#states.get(outer) ?? null));
      const state = colocate ? graph.colocateWith(new Output(graph, node, 0), make) : make();
      this.#states.set(loop, state);
      this.#exits.set(state, { pending: state.exits.length, ready: [], unused: [] });
      for (const exit of state.exits) nodes.add(exit.node);
    }
  }

  /** The state of the loop that an op's gradient is made in. @param before where the gradients of its outputs are */
  stateOf(node: Node, before = false): LoopState | null {
    const loop = this.#loopOf(node);
    const where = before && isExit(node) ? (loop?.outer?.loop ?? null) : loop;
    return where === null ? null : (this.#states.get(where) ?? null);
  }

  within<T>(node: Node, before: boolean, build: () => T): T {
    const state = this.stateOf(node, before);
    return state === null ? build() : state.context.enter(build);
  }

  /** Exits that no consumer leads to, of loops whose other exits are ys. */
  start(pending: ReadonlyMap<Node, number>, ys: ReadonlySet<Node>): Output[] {
    const found: Output[] = [];
    for (const state of this.#states.values()) {
      const exits = this.#exits.get(state)!;
      for (const exit of state.exits) {
        if (pending.get(exit.node) !== 0) continue;
        exits.pending--;
        if (!ys.has(exit.node)) exits.unused.push(exit);
      }
      if (exits.pending === 0) found.push(...exits.unused);
    }
    return found;
  }

  /**
   * An exit all of whose consumers are done.
   * @returns the exits to go on with: all of the loop, once the last is there
   */
  finish(exit: Node, hasGradient: (exit: Node) => boolean): { readonly ready: Node[]; readonly zeros: Output[] } {
    const exits = this.#exits.get(this.stateOf(exit)!)!;
    exits.ready.push(new Output(this.graph, exit, 0));
    if (--exits.pending > 0) return { ready: [], zeros: [] };
    const used = exits.ready.filter(({ node }) => hasGradient(node));
    const unused = [...exits.unused, ...exits.ready.filter((output) => !used.includes(output))];
    return { ready: [...used, ...unused].map(({ node }) => node), zeros: used.length > 0 ? unused : [] };
  }

  /** What begins the gradient of a variable whose last value nothing depends on. */
  zerosForExit(exit: Output): Output {
    const { graph } = this;
    const loop = this.#loopOf(exit.node)!;
    const around = loop.outer?.loop ?? null;
    const outer = around === null ? null : (this.#states.get(around) ?? null);
    const { shape, dtype } = exit;
    if (outer === null) return isFullyKnown(shape) ? zerosOf(graph, shape, dtype) : graph.ops.zerosLike(exit);
    if (isFullyKnown(shape)) return outer.context.enter(() => zerosOf(graph, shape, dtype));
    const found = graph.inControlFlow(loop.outer, () => graph.ops.shape(exit));
    const stack = outer.push(found);
    return outer.context.enter(() => zerosOf(graph, outer.pop(stack, found), dtype));
  }

  /** Zeros for an output that nothing came back for. @param dtype of the gradient */
  zerosLike(node: Node, index: number, dtype: DataType): Output {
    const { graph } = this;
    const output = new Output(graph, node, index);
    const context = graph.controlFlowOf(node);
    const branch = isSwitch(node) && context instanceof CondContext ? context : null;
    const state = this.stateOf(node);
    if (state === null) return branch === null ? graph.ops.zerosLike(output) : this.#zerosOfBranch(node, branch, dtype);
    const { shape } = output;
    if (isFullyKnown(shape) && output.dtype !== DataType.RESOURCE) {
      const zeros = zerosOf(graph, shape, dtype);
      return branch === null ? zeros : switchOf(zeros, state.realPred(branch.pred))[1 - branch.branch]!;
    }
    const dead = branch !== null;
    const found = dead ? this.#shapeOfDead(node, branch) : graph.inControlFlow(context, () => shapeOf(output));
    return zerosOf(graph, state.pop(state.push(found, dead), found, dead), dtype);
  }

  /** Variables whose next value doesn't depend on the one before get zeros from the second iteration on. */
  close(): void {
    const { graph } = this;
    for (const state of this.#states.values()) {
      for (const merge of state.merges.values()) {
        const [first, second] = merge.op.inputs as [Output, Output];
        if (first.node !== second.node) continue;
        const { shape, dtype } = first;
        const zeros = () => zerosOf(graph, isFullyKnown(shape) ? shape : graph.ops.shape(first.op.inputs[0]!), dtype);
        const zero = isFullyKnown(shape) ? state.context.enter(zeros) : state.outside(zeros);
        const next = state.context.enter(() => flowOp("NextIteration", [zero]));
        merge.node.inputs[1] = { node: next.node, index: 0 };
      }
    }
  }

  #loopOf(node: Node): WhileContext | null {
    return this.graph.controlFlowOf(node)?.loop ?? null;
  }

  /** They are made only where the other branch was taken. */
  #zerosOfBranch(node: Node, { pred, branch }: CondContext, dtype: DataType): Output {
    const { graph } = this;
    const input = node.inputs[0]!;
    const other = graph.op("Switch", [new Output(graph, input.node, input.index), pred]).output(1 - branch);
    const pivot = graph.ops.identity(other);
    const shape = shapeOf(other);
    return graph.controlDependencies([pivot], () => zerosOf(graph, shape, dtype));
  }

  /** The shape of what a Switch of the forward loop sends the other way. */
  #shapeOfDead(node: Node, context: CondContext): Output {
    const { graph } = this;
    const input = node.inputs[0]!;
    const shape = graph.inControlFlow(context.outer, () => {
      const other = switchOf(new Output(graph, input.node, input.index), context.pred)[1 - context.branch]!;
      graph.setControlFlow(other.node, context);
      return shapeOf(other);
    });
    graph.setControlFlow(shape.node, context);
    return shape;
  }
}
