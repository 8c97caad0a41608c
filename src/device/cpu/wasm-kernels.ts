// The WebAssembly kernels as TypeScript sees them: their typed exports, which build of them this engine can run, and
// how a compiled module becomes an instance over the server's memory. It must not know where a module comes from.
import { relaxedSimd, simd, threads } from "wasm-feature-detect";
import type { WasmExports } from "./wasm-exports.generated.js";

/** Every export of the kernel modules: numbers in, numbers out, addresses are byte offsets into the heap. */
export type WasmKernels = WasmExports;

/** The builds of assembly/; each is `wasm/kernels.<variant>.wasm`. */
export type WasmVariant = "simd" | "relaxed" | "simd.shared" | "relaxed.shared";

export interface VariantWishes {
  /** Whether the memory is to be shared: the best build without threads otherwise. */
  readonly shared?: boolean;
  /** Whether fused multiply-add may be used; its results differ from mul + add in the last bit. */
  readonly relaxed?: boolean;
}

/** The best build that this engine validates. */
export async function selectVariant({ shared = true, relaxed = true }: VariantWishes = {}): Promise<WasmVariant> {
  const [hasSimd, hasRelaxed, hasThreads] = await Promise.all([simd(), relaxedSimd(), threads()]);
  if (!hasSimd) throw new Error("This engine has no WebAssembly SIMD, which the kernels need");
  const build = relaxed && hasRelaxed ? "relaxed" : "simd";
  return shared && hasThreads ? `${build}.shared` : build;
}

export const isShared = (variant: WasmVariant): boolean => variant.endsWith(".shared");

/** A memory that a module of this variant accepts. */
export function createKernelMemory(variant: WasmVariant, initialPages = 16): WebAssembly.Memory {
  return new WebAssembly.Memory({
    initial: initialPages,
    maximum: 65536,
    shared: isShared(variant),
  });
}

/** An instance over `memory`. The caller's heap may use everything from `kernels.heap_base()` on. */
export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): WasmKernels {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return exports as unknown as WasmKernels;
}
