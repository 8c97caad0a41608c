// Inlines calls and turns functional control flow (If, Case, While) into Switch, Merge, Enter, Exit and NextIteration,
// for nodes that Create or Extend just added, and for bodies that run as nested activations. The node itself stays
// under its name, as the identity of the results, so that fetching it by name goes on working. A call of a function
// inside itself, or of one that must not be inlined, stays a call; so does what would unfold without end. Iterative: nodes made here are looked at in turn.
import { funcAttr, funcsAttr, intAttr } from "../graph/attr.js";
import { boolValue, funcValue, intValue, stringValue, typesValue, typeValue } from "../graph/attr-value.js";
import type { FunctionBody, FunctionLibrary } from "../graph/function-library.js";
import type { Graph, Node, Output } from "../graph/graph.js";
import { baseDtype, DataType } from "../tensor/dtype.js";
import type { AttrValue, NameAttrList } from "../wire/core.js";
import { type Inlined, inlineBody } from "./inline.js";
import { LoopDepth } from "./loop-depth.js";

type Chain = readonly string[];

const CALLS = new Set(["PartitionedCall", "StatefulPartitionedCall"]);
const BRANCHES = new Set(["If", "StatelessIf", "Case", "StatelessCase"]);
const LOOPS = new Set(["While", "StatelessWhile"]);

/** Functions inside functions that are inlined, and nodes that may come of it: a small library can unfold without end. */
const MOST_CALLERS = 200;
const MOST_NODES = 2 ** 17;
/** The same in the body of a call that wasn't inlined: a library has many. */
const MOST_NODES_OF_BODY = 2 ** 12;

/** Where a node of a function's body is to go that asks for a device, or doesn't, and is called on another. */
export type DeviceWithin = (requested: string, caller: string) => string;

/** @param outer functions that the graph is a body of: calls of them are recursion */
export function lowerGraph(graph: Graph, first: number, deviceWithin: DeviceWithin, outer: Chain = []): void {
  if (graph.library.size === 0) return;
  new Lowering(graph, deviceWithin, outer).run(first);
}

/** Nodes whose op is a function, which other masters leave in what they register. */
export function callFunctions({ nodes, library }: Graph): void {
  if (library.size === 0) return;
  for (const node of nodes) {
    const { name } = node.op;
    if (library.has(name)) becomeCall(library, node, { name, attr: node.attrs });
  }
}

function becomeCall({ registry }: FunctionLibrary, node: Node, callee: NameAttrList): void {
  node.op = registry.find("StatefulPartitionedCall")!;
  node.attrs = new Map([
    ["f", funcValue(callee)],
    ["Tin", typesValue(node.inputTypes)],
    ["Tout", typesValue(node.outputTypes)],
  ]);
  for (const { name, defaultValue } of node.op.attrs) {
    if (!node.attrs.has(name) && defaultValue !== null) node.attrs.set(name, defaultValue);
  }
}

class Lowering {
  /** Functions that a node came from; absent for the graph's own. */
  readonly #chains = new Map<Node, Chain>();
  /** What the outputs of a lowered node are. */
  readonly #results = new Map<Node, readonly Output[]>();
  /** What the nodes of a branch or of a loop's body wait for when nothing else tells them whether they may run. */
  readonly #pivots = new Map<Node, readonly Node[]>();
  readonly #loopDepth: LoopDepth;
  readonly #mostNodes: number;
  /** Nodes that TensorFlow puts around the bodies of branches and loops, once all of a level are lowered. */
  #unmade = 0;

  constructor(
    readonly graph: Graph,
    readonly deviceWithin: DeviceWithin,
    readonly outer: Chain,
  ) {
    this.#loopDepth = new LoopDepth(graph);
    this.#mostNodes = graph.nodes.length + (outer.length === 0 ? MOST_NODES : MOST_NODES_OF_BODY);
  }

  run(first: number): void {
    const { graph } = this;
    for (let i = first; i < graph.nodes.length; ) {
      const level = graph.nodes.length;
      while (i < level) this.#lower(graph.nodes[i++]!);
      graph.skipNames(this.#unmade);
      this.#unmade = 0;
    }
    this.#linkResults(first);
  }

  #lower(node: Node): void {
    if (!node.isComplete) return;
    const { name } = node.op;
    if (CALLS.has(name)) this.#call(node, funcAttr(node, "f"));
    else if (BRANCHES.has(name)) this.#branches(node);
    else if (LOOPS.has(name)) this.#loop(node);
    else if (this.graph.library.has(name)) this.#call(node, { name, attr: node.attrs });
  }

  #chain(node: Node): Chain {
    return this.#chains.get(node) ?? this.outer;
  }

  /** The body of a function, `null` where it would contain itself, or where enough is inlined: what is left stays a call. */
  #body(node: Node, { name, attr }: NameAttrList): FunctionBody | null {
    const chain = this.#chain(node);
    if (chain.length >= MOST_CALLERS || this.graph.nodes.length > this.#mostNodes || chain.includes(name)) return null;
    return this.graph.library.instantiate(name, attr);
  }

  /** `_noinline`: all of it runs, whatever is taken. Not if it needs several devices: a nested activation has only one. */
  #staysWhole({ inputs }: Node, { name, graph }: FunctionBody): boolean {
    if (this.graph.library.find(name)?.attr.get("_noinline")?.b !== true) return false;
    const handles = inputs.filter(({ node, index }) => node.outputTypes[index] === DataType.RESOURCE);
    const places = new Set(handles.map(({ node }) => node.requestedDevice));
    return places.size <= 1 && graph.nodes.every(({ requestedDevice }) => requestedDevice === "");
  }

  #inline(
    node: Node,
    body: FunctionBody,
    prefix: string,
    args: readonly Output[],
    free: ReadonlySet<number>,
    pivot: readonly Node[],
    calledAs: string | null = null,
  ): Inlined {
    const device = node.requestedDevice;
    const around = pivot.length > 0 ? pivot : (this.#pivots.get(node) ?? pivot);
    const deviceOf = (copied: Node) => this.deviceWithin(copied.requestedDevice, device);
    const inlined = inlineBody(this.graph, body, { prefix, args, free, pivot: around, deviceOf, calledAs });
    const chain = [...this.#chain(node), body.name];
    for (const copy of inlined.nodes) {
      this.#chains.set(copy, chain);
      if (around.length > 0) this.#pivots.set(copy, around);
    }
    return inlined;
  }

  /** A branch, or a part of a loop: what in it waits for nothing else waits for `pivot`. */
  #inlineBody(
    node: Node,
    body: FunctionBody,
    prefix: string,
    args: readonly Output[],
    free: ReadonlySet<number>,
    pivot: Node,
  ): Inlined {
    // What TensorFlow has around it: what its inputs and its outputs wait for, and an identity of each.
    this.#unmade += 2 + body.args.length + body.rets.length;
    return this.#inline(node, body, prefix, args, free, [pivot]);
  }

  /** What an input is called in the names of nodes that hand it on: an argument of the body around it is `input`. */
  #sourceName(node: Node, { node: source }: Output): string {
    return this.#chains.get(source) === this.#chains.get(node) ? source.name : "input";
  }

  /** What TensorFlow's lowering makes of a node too, under the name that it has there. */
  #make(node: Node, suffix: string, op: string, attrs: Record<string, AttrValue>, inputs: readonly Output[]): Node {
    return this.#put(node, this.graph.newName(`${node.name}/${suffix}`), op, attrs, inputs);
  }

  #add(node: Node, suffix: string, op: string, attrs: Record<string, AttrValue>, inputs: readonly Output[]): Node {
    return this.#put(node, this.graph.uniqueName(`${node.name}/${suffix}`), op, attrs, inputs);
  }

  #put(node: Node, name: string, op: string, attrs: Record<string, AttrValue>, inputs: readonly Output[]): Node {
    const { graph } = this;
    const definition = graph.library.registry.find(op)!;
    const all = new Map(Object.entries(attrs));
    for (const { name: attr, defaultValue } of definition.attrs) {
      if (!all.has(attr) && defaultValue !== null) all.set(attr, defaultValue);
    }
    const added = graph.add(name, definition, all, node.requestedDevice);
    added.inputs.push(...inputs);
    return added;
  }

  #call(node: Node, callee: NameAttrList): void {
    const body = this.#body(node, callee);
    if (body === null || this.#staysWhole(node, body)) {
      if (!CALLS.has(node.op.name)) becomeCall(this.graph.library, node, callee);
      return;
    }
    // What the call waits for, its body waits for.
    const { controlInputs } = node;
    const args =
      controlInputs.length === 0
        ? node.inputs
        : node.inputs.map((input, i) => {
            const identity = this.#add(node, `input_${i}`, "Identity", { T: typeOf(input) }, [input]);
            identity.controlInputs.push(...controlInputs);
            return { node: identity, index: 0 };
          });
    const inlined = this.#inline(node, body, node.name, args, new Set(), this.#callPivot(node, body, args), body.name);
    this.#becomeIdentity(node, inlined.rets, [...controlInputs, ...inlined.controls]);
  }

  /** What a function's constants wait for: what the call does, or else, in a loop, a value of the same turn. */
  #callPivot(node: Node, { graph, args: own }: FunctionBody, [first]: readonly Output[]): readonly Node[] {
    const { controlInputs } = node;
    if (controlInputs.length > 0 || this.#pivots.has(node) || first === undefined) return controlInputs;
    const makes = graph.nodes.some(
      (made) => made.inputs.length + made.controlInputs.length === 0 && !own.includes(made),
    );
    if (!makes || this.#loopDepth.of(node) === 0) return controlInputs;
    return [this.#add(node, "pivot", "Identity", { T: typeOf(first) }, [first])];
  }

  #branches(node: Node): void {
    const isCase = node.op.name.endsWith("Case");
    const callees = isCase
      ? funcsAttr(node, "branches")
      : [funcAttr(node, "else_branch"), funcAttr(node, "then_branch")];
    const bodies = callees.map((callee) => this.#body(node, callee));
    if (bodies.some((body) => body === null)) return;
    const [selector, ...inputs] = node.inputs as [Output, ...Output[]];
    const chooser = isCase ? selector : this.#condition(node, selector);
    const choose = (suffix: string, input: Output): Node =>
      isCase
        ? this.#make(node, suffix, "_SwitchN", { T: typeOf(input), num_outs: intValue(callees.length) }, [
            input,
            chooser,
          ])
        : this.#make(node, suffix, "Switch", { T: typeOf(input) }, [input, chooser]);
    // In the order in which TensorFlow names them.
    const prefixOf = (branch: string) => this.graph.newName(`${node.name}/${branch}`);
    const prefixes = isCase ? bodies.map((_, b) => prefixOf(`branch${b}`)) : ["then", "else"].map(prefixOf).reverse();
    const switchPred = choose(isCase ? "branch_index" : "switch_pred", chooser);
    switchPred.controlInputs.push(...node.controlInputs);
    const pivots = bodies.map((_, b) =>
      this.#make(node, isCase ? `pivot_${b}` : b === 0 ? "pivot_f" : "pivot_t", "Identity", { T: typeOf(chooser) }, [
        { node: switchPred, index: b },
      ]),
    );
    const switches = inputs.map((input) => {
      const added = choose(this.#sourceName(node, input), input);
      added.controlInputs.push(...node.controlInputs);
      return added;
    });
    const branches = bodies.map((body, b) => {
      const pivot = pivots[b]!;
      const args = switches.map((added) => ({ node: added, index: b }));
      const inlined = this.#inlineBody(node, body!, prefixes[b]!, args, new Set(), pivot);
      const done = this.#add(node, `done_${b}`, "Identity", { T: typeOf(chooser) }, [{ node: pivot, index: 0 }]);
      done.controlInputs.push(...inlined.controls);
      return { ...inlined, done };
    });
    const merge = (suffix: string, outputs: readonly Output[]): Output => ({
      node: this.#make(node, suffix, "Merge", { T: typeOf(outputs[0]!), N: intValue(outputs.length) }, outputs),
      index: 0,
    });
    const results = node.outputTypes.map((_, i) =>
      merge(
        isCase ? "merge" : "output",
        branches.map(({ rets }) => rets[i]!),
      ),
    );
    const done = merge(
      "branch_executed",
      branches.map((branch) => ({ node: branch.done, index: 0 })),
    );
    this.#becomeIdentity(node, results, [done.node]);
  }

  /** A condition may be of any type: non-zero, or non-empty, is true. */
  #condition(node: Node, condition: Output): Output {
    const type = baseDtype(condition.node.outputTypes[condition.index]!);
    if (type === DataType.BOOL) return condition;
    return { node: this.#add(node, "condition", "ToBool", { T: typeValue(type) }, [condition]), index: 0 };
  }

  #loop(node: Node): void {
    // Nothing to turn: it runs as a kernel.
    if (node.inputs.length === 0) return;
    const cond = this.#body(node, funcAttr(node, "cond"));
    const body = this.#body(node, funcAttr(node, "body"));
    if (cond === null || body === null) return;
    const frame = {
      frame_name: stringValue(node.name),
      parallel_iterations: intValue(node.attrs.has("parallel_iterations") ? intAttr(node, "parallel_iterations") : 10),
    };
    // A variable that the body hands on untouched is a constant of the frame. One must turn, to drive the loop.
    const invariant = body.rets.map((ret, i) => ret.inputs[0]!.node === body.args[i]);
    if (invariant.every(Boolean) && invariant.length > 0) invariant[0] = false;
    const free = new Set(invariant.flatMap((is, i) => (is ? [i] : [])));
    const { graph } = this;
    /** By variable; TensorFlow has these for invariants too, but for resources. */
    const turning = (suffixOf: (i: number) => string, op: string, inputsOf: (i: number) => Output[]) =>
      enters.map(({ outputTypes: [type] }, i) => {
        if (invariant[i]) {
          if (type !== DataType.RESOURCE) graph.skipNames(1);
          return null;
        }
        const attrs: Record<string, AttrValue> = { T: typeValue(type!) };
        if (op === "Merge") attrs.N = intValue(2);
        return this.#make(node, suffixOf(i), op, attrs, inputsOf(i));
      });
    // In the order in which TensorFlow names them.
    const condPrefix = graph.newName(`${node.name}/cond`);
    const bodyPrefix = graph.newName(`${node.name}/body`);
    const enters = node.inputs.map((input, i) => {
      const attrs = { T: typeOf(input), ...frame, is_constant: boolValue(invariant[i]!) };
      const enter = this.#make(node, "enter", "Enter", attrs, [input]);
      enter.controlInputs.push(...node.controlInputs);
      return enter;
    });
    const merges = turning(
      () => "merge",
      "Merge",
      (i) => [{ node: enters[i]!, index: 0 }],
    );
    const inFrame = enters.map((enter, i) => ({ node: merges[i] ?? enter, index: 0 }));
    const first = merges.find((merge) => merge !== null)!;
    const test = this.#inlineBody(node, cond, condPrefix, inFrame, free, first);
    const loopCond = this.#make(node, "LoopCond", "LoopCond", {}, [this.#condition(node, test.rets[0]!)]);
    loopCond.controlInputs.push(...test.controls);
    const switches = turning(
      (i) => `${this.#sourceName(node, node.inputs[i]!)}_switch`,
      "Switch",
      (i) => [inFrame[i]!, { node: loopCond, index: 0 }],
    );
    const args = switches.map((added, i) => (added === null ? inFrame[i]! : { node: added, index: 1 }));
    const driver = switches.find((added) => added !== null)!;
    const pivot = this.#make(node, "loop_body_control", "Identity", { T: typeValue(driver.outputTypes[0]!) }, [
      { node: driver, index: 1 },
    ]);
    const exits = turning(
      () => "exit",
      "Exit",
      (i) => [{ node: switches[i]!, index: 0 }],
    );
    // TensorFlow's node that tells whether the loop was executed.
    graph.skipNames(1);
    const turn = this.#inlineBody(node, body, bodyPrefix, args, free, pivot);
    const nexts = turning(
      () => "next_iteration",
      "NextIteration",
      (i) => [turn.rets[i]!],
    );
    nexts.forEach((next, i) => {
      next?.controlInputs.push(...turn.controls);
      if (next !== null) merges[i]!.inputs.push({ node: next, index: 0 });
    });
    const results = exits.map((exit, i) => (exit === null ? node.inputs[i]! : { node: exit, index: 0 }));
    this.#becomeIdentity(node, results, []);
  }

  /** The node keeps its name and stands for the results, which carry what must have run before them. */
  #becomeIdentity(node: Node, results: readonly Output[], controls: readonly Node[]): void {
    const { registry } = this.graph.library;
    const waitFor = new Set(controls);
    const outputs =
      waitFor.size === 0
        ? results
        : results.map((result, i): Output => {
            const output = this.#add(node, `output_${i}`, "Identity", { T: typeOf(result) }, [result]);
            for (const control of waitFor) output.controlInputs.push(control);
            return { node: output, index: 0 };
          });
    node.op = registry.find(results.length === 0 ? "NoOp" : "IdentityN")!;
    node.attrs = results.length === 0 ? new Map() : new Map([["T", typesValue(node.outputTypes)]]);
    node.inputs.splice(0, node.inputs.length, ...outputs);
    node.controlInputs.splice(0, node.controlInputs.length, ...waitFor);
    node.inputTypes = results.length === 0 ? [] : node.outputTypes;
    this.#results.set(node, outputs);
  }

  /** Consumers of one result take it without waiting for the others, which pruning may then drop. */
  #linkResults(first: number): void {
    if (this.#results.size === 0) return;
    const { nodes } = this.graph;
    for (let i = first; i < nodes.length; i++) {
      const { inputs } = nodes[i]!;
      for (let k = 0; k < inputs.length; k++) {
        let input = inputs[k]!;
        for (let results = this.#results.get(input.node); results !== undefined; ) {
          input = results[input.index]!;
          results = this.#results.get(input.node);
        }
        inputs[k] = input;
      }
    }
  }
}

const typeOf = ({ node, index }: Output): AttrValue => typeValue(baseDtype(node.outputTypes[index]!));
