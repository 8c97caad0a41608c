// Compiles a graph that was placed on one device to flat arrays, once; steps then run over them (step.ts).
// Takes a Graph and its device; gives an Executable that any number of steps may run at once.
import type { Device } from "../device/device.js";
import { NotFoundError, OpError } from "../errors/index.js";
import { bigintAttr, boolAttr, intAttr, stringAttr } from "../graph/attr.js";
import { type Graph, inputNames, type Node } from "../graph/graph.js";
import type { Compute, Kernel } from "../kernel/kernel.js";
import { baseDtype, type DataType, isRef } from "../tensor/dtype.js";
import { assignFrames } from "./control-flow.js";
import type { FramePlan } from "./frames.js";
import type { FunctionRuntime } from "./functions.js";
import { NodeKernel } from "./kernel-node.js";
import {
  ALLOWS_UNINITIALIZED,
  EDGE,
  EDGES,
  EDGES_END,
  FLAGS,
  GIVES_INDEX,
  HAS_UNUSED,
  INPUTS,
  KIND,
  Kind,
  kindOf,
  LAST_EDGE,
  LOCAL,
  OUTPUT,
  OUTPUT_TYPE,
  READS_REFS,
  ROW,
  SLOT,
  TARGET,
  TARGET_LOCAL,
  TARGET_SLOT,
  TO_MERGE,
} from "./layout.js";

/** Prepared kernels of stateful nodes by name: they live as long as the session and serve every plan of it. */
export type KernelCache = Map<string, { readonly op: string; readonly kernel: NodeKernel }>;

export interface CompileOptions {
  readonly device: Device;
  readonly functions: FunctionRuntime;
  readonly statefulKernels: KernelCache;
  /** Prefix of node names in the cache: functions have names of their own. */
  readonly scope?: string;
}

export class Executable {
  readonly names: string[];
  readonly ops: string[];
  /** Where nodes come from that were made of a function's. */
  readonly origins: Node["debugInfo"][];
  readonly rows: Int32Array;
  readonly edges: Int32Array;
  readonly compute: (Compute | null)[];
  readonly frames: FramePlan[];
  readonly outputTypes: (readonly DataType[])[];
  readonly inputTypes: (readonly DataType[])[];
  /** Outputs that no edge takes, as node → indices; `null` where there are none. */
  readonly unused: (readonly number[] | null)[];
  /** Nodes of the root frame that wait for nothing. */
  readonly roots: Int32Array;
  readonly maxOutputs: number;
  /** Of inputs, in their order, and behind them of nodes that are waited for. */
  readonly sourceNames: (readonly string[])[];
  readonly inputSources: (readonly number[])[];
  /** Frame that an Enter opens, by node. */
  readonly enterTarget: Int32Array;
  /** Kind-specific: argument index, constant Enter, `_Send`/`_Recv` key without its frame, is host-side. */
  readonly aux: Int32Array;
  readonly keys: (string | null)[];
  /** The same with the root frame's end: most transfers are made there, and a string made once is hashed once. */
  readonly rootKeys: (string | null)[];
  readonly retvalCount: number;
  readonly device: Device;
  readonly #owned: NodeKernel[] = [];
  /** The last kernel prepared of each sort: the next node often wants the same, and code and data stay in the cache. */
  readonly #shared = new Map<Kernel, NodeKernel>();

  constructor(graph: Graph, options: CompileOptions) {
    const { nodes } = graph;
    const n = nodes.length;
    this.device = options.device;
    this.names = nodes.map((node) => node.name);
    this.ops = nodes.map((node) => node.op.name);
    this.origins = nodes.map((node) => node.debugInfo);
    this.outputTypes = nodes.map((node) => node.outputTypes);
    this.inputTypes = nodes.map((node) => node.inputTypes);
    this.sourceNames = nodes.map(inputNames);
    this.inputSources = nodes.map((node) => node.inputs.map((input) => input.node.id));
    this.maxOutputs = nodes.reduce((most, { outputTypes }) => Math.max(most, outputTypes.length), 1);

    const { frames, frameOf, enterTarget } = assignFrames(graph);
    this.enterTarget = Int32Array.from(nodes, (node) => enterTarget.get(node)?.index ?? -1);

    this.rows = new Int32Array(n * ROW);
    const nodeCounts = new Array<number>(frames.length).fill(0);
    const slotCounts = new Array<number>(frames.length).fill(0);
    for (const node of nodes) {
      const frame = frameOf[node.id]!.index;
      const row = node.id * ROW;
      this.rows[row + KIND] = kindOf(node.op.name);
      this.rows[row + SLOT] = slotCounts[frame]!;
      this.rows[row + INPUTS] = node.inputs.length;
      this.rows[row + FLAGS] = flagsOf(node);
      this.rows[row + LOCAL] = nodeCounts[frame]!++;
      this.rows[row + OUTPUT_TYPE] = node.outputTypes.length === 1 ? baseDtype(node.outputTypes[0]!) : -1;
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
      const row = node.id * ROW;
      const merge = this.rows[row + KIND] === Kind.MERGE;
      const pending = merge ? 1 + 2 * node.controlInputs.length : node.inputs.length + node.controlInputs.length;
      this.frames[frameOf[node.id]!.index]!.pending[this.rows[row + LOCAL]!] = pending;
      if (pending === 0) roots.push(node.id);
    }
    // The stack runs its top first: receives go on top so that peers learn of them at once.
    const receives = (node: number) => Number(this.rows[node * ROW + KIND] === Kind.RECV);
    roots.sort((a, b) => receives(a) - receives(b) || b - a);
    this.roots = Int32Array.from(roots);

    this.edges = this.#layEdges(nodes);
    this.unused = nodes.map((node) => this.#markLast(node));

    this.aux = new Int32Array(n);
    this.keys = new Array<string | null>(n).fill(null);
    this.rootKeys = new Array<string | null>(n).fill(null);
    this.compute = new Array<Compute | null>(n).fill(null);
    let retvals = 0;
    try {
      for (const node of nodes) retvals = Math.max(retvals, this.#prepare(node, options));
    } catch (error) {
      this.close();
      throw error;
    }
    this.retvalCount = retvals;
  }

  /** Lets go of the constants that its kernels hold. No step may be running. */
  close(): void {
    for (const kernel of this.#owned) kernel.close();
    this.#owned.length = 0;
  }

  /** All edges, those of a node side by side: first the ones that carry values, then the control edges. */
  #layEdges(nodes: readonly Node[]): Int32Array {
    const { rows } = this;
    const counts = new Int32Array(nodes.length);
    for (const node of nodes) {
      for (const input of node.inputs) counts[input.node.id]!++;
      for (const control of node.controlInputs) counts[control.id]!++;
    }
    let end = 0;
    for (const node of nodes) {
      const row = node.id * ROW;
      rows[row + EDGES] = end;
      rows[row + EDGES_END] = end;
      end += counts[node.id]! * EDGE;
    }
    const edges = new Int32Array(end);
    const put = (source: Node, output: number, target: Node, slot: number) => {
      const row = target.id * ROW;
      const edge = rows[source.id * ROW + EDGES_END]!;
      rows[source.id * ROW + EDGES_END] = edge + EDGE;
      edges[edge + TARGET] = target.id;
      edges[edge + TARGET_SLOT] = slot;
      edges[edge + TARGET_LOCAL] = rows[row + LOCAL]!;
      edges[edge + OUTPUT] = output * 4 + (rows[row + KIND] === Kind.MERGE ? TO_MERGE : 0);
    };
    for (const node of nodes) {
      const first = rows[node.id * ROW + SLOT]!;
      node.inputs.forEach((input, i) => put(input.node, input.index, node, first + i));
    }
    for (const node of nodes) for (const control of node.controlInputs) put(control, -1, node, -1);
    return edges;
  }

  /** Marks the last edge of each output. @returns the outputs that have none, `null` where all have */
  #markLast(node: Node): readonly number[] | null {
    const { rows, edges } = this;
    const row = node.id * ROW;
    const used = new Uint8Array(node.outputTypes.length);
    // Backwards: the first edge met of an output is its last.
    for (let edge = rows[row + EDGES_END]! - EDGE; edge >= rows[row + EDGES]!; edge -= EDGE) {
      const output = edges[edge + OUTPUT]! >> 2;
      if (output < 0 || used[output] === 1) continue;
      used[output] = 1;
      edges[edge + OUTPUT]! |= LAST_EDGE;
    }
    const unused: number[] = [];
    used.forEach((taken, i) => {
      if (taken === 0) unused.push(i);
    });
    if (rows[row + KIND] === Kind.MERGE && used[1] === 1) rows[row + FLAGS]! |= GIVES_INDEX;
    if (unused.length === 0) return null;
    rows[row + FLAGS]! |= HAS_UNUSED;
    return unused;
  }

  /** Reads what the executor needs of a node, or prepares its kernel. Returns how many results it makes sure of. */
  #prepare(node: Node, options: CompileOptions): number {
    const kind = this.rows[node.id * ROW + KIND]!;
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
      this.rootKeys[node.id] = `${this.keys[node.id]}0:0`;
    }
    if (kind === Kind.KERNEL) this.compute[node.id] = this.#kernelOf(node, options).compute;
    return 0;
  }

  #kernelOf(node: Node, options: CompileOptions): NodeKernel {
    const name = (options.scope ?? "") + node.name;
    const cached = node.op.isStateful ? options.statefulKernels.get(name) : undefined;
    if (cached !== undefined && cached.op === node.op.name) return cached.kernel;
    const kernel = findKernel(node, options.device);
    const prepared = this.#shared.get(kernel);
    if (prepared?.serves(node)) return prepared;
    try {
      const own = new NodeKernel(node, kernel, options.device, options.functions);
      if (node.op.isStateful) options.statefulKernels.set(name, { op: node.op.name, kernel: own });
      else {
        this.#owned.push(own);
        this.#shared.set(kernel, own);
      }
      return own;
    } catch (error) {
      throw error instanceof OpError ? withNode(error, node.name, node.debugInfo) : error;
    }
  }
}

function flagsOf(node: Node): number {
  const reads = node.inputs.some(
    (input, i) => isRef(input.node.outputTypes[input.index]!) && !isRef(node.inputTypes[i]!),
  );
  return (reads ? READS_REFS : 0) | (node.op.allowsUninitializedInput ? ALLOWS_UNINITIALIZED : 0);
}

/** Longer texts get no more names: a status travels in a header, and calls may be nested by the thousand. */
const LONGEST_TEXT = 8192;

/** The same error, naming the node as TensorFlow does, so that a Python client can find it in its graph. */
export function withNode(error: OpError, name: string, origin: Node["debugInfo"]): OpError {
  if (error.message.length > LONGEST_TEXT) return error;
  const suffix = error.message.includes("[[") ? name : locationOf(name, origin);
  return error.withMessage(`${error.message}\n\t [[${suffix}]]`);
}

/** Nodes that came out of a function are named as they are there. */
function locationOf(name: string, origin: Node["debugInfo"]): string {
  if (origin === undefined || origin.originalNodeNames.length === 0) return `{{node ${name}}}`;
  const { originalNodeNames, originalFuncNames } = origin;
  const functionOf = (i: number) => (i < originalFuncNames.length ? `{{function_node ${originalFuncNames[i]}}}` : "");
  return originalNodeNames.map((node, i) => `${functionOf(i)}{{node ${node}}}`).join(", ");
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
