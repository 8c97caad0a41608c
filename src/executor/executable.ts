// Compiles a graph that was placed on one device to flat arrays, once; steps then run over them (step.ts).
// Takes a Graph and its device; gives an Executable that any number of steps may run at once.
import type { Device } from "../device/device.js";
import { NotFoundError, OpError } from "../errors/index.js";
import { bigintAttr, boolAttr, intAttr, stringAttr } from "../graph/attr.js";
import type { Graph, Node } from "../graph/graph.js";
import type { Compute, Kernel } from "../kernel/kernel.js";
import { type DataType, isRef } from "../tensor/dtype.js";
import { assignFrames } from "./control-flow.js";
import type { FramePlan } from "./frames.js";
import type { FunctionRuntime } from "./functions.js";
import { NodeKernel } from "./kernel-node.js";

/** What the executor does with a node itself; everything else is a kernel call. */
export const Kind = {
  KERNEL: 0,
  SWITCH: 1,
  SWITCH_N: 2,
  MERGE: 3,
  ENTER: 4,
  EXIT: 5,
  NEXT_ITERATION: 6,
  LOOP_COND: 7,
  SEND: 8,
  RECV: 9,
  ARG: 10,
  RETVAL: 11,
  NO_OP: 12,
  /** Waits for all its control inputs, and runs even if they are dead. */
  CONTROL_TRIGGER: 13,
} as const;

const kinds = new Map<string, number>([
  ["Switch", Kind.SWITCH],
  ["RefSwitch", Kind.SWITCH],
  ["_SwitchN", Kind.SWITCH_N],
  ["Merge", Kind.MERGE],
  ["RefMerge", Kind.MERGE],
  ["Enter", Kind.ENTER],
  ["RefEnter", Kind.ENTER],
  ["Exit", Kind.EXIT],
  ["RefExit", Kind.EXIT],
  ["NextIteration", Kind.NEXT_ITERATION],
  ["RefNextIteration", Kind.NEXT_ITERATION],
  ["LoopCond", Kind.LOOP_COND],
  ["_Send", Kind.SEND],
  ["_HostSend", Kind.SEND],
  ["_Recv", Kind.RECV],
  ["_HostRecv", Kind.RECV],
  ["_Arg", Kind.ARG],
  ["_DeviceArg", Kind.ARG],
  ["_Retval", Kind.RETVAL],
  ["_DeviceRetval", Kind.RETVAL],
  ["NoOp", Kind.NO_OP],
  ["ControlTrigger", Kind.CONTROL_TRIGGER],
]);

/** Ops that the executor runs without a kernel: placement needs no kernel for them. */
export const isExecutorOp = (op: string): boolean => kinds.has(op);

/** Prepared kernels of stateful nodes by name: they live as long as the session and serve every plan of it. */
export type KernelCache = Map<string, { readonly op: string; readonly kernel: NodeKernel }>;

export interface CompileOptions {
  readonly device: Device;
  readonly functions: FunctionRuntime;
  readonly statefulKernels: KernelCache;
  /** Prefix of node names in the cache: functions have names of their own. */
  readonly scope?: string;
}

/** Edge that nobody else takes over: the entry's hold passes along it instead of being shared. */
export const LAST_EDGE = 1;
/** Edge into a merge: its counts differ. */
export const TO_MERGE = 2;

export class Executable {
  readonly names: string[];
  readonly ops: string[];
  readonly kind: Uint8Array;
  readonly compute: (Compute | null)[];
  readonly frameOf: Int32Array;
  readonly frames: FramePlan[];
  /** Index of a node's counts in its frame's arrays. */
  readonly local: Int32Array;
  /** First slot of a node's inputs in its frame's array, and how many. */
  readonly inputStart: Int32Array;
  readonly inputCount: Int32Array;
  readonly outputCount: Int32Array;
  readonly outputTypes: (readonly DataType[])[];
  readonly inputTypes: (readonly DataType[])[];
  /** Bit per node: some input arrives as a variable but is read as a value. */
  readonly readsRefs: Uint8Array;
  readonly allowsUninitialized: Uint8Array;
  /** Edges of node n: edgeStart[n] .. edgeStart[n + 1], by output, control edges (output −1) last. */
  readonly edgeStart: Int32Array;
  readonly edgeOutput: Int32Array;
  readonly edgeTarget: Int32Array;
  readonly edgeSlot: Int32Array;
  readonly edgeFlags: Uint8Array;
  /** Outputs that no edge takes, as node → indices; `null` where there are none. */
  readonly unused: (readonly number[] | null)[];
  /** Nodes of the root frame that wait for nothing. */
  readonly roots: Int32Array;
  readonly maxOutputs: number;
  readonly sourceNames: (readonly string[])[];
  readonly inputSources: (readonly number[])[];
  /** Frame that an Enter opens, by node. */
  readonly enterTarget: Int32Array;
  /** Kind-specific: argument index, constant Enter, `_Send`/`_Recv` key without its frame, is host-side. */
  readonly aux: Int32Array;
  readonly keys: (string | null)[];
  readonly retvalCount: number;
  /** `_Recv` nodes that wait for nothing: started first, so that peers hear of them at once. */
  readonly device: Device;
  readonly #owned: NodeKernel[] = [];

  constructor(graph: Graph, options: CompileOptions) {
    const { nodes } = graph;
    const n = nodes.length;
    this.device = options.device;
    this.names = nodes.map((node) => node.name);
    this.ops = nodes.map((node) => node.op.name);
    this.kind = Uint8Array.from(nodes, (node) => kinds.get(node.op.name) ?? Kind.KERNEL);
    this.outputTypes = nodes.map((node) => node.outputTypes);
    this.inputTypes = nodes.map((node) => node.inputTypes);
    this.inputCount = Int32Array.from(nodes, (node) => node.inputs.length);
    this.outputCount = Int32Array.from(nodes, (node) => node.outputTypes.length);
    this.allowsUninitialized = Uint8Array.from(nodes, (node) => Number(node.op.allowsUninitializedInput));
    this.sourceNames = nodes.map((node) => node.inputs.map((input) => input.node.name));
    this.inputSources = nodes.map((node) => node.inputs.map((input) => input.node.id));
    this.maxOutputs = this.outputCount.reduce((a, b) => Math.max(a, b), 1);

    const consumers: Node[][] = nodes.map(() => []);
    for (const node of nodes) {
      for (const input of node.inputs) consumers[input.node.id]!.push(node);
      for (const control of node.controlInputs) consumers[control.id]!.push(node);
    }
    const { frames, frameOf, enterTarget } = assignFrames(graph, consumers);
    this.frameOf = Int32Array.from(nodes, (node) => frameOf[node.id]!.index);
    this.enterTarget = Int32Array.from(nodes, (node) => enterTarget.get(node)?.index ?? -1);

    this.local = new Int32Array(n);
    this.inputStart = new Int32Array(n);
    const nodeCounts = new Array<number>(frames.length).fill(0);
    const slotCounts = new Array<number>(frames.length).fill(0);
    for (const node of nodes) {
      const frame = this.frameOf[node.id]!;
      this.local[node.id] = nodeCounts[frame]!++;
      this.inputStart[node.id] = slotCounts[frame]!;
      slotCounts[frame]! += node.inputs.length;
    }
    this.frames = frames.map((frame, i) => ({
      frame,
      slotCount: slotCounts[i]!,
      pending: new Int32Array(nodeCounts[i]!),
      pool: [],
    }));
    const roots: number[] = [];
    for (const node of nodes) {
      const merge = this.kind[node.id] === Kind.MERGE;
      const pending = merge ? 1 + 2 * node.controlInputs.length : node.inputs.length + node.controlInputs.length;
      this.frames[this.frameOf[node.id]!]!.pending[this.local[node.id]!] = pending;
      if (pending === 0) roots.push(node.id);
    }
    // The stack runs its top first: receives go on top so that peers learn of them at once.
    roots.sort((a, b) => Number(this.kind[a] === Kind.RECV) - Number(this.kind[b] === Kind.RECV) || b - a);
    this.roots = Int32Array.from(roots);

    const edges = this.#edges(nodes);
    this.edgeStart = edges.start;
    this.edgeOutput = edges.output;
    this.edgeTarget = edges.target;
    this.edgeSlot = edges.slot;
    this.edgeFlags = edges.flags;
    this.unused = edges.unused;

    this.readsRefs = new Uint8Array(n);
    this.aux = new Int32Array(n);
    this.keys = new Array<string | null>(n).fill(null);
    this.compute = new Array<Compute | null>(n).fill(null);
    let retvals = 0;
    for (const node of nodes) {
      for (let i = 0; i < node.inputs.length; i++) {
        const { node: source, index } = node.inputs[i]!;
        if (isRef(source.outputTypes[index]!) && !isRef(node.inputTypes[i]!)) this.readsRefs[node.id] = 1;
      }
      retvals = Math.max(retvals, this.#prepare(node, options));
    }
    this.retvalCount = retvals;
  }

  /** Lets go of the constants that its kernels hold. No step may be running. */
  close(): void {
    for (const kernel of this.#owned) kernel.close();
    this.#owned.length = 0;
  }

  #edges(nodes: readonly Node[]) {
    const start = new Int32Array(nodes.length + 1);
    for (const node of nodes) {
      for (const input of node.inputs) start[input.node.id + 1]!++;
      for (const control of node.controlInputs) start[control.id + 1]!++;
    }
    for (let i = 0; i < nodes.length; i++) start[i + 1]! += start[i]!;
    const count = start[nodes.length]!;
    const output = new Int32Array(count);
    const target = new Int32Array(count);
    const slot = new Int32Array(count);
    const flags = new Uint8Array(count);
    const next = start.slice(0, nodes.length);
    const put = (source: number, out: number, node: Node, at: number) => {
      const e = next[source]!++;
      output[e] = out;
      target[e] = node.id;
      slot[e] = at;
      flags[e] = this.kind[node.id] === Kind.MERGE ? TO_MERGE : 0;
    };
    for (const node of nodes) {
      node.inputs.forEach((input, i) => put(input.node.id, input.index, node, this.inputStart[node.id]! + i));
    }
    for (const node of nodes) for (const control of node.controlInputs) put(control.id, -1, node, -1);
    const unused = nodes.map((node) => {
      const used = new Uint8Array(node.outputTypes.length);
      // Backwards: the first edge met of an output is its last.
      for (let e = start[node.id + 1]! - 1; e >= start[node.id]!; e--) {
        const out = output[e]!;
        if (out < 0 || used[out] === 1) continue;
        used[out] = 1;
        flags[e]! |= LAST_EDGE;
      }
      const rest: number[] = [];
      used.forEach((taken, i) => {
        if (taken === 0) rest.push(i);
      });
      return rest.length === 0 ? null : rest;
    });
    return { start, output, target, slot, flags, unused };
  }

  /** Reads what the executor needs of a node, or prepares its kernel. Returns how many results it makes sure of. */
  #prepare(node: Node, options: CompileOptions): number {
    const kind = this.kind[node.id]!;
    if (kind === Kind.ARG || kind === Kind.RETVAL) {
      const index = intAttr(node, "index");
      this.aux[node.id] = index;
      return kind === Kind.RETVAL ? index + 1 : 0;
    }
    if (kind === Kind.ENTER) this.aux[node.id] = Number(boolAttr(node, "is_constant"));
    if (kind === Kind.SEND || kind === Kind.RECV) {
      const incarnation = BigInt.asUintN(64, bigintAttr(node, "send_device_incarnation"));
      this.keys[node.id] = [
        stringAttr(node, "send_device"),
        incarnation.toString(16).padStart(16, "0"),
        stringAttr(node, "recv_device"),
        stringAttr(node, "tensor_name"),
        "",
      ].join(";");
    }
    if (kind === Kind.KERNEL) this.compute[node.id] = this.#kernelOf(node, options).compute;
    return 0;
  }

  #kernelOf(node: Node, options: CompileOptions): NodeKernel {
    const name = (options.scope ?? "") + node.name;
    const cached = node.op.isStateful ? options.statefulKernels.get(name) : undefined;
    if (cached !== undefined && cached.op === node.op.name) return cached.kernel;
    const kernel = findKernel(node, options.device);
    try {
      const prepared = new NodeKernel(node, kernel, options.device, options.functions);
      if (node.op.isStateful) options.statefulKernels.set(name, { op: node.op.name, kernel: prepared });
      else this.#owned.push(prepared);
      return prepared;
    } catch (error) {
      throw error instanceof OpError ? withNode(error, node.name) : error;
    }
  }
}

/** The same error, naming the node as TensorFlow does, so that a Python client can find it in its graph. */
export function withNode(error: OpError, name: string): OpError {
  const suffix = error.message.includes("[[") ? `\n\t [[${name}]]` : `\n\t [[{{node ${name}}}]]`;
  return error.withMessage(error.message + suffix);
}

function findKernel(node: Node, device: Device): Kernel {
  const found = device.findKernel(node.op.name, (attr) => node.attrs.get(attr)?.type ?? 0);
  if (found !== undefined) return found;
  const registered = device.kernelsOf(node.op.name).map((kernel) => {
    const types = Object.entries(kernel.types).map(([attr, allowed]) => `; ${attr} in [${allowed.join(", ")}]`);
    return `  device='${kernel.device}'${types.join("")}\n`;
  });
  const list = registered.length === 0 ? "  <no registered kernels>\n" : registered.join("");
  throw new NotFoundError(
    `No registered '${node.op.name}' OpKernel for '${device.type}' devices compatible with node ` +
      `{{node ${node.name}}}\n\t.  Registered:${list}\n\n\t [[${node.name}]]`,
  );
}
