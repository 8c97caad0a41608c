// Constant folding: nodes whose inputs are all constants are computed when the plan is made, by the kernels that would
// have run in every step, and become constants under their own names. Takes a plan's own graph and changes it in place;
// what nobody needs any more is left for a sweep. What holds state, steers the flow, fails or grows large stays.
import type { Device } from "../device/device.js";
import { isExecutorOp } from "../executor/layout.js";
import { tensorAttr } from "../graph/attr.js";
import { tensorValue, typeValue } from "../graph/attr-value.js";
import type { Graph, Node, Output } from "../graph/graph.js";
import { sourcesFirst } from "../graph/order.js";
import type { Heap } from "../memory/heap.js";
import { baseDtype, DataType, dtypeSize, isRef } from "../tensor/dtype.js";
import { shapeFromProto, tensorView } from "../tensor/proto.js";
import { numElements } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { TensorProto } from "../wire/core.js";
import { Evaluator } from "./evaluate.js";

export interface FoldOptions {
  /** Where nodes are computed: the host's CPU. */
  readonly device: Device;
  /** Size of a constant, and of what its making allocates at once. */
  readonly maxBytes: number;
  /** Gives way to the event loop, if it is time; `null` when it isn't. */
  readonly pause: () => Promise<void> | null;
}

/** What all values of one plan may take while they are computed. */
const MAX_TOTAL_BYTES = 64 * 2 ** 20;

/** They look at the world, or write into their input. */
const NOT_PURE = new Set(["MatchingFiles", "ReadFile", "InplaceUpdate", "InplaceAdd", "InplaceSub"]);

/** @returns whether anything changed */
export async function foldConstants(graph: Graph, roots: readonly Node[], options: FoldOptions): Promise<boolean> {
  const folding = new Folding(graph, options);
  try {
    for (const node of sourcesFirst(graph.nodes)) {
      const pause = options.pause();
      if (pause !== null) await pause;
      folding.look(node);
    }
    return folding.apply(new Set(roots));
  } finally {
    folding.close();
  }
}

class Folding {
  /** Values of constants that some candidate takes, `null` for those that have none here. */
  readonly #constants = new Map<Node, readonly Tensor[] | null>();
  readonly #folded = new Map<Node, readonly Tensor[]>();
  readonly #evaluator: Evaluator;
  #bytes = 0;

  constructor(
    readonly graph: Graph,
    readonly options: FoldOptions,
  ) {
    this.#evaluator = new Evaluator(options.device, options.maxBytes);
  }

  look(node: Node): void {
    if (!this.#mayFold(node)) return;
    const inputs: Tensor[] = [];
    for (const { node: source, index } of node.inputs) {
      const values = this.#folded.get(source) ?? this.#constant(source);
      if (values === null) return;
      inputs.push(values[index]!);
    }
    const values = this.#hold(this.#evaluator.evaluate(node, inputs));
    if (values !== null) this.#folded.set(node, values);
  }

  #mayFold({ op, inputs, controlInputs, inputTypes, outputTypes, attrs, assignedDevice }: Node): boolean {
    if (inputs.length === 0 || op.isStateful || isExecutorOp(op.name) || NOT_PURE.has(op.name)) return false;
    for (const { node } of inputs) if (!this.#isConstant(node)) return false;
    for (const node of controlInputs) if (!this.#isConstant(node)) return false;
    if (!assignedDevice.includes("/device:CPU:")) return false;
    for (const type of inputTypes) if (!isPlain(type)) return false;
    for (const type of outputTypes) if (!isPlain(type)) return false;
    for (const { func, list } of attrs.values()) if (func !== undefined || (list?.func.length ?? 0) > 0) return false;
    return true;
  }

  #isConstant(node: Node): boolean {
    return this.#folded.has(node) || (node.op.name === "Const" && node.controlInputs.length === 0);
  }

  #constant(node: Node): readonly Tensor[] | null {
    let values = this.#constants.get(node);
    if (values === undefined) {
      values = this.#isSmall(node) ? this.#hold(this.#evaluator.evaluate(node, [])) : null;
      this.#constants.set(node, values);
    }
    return values;
  }

  #isSmall(node: Node): boolean {
    try {
      const { dtype, tensorShape } = tensorAttr(node, "value");
      return numElements(shapeFromProto(tensorShape)) * Math.max(1, dtypeSize(dtype)) <= this.options.maxBytes;
    } catch {
      // The step says what is wrong with it.
      return false;
    }
  }

  /** Keeps what is within the limits, lets go of what isn't. */
  #hold(values: readonly Tensor[] | null): readonly Tensor[] | null {
    if (values === null) return null;
    let bytes = 0;
    for (const value of values) bytes += sizeOf(value);
    if (bytes <= this.options.maxBytes && this.#bytes + bytes <= MAX_TOTAL_BYTES) {
      this.#bytes += bytes;
      return values;
    }
    for (const value of values) value.release();
    return null;
  }

  /** Puts constants where folded nodes were taken. */
  apply(roots: ReadonlySet<Node>): boolean {
    if (this.#folded.size === 0) return false;
    const { nodes } = this.graph;
    // A node of several results can't become a constant; as a target it goes on running.
    for (const root of roots) if (root.outputTypes.length !== 1) this.#drop(root);
    const made = new Map<Node, Output[]>();
    for (let i = 0, count = nodes.length; i < count; i++) {
      const node = nodes[i]!;
      if (this.#folded.has(node)) continue;
      for (let k = 0; k < node.inputs.length; k++) {
        const { node: source, index } = node.inputs[k]!;
        const values = this.#folded.get(source);
        if (values !== undefined) node.inputs[k] = this.#constantFor(source, index, values, made);
      }
      const waitsFor = node.controlInputs.filter((source) => !this.#folded.has(source));
      if (waitsFor.length < node.controlInputs.length) node.controlInputs.splice(0, Infinity, ...waitsFor);
    }
    for (const root of roots) {
      const values = this.#folded.get(root);
      if (values !== undefined) this.#constantFor(root, 0, values, made);
    }
    return true;
  }

  #constantFor(source: Node, index: number, values: readonly Tensor[], made: Map<Node, Output[]>): Output {
    let outputs = made.get(source);
    if (outputs === undefined) {
      outputs = [];
      made.set(source, outputs);
    }
    const known = outputs[index];
    if (known !== undefined) return known;
    const { graph } = this;
    const op = graph.library.registry.find("Const")!;
    const tensor = values[index]!;
    const attrs = new Map([
      ["dtype", typeValue(tensor.dtype)],
      ["value", tensorValue(protoOf(tensor, this.options.device.heap))],
    ]);
    let node = source;
    if (values.length === 1) {
      node.op = op;
      node.attrs = attrs;
      node.inputs.length = 0;
      node.controlInputs.length = 0;
      node.inputTypes = [];
    } else {
      node = graph.add(graph.uniqueName(`${source.name}/folded_${index}`), op, attrs, source.requestedDevice);
      node.assignedDevice = source.assignedDevice;
    }
    const output = { node, index: 0 };
    outputs[index] = output;
    return output;
  }

  #drop(node: Node): void {
    for (const value of this.#folded.get(node) ?? []) value.release();
    this.#folded.delete(node);
  }

  /** Lets go of all values: the constants have bytes of their own. */
  close(): void {
    for (const values of this.#constants.values()) for (const value of values ?? []) value.release();
    for (const values of this.#folded.values()) for (const value of values) value.release();
    this.#constants.clear();
    this.#folded.clear();
  }
}

/** Whether a value of this type can be written down. */
const isPlain = (type: DataType): boolean => !isRef(type) && (dtypeSize(type) > 0 || type === DataType.STRING);

function sizeOf(tensor: Tensor): number {
  if (tensor.values === null) return tensor.bytes;
  return tensor.values.reduce<number>((sum, value) => sum + 16 + (value as Uint8Array).length, 0);
}

function protoOf(tensor: Tensor, heap: Heap): TensorProto {
  const proto = tensorView(tensor, heap);
  proto.dtype = baseDtype(tensor.dtype);
  proto.tensorContent = proto.tensorContent?.slice() ?? null;
  return proto;
}
