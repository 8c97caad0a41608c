// The device that computes nothing, with the kernels and all shape functions that it takes: a module of its own, loaded
// when a configuration asks for such a device. A server starts no slower for it.
import type { WasmKernels } from "../device/cpu/wasm-kernels.js";
import { nullFactory } from "../device/null/null-device.js";
import type { DeviceFactory } from "../device/registry.js";
import type { Kernel } from "../kernel/kernel.js";
import { nullKernels } from "../ops/null.js";
import { allShapes } from "../ops/shapes/all.js";

export const nullDevices = (wasm: WasmKernels, kernels: readonly Kernel[]): DeviceFactory =>
  nullFactory(wasm, nullKernels(kernels, allShapes));
