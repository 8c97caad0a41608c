// Which types of device a server can open, and the ones it did open. A server owns its registry; nothing is global.

import { AlreadyExistsError } from "../errors/index.js";
import type { Kernel } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import type { ConfigProto } from "../wire/core.js";
import type { Device } from "./device.js";

export interface DeviceContext {
  /** `/job:worker/replica:0/task:0`; factories append `/device:TYPE:index`. */
  readonly taskName: string;
  readonly config: ConfigProto | null;
  readonly heap: Heap;
  /** Bytes that each device may hold; infinite when not limited. */
  readonly memoryLimit: number;
  readonly kernels: readonly Kernel[];
  readonly newIncarnation: () => bigint;
}

/** Opens all devices of one type that the configuration asks for; none where the hardware is missing. */
export type DeviceFactory = (context: DeviceContext) => Promise<readonly Device[]> | readonly Device[];

interface Registration {
  readonly type: string;
  readonly factory: DeviceFactory;
  readonly priority: number;
}

export class DeviceRegistry {
  readonly #types = new Map<string, Registration>();

  /** @throws AlreadyExistsError when the type is known */
  registerDevice(type: string, factory: DeviceFactory, options: { priority?: number } = {}): void {
    if (this.#types.has(type)) throw new AlreadyExistsError(`Device type ${type} is registered twice`);
    this.#types.set(type, { type, factory, priority: options.priority ?? 0 });
  }

  /** Highest priority first: the order in which placement prefers device types. */
  get types(): readonly string[] {
    return [...this.#types.values()].sort((a, b) => b.priority - a.priority).map((r) => r.type);
  }

  /** Opens the devices: CPUs first, as TensorFlow lists them, then by priority. */
  async open(context: DeviceContext): Promise<Device[]> {
    const opened: Device[] = [];
    const order = [...this.types].sort((a, b) => Number(b === "CPU") - Number(a === "CPU"));
    for (const type of order) opened.push(...(await this.#types.get(type)!.factory(context)));
    return opened;
  }
}
