// How Node gets at the kernel modules: the files of wasm/ beside the compiled package.
// Gives a compiled module; must not know what it exports.
import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { relaxedSimd } from "wasm-feature-detect";

/**
 * Node 20 has relaxed SIMD behind a flag that may still be set while the process runs, as long as nothing was
 * compiled that needs it. Newer engines have it without; a probe decides afterwards, so an unknown flag is no error.
 */
export async function enableRelaxedSimd(): Promise<void> {
  if (await relaxedSimd()) return;
  setFlagsFromString("--experimental-wasm-relaxed-simd");
}

/** Compiles `wasm/kernels.<variant>.wasm`. */
export async function loadKernelModule(variant: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL(`../../../wasm/kernels.${variant}.wasm`, import.meta.url)));
}
