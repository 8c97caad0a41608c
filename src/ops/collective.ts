// Collective ops: a member of a group gives its tensor and gets what all of them make together. The first form says in
// attributes who takes part and finds the others once; the second is told at every call. All wait as open calls.
import { CancelledError, InternalError, InvalidArgumentError } from "../errors/index.js";
import { type CollectiveRequest, CollectiveType, type Combine, type ResolvedCollective } from "../kernel/collective.js";
import {
  type Activation,
  type Kernel,
  type KernelNode,
  type KernelStep,
  kernel,
  PENDING,
  type Status,
} from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { binaryCodes } from "./opcodes.js";
import { readInt, readInts } from "./support/index-tensor.js";
import { conversions, isNarrow } from "./support/narrow-floats.js";
import { withTemporaries } from "./support/temporaries.js";

const REDUCED = ["bfloat16", "float", "half", "double", "int32", "int64"];
const SENT = ["bool", "float", "half", "double", "int32", "int64"];
const GATHERED = ["float", "half", "double", "int32", "int64"];
const NO_OFFSETS: readonly number[] = [];
/** TensorFlow's broadcasts name a ring that they don't have. */
const ONE_OFFSET: readonly number[] = [0];

/** What an op does with its input and the bytes of the others. */
interface Kind {
  readonly type: number;
  /** As error texts name it, behind the node's name. */
  readonly label: string;
  readonly isSource: boolean;
  readonly subdivOffsets: readonly number[];
  readonly maxSubdivs: number;
  /** The shape of the result. */
  shape(step: KernelStep, groupSize: number): Shape;
  /** Makes the output, before the call is suspended: the input lies in it, where it fits. */
  output(step: KernelStep, shape: Shape): Tensor;
  readonly arithmetic: Arithmetic | null;
}

/** Arithmetic for a call, with what it needs while it lasts. */
type Arithmetic = (call: Activation, groupSize: number) => { readonly combine: Combine; release(): void };

/** The names that TensorFlow gives to the ops behind a reduction. */
const MERGE_OPS: Readonly<Record<string, string>> = { Min: "Minimum", Max: "Maximum", Mul: "Mul", Add: "Add" };

function arithmeticOf(node: KernelNode): Arithmetic {
  const dtype = node.type("T");
  const computed = isNarrow(dtype) ? DataType.FLOAT : dtype;
  const binary = wasmFunction(node, "binary", computed);
  const merge = binaryCodes[MERGE_OPS[node.string("merge_op")]!]!;
  const divides = node.string("final_op") === "Div";
  return (call, groupSize) => {
    const divisor = divides ? scalar(call, computed, groupSize) : null;
    const plain: Combine = {
      merge: (into, from, count) => void binary(merge, into, from, into, 1, count, 0, 0, 1, 1),
      finish:
        divisor === null
          ? null
          : (at, count) => void binary(binaryCodes.Div!, at, divisor.ptr, at, 1, count, 0, 0, 1, 0),
    };
    return {
      combine: isNarrow(dtype) ? inFloats(node, call, plain) : plain,
      release: () => divisor?.release(),
    };
  };
}

/** Half and bfloat16: computed in float and rounded at every member. */
function inFloats(node: KernelNode, call: Activation, { merge, finish }: Combine): Combine {
  const { widen, narrow } = conversions(node, node.type("T"));
  const wide = (addresses: readonly number[], count: number, compute: (...at: number[]) => void) =>
    withTemporaries((keep) => {
      const floats = addresses.map(() => keep(call.allocate(DataType.FLOAT, [count])).ptr);
      addresses.forEach((at, i) => widen(at, floats[i]!, count));
      compute(...floats);
      narrow(floats[0]!, addresses[0]!, count);
    });
  return {
    merge: (into, from, count) => wide([into, from], count, (a, b) => merge(a!, b!, count)),
    finish: finish === null ? null : (at, count) => wide([at], count, (a) => finish(a!, count)),
  };
}

function scalar(call: Activation, dtype: DataType, value: number): Tensor {
  const tensor = call.allocate(dtype, []);
  const { heap } = call;
  if (dtype === DataType.FLOAT) heap.f32[tensor.ptr / 4] = value;
  else if (dtype === DataType.DOUBLE) heap.f64[tensor.ptr / 8] = value;
  else if (dtype === DataType.INT64) heap.i64[tensor.ptr / 8] = BigInt(value);
  else heap.i32[tensor.ptr / 4] = value;
  return tensor;
}

/** The input as the output: the same bytes, or a copy of them. */
function inputIn(step: KernelStep, shape: Shape): Tensor {
  const input = step.input(0);
  const output = step.forwardOrAllocate(0, 0, shape);
  if (output.ptr !== input.ptr && sameShape(input.shape, shape)) {
    step.heap.u8.copyWithin(output.ptr, input.ptr, input.ptr + input.bytes);
  }
  return output;
}

const fresh = (step: KernelStep, shape: Shape): Tensor => step.allocateOutput(0, shape);
const ofInput = (step: KernelStep): Shape => step.input(0).shape;

function reduction(node: KernelNode, version: string): Kind {
  const attributes = version === "";
  return {
    type: CollectiveType.REDUCTION,
    label: `Reduce${version}(${MERGE_OPS[node.string("merge_op")]},${node.string("final_op")})`,
    isSource: false,
    subdivOffsets: attributes ? node.ints("subdiv_offsets") : NO_OFFSETS,
    maxSubdivs: attributes ? -1 : node.int("max_subdivs_per_device"),
    shape: ofInput,
    output: inputIn,
    arithmetic: arithmeticOf(node),
  };
}

const gather = (_: KernelNode, version: string): Kind => ({
  type: CollectiveType.GATHER,
  label: `Gather${version}`,
  isSource: false,
  subdivOffsets: NO_OFFSETS,
  maxSubdivs: -1,
  shape(step, groupSize) {
    const [rows, ...row] = step.input(0).shape;
    if (rows === undefined) throw new InvalidArgumentError("input should have rank > 0, received 0");
    return [rows * groupSize, ...row];
  },
  output: fresh,
  arithmetic: null,
});

const broadcasts = (isSource: boolean, shape: Kind["shape"]): Kind => ({
  type: CollectiveType.BROADCAST,
  label: `Broadcast(${Number(isSource)})`,
  isSource,
  subdivOffsets: ONE_OFFSET,
  maxSubdivs: -1,
  shape,
  output: isSource ? inputIn : fresh,
  arithmetic: null,
});

function declaredShape(node: KernelNode): Kind["shape"] {
  const shape = node.shape("shape");
  if (shape === null || shape.some((dim) => dim < 0)) {
    throw new InvalidArgumentError(`Attr shape of ${node.name} is not fully defined`);
  }
  return () => shape;
}

function checkGroupSize(groupSize: number): void {
  if (groupSize > 0) return;
  throw new InvalidArgumentError(`group_size must be positive integer but got ${groupSize}`);
}

const timeoutOf = (node: KernelNode): number => node.float("timeout_seconds") * 1000;

/** Everything in attributes; who takes part is found out by the kernel's first call. */
const first = (op: string, types: readonly string[], kindOf: (node: KernelNode, version: string) => Kind): Kernel =>
  kernel(op, "CPU", { T: types }, (node) => {
    const { name } = node;
    const groupSize = node.int("group_size");
    checkGroupSize(groupSize);
    const kind = kindOf(node, "");
    const fixed = {
      name: `${name}: ${kind.label}`,
      type: kind.type,
      dtype: node.type("T"),
      groupKey: node.int("group_key"),
      groupSize,
      instanceKey: node.int("instance_key"),
      isSource: kind.isSource,
      subdivOffsets: kind.subdivOffsets,
      maxSubdivs: kind.maxSubdivs,
      timeoutMs: timeoutOf(node),
    };
    let known: ResolvedCollective | null = null;
    return (step) => {
      const { cancellation } = step;
      const collectives = collectivesOf(step, name);
      if (cancellation.reason !== null) throw new CancelledError(`op cancelled ${name}`);
      const request = { ...fixed, shape: kind.shape(step, groupSize) };
      // Cancelling ends more than this step: see `abort`.
      const cancel = () => collectives.abort(new CancelledError("op cancelled"));
      return takePart(step, kind, request, async (call) => {
        cancellation.add(cancel);
        try {
          known ??= await collectives.resolve(request, call.device);
          if (kind.isSource && !sameShape(call.inputShape, request.shape)) {
            throw new InternalError(`Declared shape of op ${request.name} does not match shape of input`);
          }
          await call.run(known);
        } finally {
          cancellation.remove(cancel);
        }
      });
    };
  });

/** Group and instance come as inputs, from index `at` on. */
const second = (
  op: string,
  at: number,
  types: readonly string[],
  kindOf: (node: KernelNode, version: string) => Kind,
): Kernel =>
  kernel(op, "CPU", { T: types }, (node) => {
    const kind = kindOf(node, "V2");
    const name = `${node.name}: ${kind.label}`;
    const dtype = node.type("T");
    const timeoutMs = timeoutOf(node);
    const { type, isSource, subdivOffsets, maxSubdivs } = kind;
    return (step) => {
      const [groupSize, groupKey, instanceKey] = ["group_size", "group_key", "instance_key"].map((input, i) =>
        scalarInput(step, at + i, input),
      ) as [number, number, number];
      checkGroupSize(groupSize);
      const shape = kind.shape(step, groupSize);
      const keys = { groupSize, groupKey, instanceKey };
      const request = { name, type, dtype, shape, ...keys, isSource, subdivOffsets, maxSubdivs, timeoutMs };
      const collectives = collectivesOf(step, name);
      return takePart(step, kind, request, async (call) => call.run(await collectives.resolve(request, call.device)));
    };
  });

function collectivesOf(step: KernelStep, name: string) {
  const { collectives } = step;
  if (collectives !== null) return collectives;
  throw new InternalError(`Failed to get CollectiveExecutor from OpKernelContext for Op ${name}`);
}

function scalarInput(step: KernelStep, index: number, name: string): number {
  const tensor = step.input(index);
  if (tensor.shape.length === 0) return readInt(step.heap, tensor);
  throw new InvalidArgumentError(`Unexpected dimensions on input ${name}, got ${shapeString(tensor.shape)}`);
}

interface OpenCall extends Pick<Activation, "device"> {
  readonly inputShape: Shape;
  run(resolved: ResolvedCollective): Promise<void>;
}

/** Leaves the call open while `work` finds the members and runs the collective. */
function takePart(
  step: KernelStep,
  kind: Kind,
  request: CollectiveRequest,
  work: (call: OpenCall) => Promise<void>,
): Status {
  const collectives = step.collectives!;
  const inputShape = kind.type === CollectiveType.BROADCAST && !kind.isSource ? [] : step.input(0).shape;
  const output = kind.output(step, request.shape);
  const call = step.suspend();
  const { device } = call;
  const run = async (resolved: ResolvedCollective) => {
    if (kind.type === CollectiveType.GATHER) putRows(call, output, collectives.rankOf(resolved, device));
    const arithmetic = kind.arithmetic?.(call, request.groupSize) ?? null;
    try {
      await collectives.run(resolved, {
        device,
        frameIter: call.frameIter,
        output,
        combine: arithmetic?.combine ?? null,
        allocate: (dtype, shape) => call.allocate(dtype, shape),
      });
    } finally {
      arithmetic?.release();
    }
  };
  work({ device, inputShape, run }).then(
    () => call.done(),
    (error) => call.fail(error),
  );
  return PENDING;
}

/** A member's own rows of a gather. */
function putRows(call: Activation, output: Tensor, rank: number): void {
  const input = call.input(0);
  call.heap.u8.copyWithin(output.ptr + rank * input.bytes, input.ptr, input.ptr + input.bytes);
}

export const collectiveKernels: readonly Kernel[] = [
  first("CollectiveReduce", REDUCED, reduction),
  first("CollectiveGather", GATHERED, gather),
  first("CollectiveBcastSend", SENT, (node) => broadcasts(true, declaredShape(node))),
  first("CollectiveBcastRecv", SENT, (node) => broadcasts(false, declaredShape(node))),
  second("CollectiveReduceV2", 1, REDUCED, reduction),
  second("CollectiveGatherV2", 1, GATHERED, gather),
  second("CollectiveBcastSendV2", 1, SENT, () => broadcasts(true, ofInput)),
  second("CollectiveBcastRecvV2", 0, SENT, () => broadcasts(false, (step) => readInts(step.heap, step.input(3)))),
];
