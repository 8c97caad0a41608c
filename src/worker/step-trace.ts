// What a traced step records: when each node ran and when tensors came from other tasks, by device (TensorFlow's StepStats).
import type { NodeTrace } from "../executor/step.js";
import type { Received } from "../kernel/rendezvous.js";
import { parseKey } from "../rendezvous/key.js";
import { DataType } from "../tensor/dtype.js";
import { shapeToProto } from "../tensor/proto.js";
import { Tensor } from "../tensor/tensor.js";
import {
  AllocationDescription,
  DeviceStepStats,
  MemoryStats,
  NodeExecStats,
  type NodeOutput,
  type StepStats,
  TensorDescription,
} from "../wire/core.js";
import type { Arrived } from "./peers.js";

/** Where each of TensorFlow's graphs begins: its traces show that too. */
export const SOURCE_NAME = "_SOURCE";
const SOURCE = { nodeName: SOURCE_NAME, timelineLabel: `${SOURCE_NAME} = NoOp()` };

/** Ops that keep what they give from step to step; a constant has it from the graph, and never allocates. */
const CONSTANT = "Const";
const KEEPERS = new Set([CONSTANT, "Variable", "VariableV2"]);

/** What comes after so many isn't recorded: each takes a kilobyte. TensorFlow keeps four times as many. */
const MOST_RECORDED = 2 ** 18;

export class StepTrace {
  readonly #devices = new Map<string, DeviceStepStats>();
  /** By the receiving device, apart from its nodes as a real master's are. */
  readonly #arrivals = new Map<string, DeviceStepStats>();
  #recorded = 0;
  /** Wall-clock microseconds at monotonic zero. */
  readonly #origin: number;

  constructor(
    readonly now: () => number,
    wallClock: () => number,
  ) {
    this.#origin = (wallClock() - now()) * 1000;
  }

  readonly nodeTrace: NodeTrace = (executable, node, startMs, endMs, outputs) => {
    if (this.#recorded++ >= MOST_RECORDED) return;
    const device = executable.device.name;
    let stats = this.#devices.get(device);
    if (stats === undefined) {
      const begin = { ...NodeExecStats.create(), ...SOURCE, ...this.#times(startMs, startMs) };
      stats = { ...DeviceStepStats.create(), device, nodeStats: [begin] };
      this.#devices.set(device, stats);
    }
    const op = executable.ops[node]!;
    // What keeps a constant's value in TensorFlow doesn't keep what it waits for.
    const sources = op === CONSTANT ? "" : executable.sourceNames[node]!.join(", ");
    const output = (outputs ?? []).flatMap((entry, slot) => {
      const tensor = entry instanceof Tensor ? entry : (entry?.value ?? null);
      return tensor === null ? [] : [describe(slot, tensor, op !== CONSTANT)];
    });
    const persistentMemorySize = output[0]?.tensorDescription?.allocationDescription?.requestedBytes ?? 0n;
    stats.nodeStats.push({
      ...NodeExecStats.create(),
      ...this.#times(startMs, endMs),
      nodeName: executable.names[node]!,
      output,
      memoryStats: KEEPERS.has(op) ? { ...MemoryStats.create(), persistentMemorySize } : undefined,
      timelineLabel: `${executable.names[node]} = ${op}(${sources})`,
    });
  };

  /** To be called in the place of `received` with what a peer sends; it is asked for now. */
  arrival(key: string, received: Received): Arrived {
    const askedMs = this.now();
    return (error, tensor, dead, beganMs) => {
      if (tensor !== null) this.#transferred(key, Math.max(askedMs, beganMs), textBytes(tensor));
      received(error, tensor, dead);
    };
  }

  #transferred(key: string, startMs: number, bytes: number): void {
    if (this.#recorded++ >= MOST_RECORDED) return;
    const { tensorName, sendDevice, recvDevice: device } = parseKey(key);
    let stats = this.#arrivals.get(device);
    if (stats === undefined) {
      stats = { ...DeviceStepStats.create(), device };
      this.#arrivals.set(device, stats);
    }
    const micros = Math.max(1, Math.ceil((this.now() - startMs) * 1000));
    const allocationDescription = { ...AllocationDescription.create(), requestedBytes: BigInt(bytes) };
    stats.nodeStats.push({
      ...NodeExecStats.create(),
      nodeName: "RecvTensor",
      allStartMicros: BigInt(Math.round(this.#origin + startMs * 1000)),
      opEndRelMicros: BigInt(micros),
      allEndRelMicros: BigInt(micros),
      output: [{ slot: 0, tensorDescription: { ...TensorDescription.create(), allocationDescription } }],
      timelineLabel: `[${sizeText(bytes)}] [${rateText((8 * bytes) / micros)}] ${tensorName} from ${sendDevice} to ${device}`,
    });
  }

  #times(startMs: number, endMs: number) {
    const nanos = BigInt(Math.round((endMs - startMs) * 1e6));
    const micros = BigInt(Math.ceil((endMs - startMs) * 1000));
    const start = BigInt(Math.round(this.#origin + startMs * 1000));
    return {
      scheduledMicros: start,
      allStartMicros: start,
      opEndRelMicros: micros,
      allEndRelMicros: micros,
      scheduledNanos: start * 1000n,
      allStartNanos: start * 1000n,
      opEndRelNanos: nanos,
      allEndRelNanos: nanos,
    };
  }

  /** What was recorded of nodes alone. */
  get nodes(): NodeExecStats[] {
    return [...this.#devices.values()].flatMap(({ nodeStats }) => nodeStats);
  }

  toProto(): StepStats {
    return { devStats: [...this.#arrivals.values(), ...this.#devices.values()] };
  }
}

function describe(slot: number, tensor: Tensor, allocated: boolean): NodeOutput {
  const requestedBytes = BigInt(ownBytes(tensor));
  const allocationDescription = {
    ...AllocationDescription.create(),
    requestedBytes,
    allocatedBytes: allocated ? requestedBytes : 0n,
    allocatorName: "cpu",
    ptr: BigInt(tensor.ptr),
  };
  const { dtype, shape } = tensor;
  return {
    slot,
    tensorDescription: { ...TensorDescription.create(), dtype, shape: shapeToProto(shape), allocationDescription },
  };
}

/** What an element takes in TensorFlow beside a string's text and what handles stand for. */
const OWN_BYTES: ReadonlyMap<DataType, number> = new Map<DataType, number>([
  [DataType.STRING, 24],
  [DataType.VARIANT, 64],
  [DataType.RESOURCE, 200],
]);

const ownBytes = ({ dtype, bytes, size }: Tensor): number => {
  const each = OWN_BYTES.get(dtype);
  return each === undefined ? bytes : each * size;
};

function textBytes(tensor: Tensor): number {
  if (tensor.dtype !== DataType.STRING) return tensor.bytes;
  return (tensor.values as readonly Uint8Array[]).reduce((sum, text) => sum + text.length, ownBytes(tensor));
}

const MEBIBYTE = 1024 * 1024;

const sizeText = (bytes: number): string =>
  bytes >= 0.1 * MEBIBYTE ? `${(bytes / MEBIBYTE).toFixed(1)}MB` : `${bytes}B`;

const rateText = (megabits: number): string =>
  megabits >= 1000 ? `${(megabits / 1000).toFixed(1)}Gb/s` : `${megabits.toFixed(6)}Mb/s`;
