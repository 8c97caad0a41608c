// A device whose tensors lie in the server's own heap and whose kernels are WebAssembly's: what the CPU and the null
// device have in common. Each has its own account on the heap; nothing has to be copied to the host or waited for.
import type { Kernel, KernelDevice } from "../kernel/kernel.js";
import { Allocator } from "../memory/allocator.js";
import type { Heap } from "../memory/heap.js";
import type { DataType } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";
import type { WasmKernels } from "./cpu/wasm-kernels.js";
import type { Device, DeviceAttributes } from "./device.js";
import type { KernelTable } from "./kernel-table.js";

/** What a kernel of such a device finds on it: the WebAssembly exports. */
export interface CpuKernelDevice extends KernelDevice {
  readonly wasm: WasmKernels;
}

export interface HostDeviceOptions {
  readonly attributes: DeviceAttributes;
  readonly heap: Heap;
  readonly wasm: WasmKernels;
  readonly table: KernelTable;
  readonly memoryLimit: number;
}

export class HostDevice implements Device, CpuKernelDevice {
  readonly attributes: DeviceAttributes;
  readonly heap: Heap;
  readonly wasm: WasmKernels;
  readonly table: KernelTable;
  readonly allocator: Allocator;

  constructor({ attributes, heap, wasm, table, memoryLimit }: HostDeviceOptions) {
    this.attributes = attributes;
    this.heap = heap;
    this.wasm = wasm;
    this.table = table;
    this.allocator = new Allocator(heap, memoryLimit);
  }

  get name(): string {
    return this.attributes.name;
  }

  get type(): string {
    return this.attributes.deviceType;
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
