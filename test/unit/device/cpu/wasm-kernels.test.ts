// The built modules: which build is picked, that each works over shared and unshared memory, and that the loops which
// everything rests on are the vector code that was written and measured.
import { readFileSync } from "node:fs";
import binaryen from "binaryen";
import * as assert from "uvu/assert";
import {
  createKernelMemory,
  instantiateKernels,
  isShared,
  selectVariant,
  type WasmVariant,
} from "../../../../src/device/cpu/wasm-kernels.js";
import { enableRelaxedSimd, loadKernelModule } from "../../../../src/platform/wasm-node.js";
import { test } from "../../../support/suite.js";

const variants: readonly WasmVariant[] = ["simd", "relaxed", "simd.shared", "relaxed.shared"];

interface Disassembly {
  /** The text of each function, by its name in the module. */
  readonly functions: ReadonlyMap<string, string>;
  readonly exports: ReadonlyMap<string, string>;
}

function disassemble(variant: WasmVariant): Disassembly {
  const path = new URL(`../../../../../wasm/kernels.${variant}.wasm`, import.meta.url);
  const module = binaryen.readBinary(readFileSync(path));
  const text = module.emitText();
  module.dispose();
  const functions = new Map<string, string>();
  for (const body of text.split(/\n (?=\(func )/).slice(1)) functions.set(/^\(func (\S+)/.exec(body)![1]!, body);
  const exports = new Map(Array.from(text.matchAll(/\(export "(\w+)" \(func (\S+)\)\)/g), (m) => [m[1]!, m[2]!]));
  return { functions, exports };
}

/** The texts of a function and of all that it calls, directly or not. */
function reach({ functions, exports }: Disassembly, name: string): string[] {
  const seen = new Set<string>();
  const open = [exports.get(name)!];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const [, callee] of functions.get(next)!.matchAll(/\(call (\S+)/g)) open.push(callee!);
  }
  return Array.from(seen, (key) => functions.get(key)!);
}

const count = (text: string, word: string): number => text.split(`(${word}`).length - 1;

test("the best build that the engine validates is picked", async () => {
  await enableRelaxedSimd();
  const best = await selectVariant();
  assert.ok(variants.includes(best));
  assert.is(isShared(best), true, "Node has shared memory");
  assert.is(await selectVariant({ shared: false, relaxed: false }), "simd");
  assert.is(await selectVariant({ relaxed: false }), "simd.shared");
});

test("every build computes over its own kind of memory", async () => {
  await enableRelaxedSimd();
  for (const variant of variants) {
    const memory = createKernelMemory(variant);
    assert.is(memory.buffer instanceof SharedArrayBuffer, isShared(variant));
    const kernels = instantiateKernels(await loadKernelModule(variant), memory);
    const base = Math.ceil(kernels.heap_base() / 64) * 64;
    assert.ok(base >= 1024 && base < 65536, "constants only");
    const floats = new Float32Array(memory.buffer, base, 12);
    floats.set([1, 2, 3, 4, 5, 6, 7, 8]);
    kernels.gemm_f32(0, 0, 2, 2, 2, base, 2, base + 16, 2, base + 32, 2, 0, base + 64);
    assert.equal(Array.from(floats.subarray(8)), [19, 22, 43, 50]);
  }
});

test("memory grows under an instance", async () => {
  for (const variant of ["simd", "simd.shared"] as const) {
    const memory = createKernelMemory(variant, 1);
    const kernels = instantiateKernels(await loadKernelModule(variant), memory);
    memory.grow(64);
    const ptr = 60 * 65536;
    new Float32Array(memory.buffer, ptr, 2).fill(1);
    kernels.softmax_f32(ptr, ptr, 1, 2);
    assert.equal(Array.from(new Float32Array(memory.buffer, ptr, 2)), [0.5, 0.5]);
  }
});

test("a shared module is its twin but for the import", () => {
  for (const variant of ["simd", "relaxed"] as const) {
    const own = disassemble(variant);
    const shared = disassemble(`${variant}.shared`);
    assert.equal(Array.from(shared.functions), Array.from(own.functions));
    assert.equal(Array.from(shared.exports), Array.from(own.exports));
  }
});

test("each GEMM tile is one loop in one function, its accumulators in locals", () => {
  for (const [variant, multiply] of [
    ["simd", "f32x4.mul"],
    ["relaxed", "f32x4.relaxed_madd"],
  ] as const) {
    const bodies = reach(disassemble(variant), "gemm_f32");
    for (const rows of [4, 5, 6]) {
      const tiles = bodies.filter(
        (body) => count(body, multiply) === 2 * rows && count(body, "v128.load32_splat") === rows,
      );
      assert.is(tiles.length, 2, `${variant}: packed and strided tile of ${rows} rows`);
      for (const tile of tiles) {
        assert.is(count(tile, "loop"), 1);
        assert.is(count(tile, "call"), 0);
        assert.is(count(tile, "v128.store"), 2 * rows, "stores only after the loop");
        const loop = tile.slice(tile.indexOf("(loop"), tile.indexOf("(v128.store"));
        assert.is(count(loop, "v128.load "), 1);
        assert.is(count(loop, "v128.load offset=16"), 1);
        assert.is(count(loop, multiply), 2 * rows, "k isn't unrolled");
      }
    }
  }
});

test("the f32 kernels run on vectors, and only relaxed builds use fused operations", () => {
  const wanted: Record<string, readonly string[]> = {
    conv2d_f32: ["v128.load32_splat", "i8x16.shuffle"],
    conv2d_backprop_filter_f32: ["v128.load32_splat"],
    depthwise_conv2d_f32: ["v128.store"],
    max_pool_f32: ["f32x4.pmax"],
    max_pool_grad_f32: ["f32x4.lt", "v128.bitselect"],
    avg_pool_f32: ["f32x4.add", "f32x4.div"],
    softmax_f32: ["f32x4.pmax", "i32x4.shl", "f32x4.mul"],
    log_softmax_f32: ["f32x4.sub"],
    softmax_cross_entropy_f32: ["f32x4.div"],
    transpose_4: ["i8x16.shuffle"],
  };
  for (const variant of ["simd", "relaxed"] as const) {
    const disassembly = disassemble(variant);
    for (const [name, words] of Object.entries(wanted)) {
      const bodies = reach(disassembly, name).join("\n");
      for (const word of words) assert.ok(count(bodies, word) > 0, `${variant} ${name}: ${word}`);
    }
    const all = Array.from(disassembly.functions.values()).join("\n");
    assert.is(all.includes("relaxed_"), variant === "relaxed");
  }
});

test("every export of the typed list exists in every build", async () => {
  await enableRelaxedSimd();
  const source = readFileSync(
    new URL("../../../../../src/device/cpu/wasm-exports.generated.ts", import.meta.url),
    "utf8",
  );
  const listed = Array.from(source.matchAll(/^ {2}(\w+)\(/gm), (m) => m[1]!).sort();
  assert.ok(listed.length > 40);
  for (const variant of variants) {
    const names = WebAssembly.Module.exports(await loadKernelModule(variant)).map((e) => e.name);
    assert.equal(names.sort(), listed, variant);
  }
});

test.run();
