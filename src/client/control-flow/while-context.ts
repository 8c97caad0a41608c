// A loop that ops are made in (`WhileContext`): a frame of the executor with a Merge and a Switch for each variable.
// What comes from outside enters it once, as a constant of the frame. The loops of gradients are contexts of this kind too.
import type { Node } from "../../graph/graph.js";
import type { LoopState } from "../gradients/loop-state.js";
import type { Graph } from "../graph.js";
import { type Operation, Output } from "../output.js";
import { addControl } from "../scopes.js";
import {
  ControlFlowContext,
  exitOf,
  flowOp,
  isCall,
  isConstantEnter,
  isExit,
  mergeOf,
  outputContext,
  switchOf,
} from "./context.js";

export interface LoopOptions {
  /** So many iterations may run at once; 10 unless told otherwise. */
  readonly parallelIterations?: number;
  /** Whether gradients go through it; true unless told otherwise. */
  readonly backProp?: boolean;
}

/** A variable of the loop on its way round: its Enter, Merge, Switch. */
export interface LoopVariable {
  readonly enter: Output;
  readonly merge: Output;
}

export class WhileContext extends ControlFlowContext {
  readonly loop = this;
  /** Unique in the graph: what tells its frame from others. */
  readonly frame: string;
  readonly parallelIterations: number;
  readonly backProp: boolean;
  readonly exits: Output[] = [];
  /** Whether there is another iteration. */
  condition: Output | null = null;
  pivotForPred: Output | null = null;
  pivotForBody: Output | null = null;

  /** @param gradState of the loop whose gradients this one computes */
  constructor(
    graph: Graph,
    options: LoopOptions,
    name = "while_context",
    readonly gradState: LoopState | null = null,
  ) {
    super(graph);
    this.frame = graph.uniqueName(name);
    this.parallelIterations = options.parallelIterations ?? 10;
    this.backProp = options.backProp ?? true;
  }

  get pivot(): Output {
    return this.pivotForBody ?? this.pivotForPred!;
  }

  addOp(operation: Operation): void {
    const { node } = operation;
    if (node.inputs.length > 0) this.takeInputs(operation);
    const outside = this.dropOuterControls(operation);
    const free = node.inputs.every((input) => isConstantEnter(input.node)) || isCall(operation);
    if (node.controlInputs.length === 0 && free) addControl(node, this.pivot.node);
    for (const output of operation.outputs) this.know(output);
    this.#waitFor(operation, outside);
  }

  /** A value for each iteration: `value` at first. */
  addVariable(value: Output, name?: string, mergeName?: string): LoopVariable {
    const enter = this.enterOf(value, false, name);
    return { enter, merge: mergeOf([enter, enter], mergeName) };
  }

  enterOf(value: Output, isConstant: boolean, name?: string): Output {
    const attrs = { frame_name: this.frame, is_constant: isConstant, parallel_iterations: this.parallelIterations };
    const enter = flowOp("Enter", [value], name, attrs).output();
    if (!isConstant) this.graph.setShape(enter, value.shape);
    return enter;
  }

  /** The two sides of a variable: it leaves on the first, goes round on the second. */
  switch(merge: Output): [Output, Output] {
    return switchOf(merge, this.condition!);
  }

  /** Takes a variable out of the loop once its last iteration is done. */
  exit(value: Output, name?: string): Output {
    const exit = exitOf(value, name);
    this.exits.push(exit);
    this.leave([exit]);
    return exit;
  }

  /** An Enter that was made outside belongs in here; it waits for what the blocks around the loop say. */
  adoptEnter(enter: Output): void {
    const { graph } = this;
    const { node } = enter;
    graph.addBlockControls(node);
    const kept = node.controlInputs.filter((control) => this.#isAround(outputContext(graph, control)));
    node.controlInputs.splice(0, Number.POSITIVE_INFINITY, ...kept);
    graph.setControlFlow(node, this);
    this.know(enter);
  }

  protected bringIn(value: Output): Output {
    const { graph } = this;
    const state = graph.controlFlow?.loop?.gradState ?? null;
    if (state !== null && forwardLoop(graph, value) === state.forward) return state.realValue(value);
    const outside = this.outer?.addValue(value) ?? value;
    const enter = graph.controlDependencies(null, () => this.enterOf(outside, true));
    this.adoptEnter(enter);
    return enter;
  }

  /** Control inputs from outside come in as values. */
  #waitFor({ node }: Operation, outside: readonly Node[]): void {
    const { graph } = this;
    for (const source of outside) {
      if (source.outputTypes.length === 0) continue;
      const value = graph.controlDependencies(null, () =>
        this.enter(() => graph.op("Identity", [new Output(graph, source, 0)]).node),
      );
      addControl(node, value);
    }
  }

  /** Whether an op there may be waited for outside of this loop: in what is around it, up to the next loop. */
  #isAround(context: ControlFlowContext | null): boolean {
    const last = this.outer?.loop ?? null;
    for (let at = this.outer; at !== context; at = at.outer) if (at === null || at === last) return false;
    return true;
  }
}

/** The loop that a tensor is in; that of an Exit is the one around. */
function forwardLoop(graph: Graph, { node }: Output): WhileContext | null {
  const loop = graph.controlFlowOf(node)?.loop ?? null;
  return loop !== null && isExit(node) ? (loop.outer?.loop ?? null) : loop;
}
