// The kernels beside tfjs-backend-wasm and onnxruntime-web, one thread each, in one run: contestants take turns, the
// best of many short slices counts, and what counts is the processor's time, not the clock's: other processes don't.
// Prints GFLOP/s (Gelem/s for softmax) and the ratio to the better of the two. Results are compared before they are timed.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { InferenceSession, env as ortEnv, Tensor } from "onnxruntime-web";
import {
  createKernelMemory,
  instantiateKernels,
  selectVariant,
  type WasmKernels,
} from "../src/device/cpu/wasm-kernels.js";
import { enableRelaxedSimd, loadKernelModule } from "../src/platform/wasm-node.js";
import { onnxModel } from "./onnx.js";

/** One way to do the work. `run` leaves its result where `result` finds it. */
interface Contestant {
  readonly name: string;
  readonly run: () => void | Promise<void>;
  readonly result: () => Float32Array | Promise<Float32Array>;
}

interface Case {
  readonly name: string;
  /** Floating-point operations, or elements, of one run. */
  readonly work: number;
  readonly contestants: readonly Contestant[];
}

/** A build of ours, with bump-allocated memory that is given back after each case. */
class Ours {
  readonly #base: number;
  #next: number;

  constructor(
    readonly name: string,
    readonly kernels: WasmKernels,
    readonly memory: WebAssembly.Memory,
  ) {
    this.#base = Math.ceil(kernels.heap_base() / 64) * 64;
    this.#next = this.#base;
  }

  static async load(relaxed: boolean): Promise<Ours> {
    const variant = await selectVariant({ shared: true, relaxed });
    const memory = createKernelMemory(variant, 2048);
    return new Ours(
      `ours ${relaxed ? "relaxed" : "plain"}`,
      instantiateKernels(await loadKernelModule(variant), memory),
      memory,
    );
  }

  reset(): void {
    this.#next = this.#base;
  }

  bytes(length: number): number {
    const ptr = this.#next;
    this.#next = Math.ceil((ptr + length) / 64) * 64;
    return ptr;
  }

  place(values: Float32Array): number {
    const ptr = this.bytes(values.byteLength);
    new Float32Array(this.memory.buffer, ptr, values.length).set(values);
    return ptr;
  }

  view(ptr: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, ptr, length);
  }
}

const random = (length: number): Float32Array => Float32Array.from({ length }, () => Math.random() - 0.5);

/** onnxruntime keeps one session per case; its `run` is asynchronous and copies in and out, as any user's does. */
async function ort(model: Uint8Array, inputs: readonly [Float32Array, readonly number[]][]): Promise<Contestant> {
  const session = await InferenceSession.create(model, { executionProviders: ["wasm"] });
  const feeds = Object.fromEntries(inputs.map(([data, shape], i) => [`${i}`, new Tensor("float32", data, [...shape])]));
  let y: Tensor | undefined;
  return {
    name: "ort-web",
    run: async () => {
      y = (await session.run(feeds)).y as Tensor;
    },
    result: () => y!.data as Float32Array,
  };
}

function tfjs(compute: () => tf.Tensor): Contestant {
  let y: tf.Tensor | undefined;
  return {
    name: "tfjs-wasm",
    run: () => {
      y?.dispose();
      y = compute();
    },
    result: () => y!.dataSync() as Float32Array,
  };
}

async function matMul(ours: readonly Ours[], m: number, n: number, k: number): Promise<Case> {
  const [a, b] = [random(m * k), random(k * n)];
  const [ta, tb] = [tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])];
  const model = onnxModel({
    op: "MatMul",
    inputs: [
      [m, k],
      [k, n],
    ],
    output: [m, n],
  });
  return {
    name: m === n && n === k ? `MatMul ${m}` : `MatMul ${m}×${k}·${k}×${n}`,
    work: 2 * m * n * k,
    contestants: [
      ...ours.map((o) => {
        const [pa, pb, pc] = [o.place(a), o.place(b), o.bytes(m * n * 4)];
        const scratch = o.bytes(o.kernels.gemm_scratch_bytes(m, n, k, 4));
        return {
          name: o.name,
          run: () => o.kernels.gemm_f32(0, 0, m, n, k, pa, k, pb, n, pc, n, 0, scratch),
          result: () => o.view(pc, m * n),
        };
      }),
      tfjs(() => tf.matMul(ta, tb)),
      await ort(model, [
        [a, [m, k]],
        [b, [k, n]],
      ]),
    ],
  };
}

/** Stride 1, SAME. ONNX takes NCHW: its image and filter are transposed beforehand, its result for the comparison. */
async function conv(ours: readonly Ours[], size: number, inC: number, outC: number, window: number): Promise<Case> {
  const pixels = size * size;
  const [x, filter] = [random(pixels * inC), random(window * window * inC * outC)];
  const xt = new Float32Array(x.length);
  const ft = new Float32Array(filter.length);
  const taps = window * window;
  for (let p = 0; p < pixels; p++) for (let c = 0; c < inC; c++) xt[c * pixels + p] = x[p * inC + c]!;
  for (let t = 0; t < taps; t++)
    for (let c = 0; c < inC; c++)
      for (let o = 0; o < outC; o++) ft[(o * inC + c) * taps + t] = filter[(t * inC + c) * outC + o]!;
  const tx = tf.tensor4d(x, [1, size, size, inC]);
  const tfilter = tf.tensor4d(filter, [window, window, inC, outC]);
  const pad = (window - 1) >> 1;
  const model = onnxModel({
    op: "Conv",
    inputs: [
      [1, inC, size, size],
      [outC, inC, window, window],
    ],
    output: [1, outC, size, size],
    attributes: { kernel_shape: [window, window], pads: [pad, pad, pad, pad], strides: [1, 1] },
  });
  const onnx = await ort(model, [
    [xt, [1, inC, size, size]],
    [ft, [outC, inC, window, window]],
  ]);
  return {
    name: `Conv ${window}×${window} ${size}×${size}×${inC}→${outC}`,
    work: 2 * pixels * taps * inC * outC,
    contestants: [
      ...ours.map((o) => {
        const [px, pf, py] = [o.place(x), o.place(filter), o.bytes(pixels * outC * 4)];
        const scratch = o.bytes(o.kernels.conv2d_scratch_bytes(inC, window, window, outC, 4));
        const sizes = [1, size, size, inC, window, window, outC, size, size, 1, 1, 1, 1, pad, pad] as const;
        return {
          name: o.name,
          run: () => o.kernels.conv2d_f32(px, pf, py, ...sizes, scratch),
          result: () => o.view(py, pixels * outC),
        };
      }),
      tfjs(() => tf.conv2d(tx, tfilter, 1, "same")),
      {
        ...onnx,
        result: async () => {
          const nchw = await onnx.result();
          return Float32Array.from(
            { length: nchw.length },
            (_, i) => nchw[(i % outC) * pixels + Math.floor(i / outC)]!,
          );
        },
      },
    ],
  };
}

async function softmax(ours: readonly Ours[], rows: number, columns: number): Promise<Case> {
  const x = random(rows * columns);
  const tx = tf.tensor2d(x, [rows, columns]);
  const model = onnxModel({
    op: "Softmax",
    inputs: [[rows, columns]],
    output: [rows, columns],
    attributes: { axis: 1 },
  });
  return {
    name: `softmax ${rows}×${columns}`,
    work: rows * columns,
    contestants: [
      ...ours.map((o) => {
        const [px, py] = [o.place(x), o.bytes(x.byteLength)];
        return {
          name: o.name,
          run: () => o.kernels.softmax_f32(px, py, rows, columns),
          result: () => o.view(py, x.length),
        };
      }),
      tfjs(() => tf.softmax(tx)),
      await ort(model, [[x, [rows, columns]]]),
    ],
  };
}

/** Every contestant's result is the first one's, up to rounding. */
async function verify({ name, contestants }: Case): Promise<void> {
  let first: Float32Array | undefined;
  for (const contestant of contestants) {
    await contestant.run();
    const result = await contestant.result();
    first ??= result.slice();
    const scale = first.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const wrong = first.findIndex((v, i) => !(Math.abs(v - result[i]!) <= 1e-4 * scale));
    if (wrong >= 0)
      throw new Error(`${name}: ${contestant.name} differs at ${wrong}: ${result[wrong]} ≠ ${first[wrong]}`);
  }
}

/** Milliseconds that this process has computed. */
function computed(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Units of work per nanosecond, the best slice of each contestant. */
async function measure({ work, contestants }: Case, rounds: number, sliceMs: number): Promise<number[]> {
  const best = contestants.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { run }] of contestants.entries()) {
      const end = performance.now() + sliceMs;
      const start = computed();
      let calls = 0;
      do {
        const pending = run();
        if (pending) await pending;
        calls++;
      } while (performance.now() < end);
      best[i] = Math.max(best[i]!, (work * calls) / (computed() - start) / 1e6);
    }
  }
  return best;
}

/** @param words only cases whose name holds one of them; all when there is none */
export async function benchKernels(
  print: (line: string) => void,
  words: readonly string[] = [],
  rounds = 48,
  sliceMs = 15,
): Promise<void> {
  const require = createRequire(import.meta.url);
  setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"))}/`);
  await tf.setBackend("wasm");
  ortEnv.wasm.numThreads = 1;
  ortEnv.logLevel = "error";
  await enableRelaxedSimd();
  const ours = [await Ours.load(false), await Ours.load(true)];
  const makers: (() => Promise<Case>)[] = [
    () => matMul(ours, 128, 128, 128),
    () => matMul(ours, 512, 512, 512),
    () => matMul(ours, 1024, 1024, 1024),
    () => matMul(ours, 128, 512, 784),
    () => matMul(ours, 16, 1024, 1024),
    () => matMul(ours, 1, 1024, 1024),
    () => conv(ours, 56, 64, 64, 3),
    () => conv(ours, 14, 256, 256, 3),
    () => conv(ours, 28, 1, 32, 5),
    () => conv(ours, 56, 64, 64, 1),
    () => softmax(ours, 1024, 1024),
    () => softmax(ours, 128, 10),
  ];
  const cell = (value: string) => value.padStart(12);
  print(`${"".padEnd(24)}${["plain", "relaxed", "tfjs-wasm", "ort-web", "plain ×", "relaxed ×"].map(cell).join("")}`);
  for (const make of makers) {
    for (const o of ours) o.reset();
    const one = await make();
    if (words.length > 0 && !words.some((word) => one.name.includes(word))) continue;
    await verify(one);
    const [plain, relaxed, tfjsSpeed, ortSpeed] = (await measure(one, rounds, sliceMs)) as [
      number,
      number,
      number,
      number,
    ];
    const rival = Math.max(tfjsSpeed, ortSpeed);
    const digits = rival < 5 ? 2 : 1;
    const speeds = [plain, relaxed, tfjsSpeed, ortSpeed].map((speed) => cell(speed.toFixed(digits)));
    print(
      `${one.name.padEnd(24)}${speeds.join("")}${cell((plain / rival).toFixed(2))}${cell((relaxed / rival).toFixed(2))}`,
    );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await benchKernels((line) => console.log(line), process.argv.slice(2));
