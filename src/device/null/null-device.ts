// A device that computes nothing: tensors of the right dtype and shape come out, their numbers are zero. For tests of
// everything around kernels, and to see what a graph needs before it runs anywhere. It is opened when the configuration
// asks for it (`device_count { NULL: 1 }`), and is registered as any plug-in is; its kernels are given to it. Its memory
// is the host's, on an account of its own; what decides shapes runs there by the CPU's kernels.
import type { Kernel } from "../../kernel/kernel.js";
import type { WasmKernels } from "../cpu/wasm-kernels.js";
import { HostDevice } from "../host-device.js";
import { KernelTable } from "../kernel-table.js";
import { type DeviceFactory, deviceCount } from "../registry.js";

const TYPE = "NULL";

/** The factory to register under `NULL`; `kernels` are those of device type `NULL`. */
export function nullFactory(wasm: WasmKernels, kernels: Iterable<Kernel>): DeviceFactory {
  return ({ taskName, config, heap, memoryLimit, newIncarnation }) => {
    const count = deviceCount(config, TYPE, 0);
    if (count === 0) return [];
    const table = new KernelTable(kernels, TYPE);
    return Array.from({ length: count }, (_, i) => {
      const attributes = {
        name: `${taskName}/device:${TYPE}:${i}`,
        deviceType: TYPE,
        memoryLimit: Number.isFinite(memoryLimit) ? BigInt(memoryLimit) : 0n,
        incarnation: newIncarnation(),
        physicalDeviceDesc: "computes nothing, reports shapes",
      };
      return new HostDevice({ attributes, heap, wasm, table, memoryLimit });
    });
  };
}
