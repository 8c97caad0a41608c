// Looks into a checkpoint without a session (`tf.train.load_checkpoint`): names, dtypes, shapes, and tensors by name.
// It must not know servers or graphs.
import { BundleReader } from "../io/bundle-reader.js";
import { keyOf, readable } from "../io/byte-text.js";
import type { FileSystem } from "../io/file-system.js";
import { Allocator } from "../memory/allocator.js";
import { Heap } from "../memory/heap.js";
import type { DataType } from "../tensor/dtype.js";
import { tensorView } from "../tensor/proto.js";
import type { Shape } from "../tensor/shape.js";
import { latestCheckpoint, localFiles } from "./checkpoint-state.js";
import { type TensorValue, valueFromProto } from "./values.js";

export interface CheckpointVariable {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}

export class CheckpointReader implements AsyncDisposable {
  private constructor(
    readonly prefix: string,
    readonly variables: readonly CheckpointVariable[],
    readonly bundle: BundleReader,
  ) {}

  /**
   * @param path a checkpoint's prefix, or a folder whose latest one is meant
   * @throws NotFoundError, DataLossError
   */
  static async open(path: string, files?: FileSystem): Promise<CheckpointReader> {
    const from = files ?? (await localFiles());
    const prefix = (await latestCheckpoint(path, { files: from }).catch(() => null)) ?? path;
    const bundle = await BundleReader.open(from, prefix);
    try {
      const variables = (await bundle.entries()).map(({ key, dtype, shape }) => ({
        name: readable(key),
        dtype,
        shape,
      }));
      return new CheckpointReader(prefix, variables, bundle);
    } catch (error) {
      await bundle.close();
      throw error;
    }
  }

  has(name: string): boolean {
    return this.variables.some((variable) => variable.name === name);
  }

  /** @throws NotFoundError, DataLossError */
  async tensor(name: string): Promise<TensorValue> {
    const entry = await this.bundle.entry(keyOf(name));
    // A memory of its own: it goes when the value has been copied out of it.
    const allocator = new Allocator(new Heap(new WebAssembly.Memory({ initial: 1, maximum: 65536 }), 1024));
    const tensor = await this.bundle.read(entry, allocator);
    return valueFromProto(tensorView(tensor, allocator.heap));
  }

  close(): Promise<void> {
    return this.bundle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
