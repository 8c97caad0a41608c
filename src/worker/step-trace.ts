// What a traced step records: when each node ran, by device (TensorFlow's StepStats).
import type { NodeTrace } from "../executor/step.js";
import { shapeToProto } from "../tensor/proto.js";
import { Tensor } from "../tensor/tensor.js";
import {
  AllocationDescription,
  DeviceStepStats,
  NodeExecStats,
  type NodeOutput,
  type StepStats,
  TensorDescription,
} from "../wire/core.js";

/** Where each of TensorFlow's graphs begins: its traces show that too. */
const SOURCE = { nodeName: "_SOURCE", timelineLabel: "_SOURCE = NoOp()" };

export class StepTrace {
  readonly #devices = new Map<string, DeviceStepStats>();
  /** Wall-clock microseconds at monotonic zero. */
  readonly #origin: number;

  constructor(now: () => number) {
    this.#origin = Date.now() * 1000 - now() * 1000;
  }

  readonly nodeTrace: NodeTrace = (executable, node, startMs, endMs, outputs) => {
    const device = executable.device.name;
    let stats = this.#devices.get(device);
    if (stats === undefined) {
      const begin = { ...NodeExecStats.create(), ...SOURCE, ...this.#times(startMs, startMs) };
      stats = { ...DeviceStepStats.create(), device, nodeStats: [begin] };
      this.#devices.set(device, stats);
    }
    stats.nodeStats.push({
      ...NodeExecStats.create(),
      ...this.#times(startMs, endMs),
      nodeName: executable.names[node]!,
      output: (outputs ?? []).flatMap((entry, slot) => (entry instanceof Tensor ? [describe(slot, entry)] : [])),
      timelineLabel: `${executable.names[node]} = ${executable.ops[node]}(${executable.sourceNames[node]!.join(", ")})`,
    });
  };

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

  toProto(): StepStats {
    return { devStats: [...this.#devices.values()] };
  }
}

function describe(slot: number, { dtype, shape, bytes }: Tensor): NodeOutput {
  const allocation = { ...AllocationDescription.create(), requestedBytes: BigInt(bytes), allocatorName: "cpu" };
  const tensor = {
    ...TensorDescription.create(),
    dtype,
    shape: shapeToProto(shape),
    allocationDescription: allocation,
  };
  return { slot, tensorDescription: tensor };
}
