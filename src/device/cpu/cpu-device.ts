// The CPU device: WebAssembly kernels over the server's heap. `device_count { CPU: n }` opens n of them; they share
// the heap and the instance of the kernels, and each has its own account.
import type { Kernel, KernelDevice } from "../../kernel/kernel.js";
import { Allocator } from "../../memory/allocator.js";
import type { Heap } from "../../memory/heap.js";
import type { DataType } from "../../tensor/dtype.js";
import type { Tensor } from "../../tensor/tensor.js";
import type { Device, DeviceAttributes } from "../device.js";
import { KernelTable } from "../kernel-table.js";
import { type DeviceFactory, deviceCount } from "../registry.js";
import type { WasmKernels } from "./wasm-kernels.js";

/** TensorFlow reports 256 MiB for every CPU device, whatever the machine has. */
const REPORTED_MEMORY = 268435456n;

/** What a CPU kernel finds on its device: the WebAssembly exports. */
export interface CpuKernelDevice extends KernelDevice {
  readonly wasm: WasmKernels;
}

export class CpuDevice implements Device, CpuKernelDevice {
  readonly type = "CPU";
  readonly allocator: Allocator;
  readonly attributes: DeviceAttributes;

  constructor(
    readonly name: string,
    readonly heap: Heap,
    readonly wasm: WasmKernels,
    readonly table: KernelTable,
    memoryLimit: number,
    incarnation: bigint,
  ) {
    this.allocator = new Allocator(heap, memoryLimit);
    this.attributes = {
      name,
      deviceType: "CPU",
      memoryLimit: REPORTED_MEMORY,
      incarnation,
      physicalDeviceDesc: "",
    };
  }

  findKernel(op: string, typeOf: (attr: string) => DataType): Kernel | undefined {
    return this.table.find(op, typeOf);
  }

  kernelsOf(op: string): readonly Kernel[] {
    return this.table.of(op);
  }

  copyToHost(tensor: Tensor): Tensor {
    return tensor.retain();
  }

  copyFromHost(tensor: Tensor): Tensor {
    return tensor.retain();
  }

  async synchronize(): Promise<void> {}

  close(): void {}
}

/** The factory to register under `CPU`. */
export function cpuFactory(wasm: WasmKernels): DeviceFactory {
  return ({ taskName, config, heap, memoryLimit, kernels, newIncarnation }) => {
    const table = new KernelTable(kernels, "CPU");
    const count = Math.max(1, deviceCount(config, "CPU", 1));
    return Array.from(
      { length: count },
      (_, i) => new CpuDevice(`${taskName}/device:CPU:${i}`, heap, wasm, table, memoryLimit, newIncarnation()),
    );
  };
}
