// What a device is: attributes, its kernels, its memory. The CPU comes through the same door as any plug-in.
// A device must not know graphs, sessions or sockets.
import type { Kernel, KernelDevice } from "../kernel/kernel.js";
import type { DataType } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";

/** TensorFlow's `DeviceAttributes`, as GetStatus and ListDevices report them. */
export interface DeviceAttributes {
  readonly name: string;
  readonly deviceType: string;
  readonly memoryLimit: bigint;
  /** Random, never 0, constant for the life of the device: part of every rendezvous key. */
  readonly incarnation: bigint;
  readonly physicalDeviceDesc: string;
}

export interface Device extends KernelDevice {
  readonly attributes: DeviceAttributes;
  /** The kernel of an op for these values of its type attributes, if there is one. */
  findKernel(op: string, typeOf: (attr: string) => DataType): Kernel | undefined;
  /** All registered kernels of an op: for TensorFlow's "no kernel" error text. */
  kernelsOf(op: string): readonly Kernel[];
  /** Brings a tensor of this device to the host heap; one hold passes to the caller. */
  copyToHost(tensor: Tensor): Promise<Tensor> | Tensor;
  /** Brings a tensor of the host heap to this device; one hold passes to the caller. */
  copyFromHost(tensor: Tensor): Promise<Tensor> | Tensor;
  /** Resolves when all work queued so far is done. */
  synchronize(): Promise<void>;
  close(): void;
}
