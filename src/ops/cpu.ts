// What the CPU kernels of all families share: the WebAssembly exports of their device, picked by dtype once per node.

import type { WasmKernels } from "../device/cpu/wasm-kernels.js";
import type { CpuKernelDevice } from "../device/host-device.js";
import { InternalError } from "../errors/index.js";
import type { KernelNode } from "../kernel/kernel.js";
import { baseDtype, DataType } from "../tensor/dtype.js";

const suffixes: Record<number, string> = {
  [DataType.FLOAT]: "f32",
  [DataType.DOUBLE]: "f64",
  [DataType.INT32]: "i32",
  [DataType.INT64]: "i64",
  [DataType.UINT8]: "u8",
  [DataType.INT8]: "i8",
  [DataType.INT16]: "i16",
  [DataType.UINT16]: "u16",
  [DataType.UINT32]: "u32",
  [DataType.UINT64]: "u64",
  [DataType.BOOL]: "u8",
};

export type WasmFunction = (...args: number[]) => number;

/** The kernels' exports of the node's CPU. */
export const wasmOf = (node: KernelNode): WasmKernels => (node.device as CpuKernelDevice).wasm;

/** The export `<name>_<dtype>`; a manifest that lists a dtype without one is our own mistake. */
export function wasmFunction(node: KernelNode, name: string, dtype: DataType): WasmFunction {
  const symbol = `${name}_${suffixes[baseDtype(dtype)]}`;
  const found = (wasmOf(node) as unknown as Record<string, WasmFunction | undefined>)[symbol];
  if (found === undefined) throw new InternalError(`No WebAssembly kernel ${symbol} for ${node.op}`);
  return found;
}
