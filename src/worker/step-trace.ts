// What a traced step records: when each node ran, by device (TensorFlow's StepStats).
import type { NodeTrace } from "../executor/step.js";
import { DeviceStepStats, NodeExecStats, type StepStats } from "../wire/core.js";

export class StepTrace {
  readonly #devices = new Map<string, DeviceStepStats>();
  /** Wall-clock microseconds at monotonic zero. */
  readonly #origin: number;

  constructor(now: () => number) {
    this.#origin = Date.now() * 1000 - now() * 1000;
  }

  readonly nodeTrace: NodeTrace = (executable, node, startMs, endMs) => {
    const device = executable.device.name;
    let stats = this.#devices.get(device);
    if (stats === undefined) {
      stats = { ...DeviceStepStats.create(), device };
      this.#devices.set(device, stats);
    }
    const nanos = BigInt(Math.round((endMs - startMs) * 1e6));
    const micros = BigInt(Math.ceil((endMs - startMs) * 1000));
    const start = BigInt(Math.round(this.#origin + startMs * 1000));
    stats.nodeStats.push({
      ...NodeExecStats.create(),
      nodeName: executable.names[node]!,
      allStartMicros: start,
      opEndRelMicros: micros,
      allEndRelMicros: micros,
      allStartNanos: start * 1000n,
      opEndRelNanos: nanos,
      allEndRelNanos: nanos,
      timelineLabel: `${executable.names[node]} = ${executable.ops[node]}(${executable.sourceNames[node]!.join(", ")})`,
    });
  };

  toProto(): StepStats {
    return { devStats: [...this.#devices.values()] };
  }
}
