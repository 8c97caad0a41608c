// A device that computes nothing: tensors of the right dtype and shape come out, their numbers are zero. For tests of
// everything around kernels, and to see what a graph needs before it runs anywhere. It is opened when the configuration
// asks for it (`device_count { NULL: 1 }`), and is registered as any plug-in is; its kernels are given to it.
import type { Kernel } from "../../kernel/kernel.js";
import { Allocator } from "../../memory/allocator.js";
import type { Heap } from "../../memory/heap.js";
import type { DataType } from "../../tensor/dtype.js";
import type { Tensor } from "../../tensor/tensor.js";
import type { CpuKernelDevice } from "../cpu/cpu-device.js";
import type { WasmKernels } from "../cpu/wasm-kernels.js";
import type { Device, DeviceAttributes } from "../device.js";
import { KernelTable } from "../kernel-table.js";
import { type DeviceFactory, deviceCount } from "../registry.js";

const TYPE = "NULL";

/** Its memory is the host's, on an account of its own; what decides shapes runs there by the CPU's kernels. */
class NullDevice implements Device, CpuKernelDevice {
  readonly type = TYPE;
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
      deviceType: TYPE,
      memoryLimit: Number.isFinite(memoryLimit) ? BigInt(memoryLimit) : 0n,
      incarnation,
      physicalDeviceDesc: "computes nothing, reports shapes",
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

/** The factory to register under `NULL`; `kernels` are those of device type `NULL`. */
export function nullFactory(wasm: WasmKernels, kernels: Iterable<Kernel>): DeviceFactory {
  return ({ taskName, config, heap, memoryLimit, newIncarnation }) => {
    const count = deviceCount(config, TYPE, 0);
    if (count === 0) return [];
    const table = new KernelTable(kernels, TYPE);
    return Array.from(
      { length: count },
      (_, i) => new NullDevice(`${taskName}/device:${TYPE}:${i}`, heap, wasm, table, memoryLimit, newIncarnation()),
    );
  };
}
