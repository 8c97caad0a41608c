// Texts to numbered buckets, by TensorFlow's three hashes.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { textsOf } from "./strings.js";

/** A key of two words, then the hash; texts come behind. */
const HASH = 16;
const TEXT = 32;

type Hash = (text: number, length: number, hash: number, key: number) => void;

const toBucket = (op: string, hashOf: (node: KernelNode) => Hash, keyOf: (node: KernelNode) => bigint[]): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const hash = hashOf(node);
    const key = keyOf(node);
    const buckets = BigInt.asUintN(64, node.bigint("num_buckets"));
    return (step) => {
      const x = step.input(0);
      const texts = textsOf(x);
      const y = step.allocateOutput(0, x.shape);
      const longest = texts.reduce((most, text) => Math.max(most, text.length), 0);
      const block = scratch(step, TEXT + longest);
      hashAll(step, texts, y.ptr, block.ptr, { hash, key, buckets });
      block.release();
      return DONE;
    };
  });

function hashAll(
  { heap }: KernelStep,
  texts: readonly Uint8Array[],
  y: number,
  block: number,
  { hash, key, buckets }: { hash: Hash; key: readonly bigint[]; buckets: bigint },
): void {
  const { u8, u64 } = heap;
  key.forEach((word, i) => {
    u64[block / 8 + i] = word;
  });
  texts.forEach((text, i) => {
    u8.set(text, block + TEXT);
    hash(block + TEXT, text.length, block + HASH, block);
    u64[y / 8 + i] = u64[(block + HASH) / 8]! % buckets;
  });
}

const noKey = (): bigint[] => [];

function strongKey(node: KernelNode): bigint[] {
  const { list } = node.attr("key");
  if (list?.i.length !== 2) throw new InvalidArgumentError("Key must have 2 elements");
  return list.i.map((word) => BigInt.asUintN(64, word));
}

export const stringHashKernels: readonly Kernel[] = [
  toBucket("StringToHashBucketFast", (node) => wasmOf(node).hash_fingerprint, noKey),
  toBucket("StringToHashBucket", (node) => wasmOf(node).hash_legacy, noKey),
  toBucket("StringToHashBucketStrong", (node) => wasmOf(node).hash_keyed, strongKey),
];
