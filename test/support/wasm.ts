// The kernel modules for tests: every unshared build that this engine runs, each over a memory of its own with a
// bump allocator. Gives typed arrays in that memory; must not know what is tested.
import {
  createKernelMemory,
  instantiateKernels,
  selectVariant,
  type WasmKernels,
  type WasmVariant,
} from "../../src/device/cpu/wasm-kernels.js";
import { enableRelaxedSimd, loadKernelModule } from "../../src/platform/wasm-node.js";

type View = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
type ViewClass<V extends View> = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): V;
};

export interface Placed<V extends View> {
  readonly ptr: number;
  readonly view: V;
}

/** Canary bytes after each array: a kernel that writes beyond its output is caught by `checkCanaries`. */
const CANARY = 0xa5;
const CANARY_BYTES = 64;

export class Bench {
  readonly memory: WebAssembly.Memory;
  readonly kernels: WasmKernels;
  readonly #base: number;
  #next: number;
  #canaries: number[] = [];

  constructor(
    readonly variant: WasmVariant,
    readonly module: WebAssembly.Module,
    megabytes: number,
  ) {
    this.memory = createKernelMemory(variant, megabytes * 16);
    this.kernels = instantiateKernels(module, this.memory);
    this.#base = Math.ceil(this.kernels.heap_base() / 64) * 64;
    this.#next = this.#base;
  }

  /** Forgets all arrays. */
  reset(): void {
    this.#next = this.#base;
    this.#canaries = [];
  }

  alloc<V extends View>(type: ViewClass<V>, length: number): Placed<V> {
    const ptr = this.#next;
    const end = ptr + length * type.BYTES_PER_ELEMENT;
    this.#next = Math.ceil((end + CANARY_BYTES) / 64) * 64;
    new Uint8Array(this.memory.buffer, end, CANARY_BYTES).fill(CANARY);
    this.#canaries.push(end);
    return { ptr, view: new type(this.memory.buffer, ptr, length) };
  }

  place<V extends View>(type: ViewClass<V>, values: ArrayLike<number> | ArrayLike<bigint>): Placed<V> {
    const placed = this.alloc(type, values.length);
    (placed.view as { set(values: unknown): void }).set(values);
    return placed;
  }

  /** Scratch of exactly `bytes`, filled with NaN patterns so that a kernel that reads before it writes shows. */
  scratch(bytes: number): number {
    const { ptr, view } = this.alloc(Uint8Array, bytes);
    view.fill(0xff);
    return ptr;
  }

  /** Throws if a byte behind any array has changed. */
  checkCanaries(): void {
    for (const end of this.#canaries) {
      const bytes = new Uint8Array(this.memory.buffer, end, CANARY_BYTES);
      if (bytes.some((byte) => byte !== CANARY)) throw new Error(`${this.variant}: written beyond the array at ${end}`);
    }
  }
}

/** A bench for each build: plain SIMD always, relaxed where the engine has it. */
export async function benches(megabytes = 32): Promise<Bench[]> {
  await enableRelaxedSimd();
  const variants = new Set([
    await selectVariant({ shared: false, relaxed: false }),
    await selectVariant({ shared: false, relaxed: true }),
  ]);
  return Promise.all(
    [...variants].map(async (variant) => new Bench(variant, await loadKernelModule(variant), megabytes)),
  );
}

/** Repeatable numbers in [0, 1): a linear congruence, so that a failure can be seen again. */
export function randomizer(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}
