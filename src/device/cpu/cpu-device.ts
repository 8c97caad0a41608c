// The CPU device: WebAssembly kernels over the server's heap. `device_count { CPU: n }` opens n of them; they share
// the heap and the instance of the kernels, and each has its own account.
import { HostDevice } from "../host-device.js";
import { KernelTable } from "../kernel-table.js";
import { type DeviceFactory, deviceCount } from "../registry.js";
import type { WasmKernels } from "./wasm-kernels.js";

const TYPE = "CPU";
/** TensorFlow reports 256 MiB for every CPU device, whatever the machine has. */
const REPORTED_MEMORY = 268435456n;

/** The factory to register under `CPU`. */
export function cpuFactory(wasm: WasmKernels): DeviceFactory {
  return ({ taskName, config, heap, memoryLimit, kernels, newIncarnation }) => {
    const table = new KernelTable(kernels, TYPE);
    const count = Math.max(1, deviceCount(config, TYPE, 1));
    return Array.from({ length: count }, (_, i) => {
      const attributes = {
        name: `${taskName}/device:${TYPE}:${i}`,
        deviceType: TYPE,
        memoryLimit: REPORTED_MEMORY,
        incarnation: newIncarnation(),
        physicalDeviceDesc: "",
      };
      return new HostDevice({ attributes, heap, wasm, table, memoryLimit });
    });
  };
}
