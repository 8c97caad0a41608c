// The gradient of one while loop (`_GradLoopState`): a loop that runs as often as the forward one did, backwards. What it
// takes of a forward iteration was pushed on a stack there and is popped here; pushes and pops are kept in order by
// control edges to the counters of both loops.
import { baseDtype, DataType } from "../../tensor/dtype.js";
import { isFullyKnown } from "../../tensor/partial-shape.js";
import { CondContext } from "../control-flow/cond.js";
import {
  addBackEdge,
  type ControlFlowContext,
  isConstantEnter,
  outputContext,
  switchOf,
} from "../control-flow/context.js";
import { WhileContext } from "../control-flow/while-context.js";
import type { Graph } from "../graph.js";
import type { Operation, Output } from "../output.js";
import { addControl } from "../scopes.js";

export class LoopState {
  /** The loop of the gradient. */
  readonly context: WhileContext;
  /** Exits that are there for the loop's own variables. */
  readonly exits: readonly Output[];
  /** Merges of the gradient loop by the forward Switch that each belongs to. */
  readonly merges = new Map<Output["node"], Output>();
  /** What stands in the gradient loop for a forward tensor, by its name. */
  readonly history = new Map<string, Output>();
  readonly #graph: Graph;
  /** What all gradients are made in: stacks are as old as that. */
  readonly #root: ControlFlowContext | null;
  /** Counts up forwards, down backwards. */
  readonly #forwardIndex: Output;
  readonly #backwardIndex: Output;
  #forwardSync: Operation | null = null;
  #backwardSync: Operation | null = null;

  constructor(
    readonly forward: WhileContext,
    /** Of the loop around, where gradients go through that too. */
    readonly outer: LoopState | null,
  ) {
    this.#graph = forward.graph;
    this.#root = forward.graph.controlFlow;
    this.exits = [...forward.exits];
    const around = outer?.forward ?? forward.outer;
    const [count, forwardIndex] = this.#within(around, () => this.#countForwards());
    this.#forwardIndex = forwardIndex;
    if (outer !== null) outer.forward.know(count);
    const history = outer?.push(count) ?? null;
    this.context = this.#within(
      outer?.context ?? around,
      () => new WhileContext(this.#graph, forward, forward.frame, this),
    );
    this.#backwardIndex = this.#within(outer?.context ?? around, () =>
      this.#countBackwards(outer === null ? count : outer.pop(history!, count)),
    );
  }

  /** Keeps a value of each forward iteration. @param dead from the branch that isn't taken */
  push(value: Output, dead = false): Output {
    const graph = this.#graph;
    return graph.controlDependencies(null, () => {
      const elemType = baseDtype(value.dtype);
      const stack = this.#within(this.#root, () =>
        graph.colocateWith(value, () => graph.ops.stackV2(-1, { elemType, name: "f_acc" })),
      );
      const inside = this.forward.addValue(stack);
      const context = outputContext(graph, value.node);
      const home = dead ? context!.outer : context;
      const push = this.#within(home, () => graph.ops.stackPushV2(inside, value)).node;
      if (dead) graph.setControlFlow(push, context!);
      addControl(context === this.forward ? this.#forwardIndex.node : this.#forwardEnd().node, push);
      addControl(push, this.#forwardIndex.node.inputs[0]!.node);
      return stack;
    });
  }

  /** The value that the same forward iteration kept. */
  pop(stack: Output, value: Output, dead = false): Output {
    const graph = this.#graph;
    const branch = branchBetween(graph.controlFlowOf(value.node), graph.controlFlowOf(stack.node));
    const pop = graph.controlDependencies(null, () =>
      this.context.enter(() => {
        const handle = branch === null ? stack : this.#guarded(stack, branch, dead);
        return graph.ops.stackPopV2(handle, { elemType: baseDtype(value.dtype) });
      }),
    );
    graph.setShape(pop, value.shape);
    if (this.context.parallelIterations > 1) addControl(this.backwardEnd().node, pop.node);
    return pop;
  }

  /** What stands in the gradient loop for a tensor of the forward one. */
  realValue(value: Output): Output {
    const known = this.history.get(value.name);
    if (known !== undefined) return known;
    const real = this.#realValue(value);
    this.history.set(value.name, real);
    return real;
  }

  /** The condition of a branch inside the forward loop, as it was in the same iteration. */
  realPred(pred: Output): Output {
    const known = this.history.get(pred.name);
    if (known !== undefined) return known;
    const real = this.pop(this.push(pred), pred);
    this.history.set(pred.name, real);
    return real;
  }

  /** Where the gradient loop itself is made. */
  outside<T>(build: () => T): T {
    return this.#within(this.context.outer, build);
  }

  /** All pops of an iteration are done. */
  backwardEnd(): Operation {
    if (this.#backwardSync === null) {
      this.#backwardSync = this.#sync("b_sync", this.context, this.#backwardIndex);
    }
    return this.#backwardSync;
  }

  /** Sums what comes back for a constant of the forward loop, over all iterations. */
  accumulate(enter: Output, grad: Output): Output {
    const { context } = this;
    const zero = this.outside(() => this.#zeroFor(enter, grad));
    return this.accumulateFrom(zero, grad, (sum, part) => context.graph.ops.addV2(sum, part, { name: "Add" }));
  }

  /** Goes on from `first` with what each iteration adds. */
  accumulateFrom(first: Output, part: Output, add: (sum: Output, part: Output) => Output, grows = false): Output {
    const { context } = this;
    context.know(first);
    const name = "b_acc";
    const { enter, merge } = context.addVariable(first, name, name);
    if (grows && enter.shape !== null) {
      const shape = enter.shape.map((dim, i) => (i === 0 ? -1 : dim));
      context.graph.setShape(enter, shape);
      context.graph.setShape(merge, shape);
    }
    const [leaves, goesOn] = context.switch(merge);
    addBackEdge(merge, add(goesOn, part));
    return context.exit(leaves, name);
  }

  #zeroFor(enter: Output, grad: Output): Output {
    const graph = this.#graph;
    if (isFullyKnown(grad.shape)) return zerosOf(graph, grad.shape, grad.dtype, "b_acc");
    const value = enter.op.inputs[0]!;
    if (this.outer === null) return zerosOf(graph, shapeOf(value), grad.dtype);
    const shape = this.#within(this.forward.outer, () => shapeOf(value));
    return zerosOf(graph, this.outer.pop(this.outer.push(shape), shape), grad.dtype);
  }

  #realValue(value: Output): Output {
    const graph = this.#graph;
    let current = value;
    let state: LoopState = this;
    for (let enter = constantEnter(current); enter !== null; enter = constantEnter(current)) {
      current = enter.inputs[0]!;
      if (state.outer === null) return this.context.addValue(current);
      state = state.outer;
    }
    if (current.op.type === "Const") {
      const { dtype, value: tensor } = Object.fromEntries(current.node.attrs);
      return graph.op("Const", [], { dtype: dtype!.type!, value: tensor! }).output();
    }
    const popped = state.pop(state.push(current), current);
    return state === this ? popped : this.context.addValue(popped);
  }

  /** A stack that only one branch has something on is only popped there. */
  #guarded(stack: Output, { pred, branch }: CondContext, dead: boolean): Output {
    let real: Output | undefined;
    for (let at: LoopState | null = this; at !== null && real === undefined; at = at.outer)
      real = at.history.get(pred.name);
    return switchOf(stack, real ?? pred)[dead ? 1 - branch : branch]!;
  }

  /** How often the forward loop ran, and the count inside of it. */
  #countForwards(): [Output, Output] {
    const { forward } = this;
    const zero = this.#graph.constant(0, DataType.INT32, "f_count");
    // Pushes of an execution come before those of the next.
    if (this.outer !== null) addControl(zero.node, this.outer.#forwardIndex.node.inputs[0]!.node);
    return forward.enter(() => {
      forward.know(zero);
      const { merge } = forward.addVariable(zero, "f_count");
      const [leaves, goesOn] = this.#graph.op("Switch", [merge, forward.condition!]).outputs as [Output, Output];
      const next = addBackEdge(merge, this.#graph.ops.addV2(goesOn, 1, { name: "Add" }));
      return [forward.exit(leaves, "f_count"), next];
    });
  }

  #countBackwards(count: Output): Output {
    const { context } = this;
    const { ops } = this.#graph;
    const one = this.#graph.constant(1, DataType.INT32, "b_count");
    return context.enter(() => {
      context.know(count);
      const { merge } = context.addVariable(count, "b_count");
      context.pivotForPred = merge;
      context.condition = ops.loopCond(ops.greaterEqual(merge, one), { name: "b_count" });
      const [leaves, goesOn] = this.#graph.op("Switch", [merge, context.condition]).outputs as [Output, Output];
      const index = ops.sub(goesOn, one, { name: "Sub" });
      context.pivotForBody = index;
      const next = addBackEdge(merge, index);
      const done = context.exit(leaves, "b_count");
      // Pops of an execution come before those of the one before.
      if (this.outer !== null) addControl(this.outer.backwardEnd().node, done.node);
      return next;
    });
  }

  #forwardEnd(): Operation {
    if (this.#forwardSync === null) {
      this.#forwardSync = this.#sync("f_sync", this.forward, this.#forwardIndex);
    }
    return this.#forwardSync;
  }

  #sync(name: string, context: WhileContext, index: Output): Operation {
    const sync = this.#graph.controlDependencies(null, () => this.#graph.ops.controlTrigger({ name }));
    this.#graph.setControlFlow(sync.node, context);
    addControl(index.node, sync.node);
    return sync;
  }

  #within<T>(context: ControlFlowContext | null, build: () => T): T {
    return this.#graph.inControlFlow(context, build);
  }
}

/** Zeros of a shape that is known, or that a step finds. */
export function zerosOf(graph: Graph, shape: Output | readonly number[], dtype: DataType, name = "zeros"): Output {
  const given = Array.isArray(shape) ? graph.constant(shape, DataType.INT32, `${name}/shape`) : (shape as Output);
  return graph.ops.fill(given, graph.constant(0, dtype, `${name}/Const`), { name });
}

/** The shape of a tensor, or of what a variable holds. */
export const shapeOf = (value: Output): Output =>
  value.dtype === DataType.RESOURCE ? value.graph.ops.variableShape(value) : value.graph.ops.shape(value);

const PASSES = ["Switch", "RefSwitch", "Identity", "RefIdentity"];

/** The Enter that brought a tensor into its loop as a constant. */
function constantEnter(value: Output): Operation | null {
  let { op } = value;
  while (PASSES.includes(op.type)) op = op.inputs[0]!.op;
  return isConstantEnter(op.node) ? op : null;
}

function branchBetween(from: ControlFlowContext | null, to: ControlFlowContext | null): CondContext | null {
  for (let at = from; at !== null && at !== to; at = at.outer) if (at instanceof CondContext) return at;
  return null;
}
