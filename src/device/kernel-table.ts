// Kernels of one device by op, and the choice among them by dtype. Registering the same kernel twice throws.

import { AlreadyExistsError } from "../errors/index.js";
import type { Kernel } from "../kernel/kernel.js";
import { type DataType, dtypeName } from "../tensor/dtype.js";

export class KernelTable {
  readonly #byOp = new Map<string, Kernel[]>();

  constructor(kernels: Iterable<Kernel>, deviceType: string) {
    const seen = new Set<string>();
    for (const kernel of kernels) {
      if (kernel.device !== deviceType) continue;
      const key = `${kernel.op} ${JSON.stringify(kernel.types)}`;
      if (seen.has(key)) throw new AlreadyExistsError(`Kernel registered twice: ${key} for ${deviceType}`);
      seen.add(key);
      const list = this.#byOp.get(kernel.op);
      if (list === undefined) this.#byOp.set(kernel.op, [kernel]);
      else list.push(kernel);
    }
  }

  find(op: string, typeOf: (attr: string) => DataType): Kernel | undefined {
    return this.#byOp.get(op)?.find((kernel) => {
      for (const attr in kernel.types) if (!kernel.types[attr]!.includes(dtypeName(typeOf(attr)))) return false;
      return true;
    });
  }

  of(op: string): readonly Kernel[] {
    return this.#byOp.get(op) ?? [];
  }
}

/** `  device='CPU'; T in [DT_FLOAT]`: a line for each combination of dtypes, as TensorFlow registers them. */
export function describeKernels(kernels: readonly Kernel[]): string {
  const lines = kernels.flatMap(({ device, types }) =>
    Object.entries(types).reduce(
      (found, [attr, names]) =>
        found.flatMap((line) => names.map((name) => `${line}; ${attr} in [DT_${name.toUpperCase()}]`)),
      [`  device='${device}'`],
    ),
  );
  return lines.map((line) => `${line}\n`).join("");
}
