// `tf.group`: one op that runs when all of some have. Those of each device are awaited there, so that only one edge
// leaves it.
import type { Graph } from "./graph.js";
import type { Operation, Output } from "./output.js";

export function group(graph: Graph, operations: readonly (Operation | Output)[], name: string): Operation {
  const byDevice = new Map<string, (Operation | Output)[]>();
  for (const operation of operations) {
    const { device } = operation;
    byDevice.set(device, [...(byDevice.get(device) ?? []), operation]);
  }
  const wait = (inputs: readonly (Operation | Output)[], as: string) =>
    graph.op("NoOp", [], {}, { name: as, controlInputs: inputs });
  const waitAt = (device: string, as: string) => {
    const inputs = byDevice.get(device)!;
    return device === "" ? wait(inputs, as) : graph.device(device, () => wait(inputs, as));
  };
  return graph.nameScope(name, (scope) => {
    const devices = [...byDevice.keys()].sort();
    if (devices.length < 2) return devices.length === 0 ? wait([], scope) : waitAt(devices[0]!, scope);
    return wait(
      devices.map((device) => waitAt(device, "NoOp")),
      scope,
    );
  });
}
