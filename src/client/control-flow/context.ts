// The condition or loop that ops are made in (`ControlFlowContext`): what comes from outside enters it once and is known
// inside by the name that it had. Branches and loops say how a value enters; nothing here knows gradients.
import { InvalidArgumentError } from "../../errors/index.js";
import type { Node } from "../../graph/graph.js";
import { isRef } from "../../tensor/dtype.js";
import type { Graph } from "../graph.js";
import { type Operation, Output } from "../output.js";
import type { WhileContext } from "./while-context.js";

export abstract class ControlFlowContext {
  readonly outer: ControlFlowContext | null;
  /** The innermost loop that this is or is in. */
  abstract readonly loop: WhileContext | null;
  /** Names of tensors that ops inside may take as they are. */
  readonly #known = new Set<string>();
  /** What stands inside for a tensor from outside, by its name. */
  readonly #inside = new Map<string, Output>();

  constructor(readonly graph: Graph) {
    this.outer = graph.controlFlow;
  }

  /** What ops without inputs wait for: it is dead where they must not run. */
  abstract get pivot(): Output;

  /** Fits an op that was just made inside. */
  abstract addOp(operation: Operation): void;

  /** Brings a tensor from outside in. */
  protected abstract bringIn(value: Output): Output;

  /** What ops inside take for a tensor. */
  addValue(value: Output): Output {
    const { name } = value;
    if (this.#known.has(name) || this.graph.controlFlowOf(value.node) === this) return this.#inside.get(name) ?? value;
    this.#known.add(name);
    const inside = this.bringIn(value);
    this.#inside.set(name, inside);
    return inside;
  }

  /** A tensor that is there inside. */
  know(value: Output): void {
    this.#known.add(value.name);
  }

  /** Tensors that leave are known around it. */
  leave(values: readonly Output[]): void {
    if (this.outer !== null) for (const value of values) this.outer.know(value);
  }

  enter<T>(build: () => T): T {
    return this.graph.inControlFlow(this, build);
  }

  /** Gives an op what stands inside for its inputs. */
  protected takeInputs({ graph, node }: Operation): void {
    node.inputs.forEach((input, i) => {
      const { node: source, index } = this.addValue(new Output(graph, input.node, input.index));
      node.inputs[i] = { node: source, index };
    });
  }

  /** Takes off the control inputs from outside the innermost loop, and gives them back. */
  protected dropOuterControls({ node }: Operation): Node[] {
    if (this.loop === null) return [];
    const inner = node.controlInputs.filter((control) => outputContext(this.graph, control)?.loop === this.loop);
    const outer = node.controlInputs.filter((control) => !inner.includes(control));
    if (outer.length > 0) node.controlInputs.splice(0, Number.POSITIVE_INFINITY, ...inner);
    return outer;
  }
}

/** Calls of functions don't wait for their inputs alone: a body may have ops without any. */
export const isCall = ({ graph, type }: Operation): boolean =>
  graph.runtime.library.has(type) || type === "SymbolicGradient";

const hasType = (node: Node, type: string): boolean => node.op.name === type || node.op.name === `Ref${type}`;

export const isSwitch = (node: Node): boolean => hasType(node, "Switch");
export const isExit = (node: Node): boolean => hasType(node, "Exit");
export const isEnter = (node: Node): boolean => hasType(node, "Enter");
export const isConstantEnter = (node: Node): boolean => isEnter(node) && node.attrs.get("is_constant")?.b === true;
/** Decides whether a loop goes on, and no branch. */
export const isLoopSwitch = (node: Node): boolean => isSwitch(node) && hasType(node.inputs[1]!.node, "LoopCond");

/** Where the outputs of a node are: those of an Exit are outside its loop. */
export function outputContext(graph: Graph, node: Node): ControlFlowContext | null {
  const context = graph.controlFlowOf(node);
  return context !== null && isExit(node) ? context.outer : context;
}

/** An op for references where the value is one: `RefSwitch`, `RefMerge`, … */
const flavoured = (type: string, values: readonly Output[]): string =>
  values.every(({ node, index }) => isRef(node.outputTypes[index]!)) ? `Ref${type}` : type;

/** Makes a control flow op of a value, named as TensorFlow names it. */
export function flowOp(
  type: string,
  values: readonly Output[],
  name = type,
  attrs: Readonly<Record<string, string | number | boolean>> = {},
  others: readonly Output[] = [],
): Operation {
  const inputs = type === "Merge" ? [values] : [...values, ...others];
  return values[0]!.graph.op(flavoured(type, values), inputs, attrs, { name });
}

/** False and true side of a value, placed with it. */
export const switchOf = (value: Output, pred: Output, name = "Switch"): [Output, Output] =>
  value.graph.colocateWith(value, () => flowOp("Switch", [value], name, {}, [pred]), true).outputs as [Output, Output];

export const mergeOf = (values: readonly Output[], name = "Merge"): Output => flowOp("Merge", values, name).output();
export const identityOf = (value: Output): Output => flowOp("Identity", [value]).output();
export const exitOf = (value: Output, name = "Exit"): Output => flowOp("Exit", [value], name).output();

/** Closes a loop: what a Merge takes from the second iteration on. */
export function addBackEdge(merge: Output, value: Output): Output {
  const next = flowOp("NextIteration", [value]).output();
  merge.node.inputs[1] = { node: next.node, index: next.index };
  return next;
}

/** @throws InvalidArgumentError for an input out of a loop that the op isn't in */
export function checkContext(graph: Graph, op: string, type: string, inputs: readonly Output[]): void {
  const loop = graph.controlFlow?.loop ?? null;
  for (const { node } of inputs) {
    const source = outputContext(graph, node)?.loop ?? null;
    if (source === null || isWithin(loop, source)) continue;
    const forward = loop?.gradState?.forward ?? null;
    if (forward !== null && (isWithin(forward, source) || forward === source)) continue;
    // Those that bring a value in are made outside of what they bring it into.
    if (loop === null && /^(Ref)?(Enter|Switch)$/.test(type)) continue;
    const why = loop === null ? `'${node.name}' is in a while loop` : "they are in different while loops";
    throw new InvalidArgumentError(
      `Cannot use '${node.name}' as input to '${op}' because ${why}. See info log for more details.`,
    );
  }
}

function isWithin(context: ControlFlowContext | null, outer: ControlFlowContext): boolean {
  for (let at = context; at !== null; at = at.outer) if (at === outer) return true;
  return false;
}
