// Which types of device a server can open, and the ones it did open. A server owns its registry; nothing is global.

import { AlreadyExistsError, InvalidArgumentError } from "../errors/index.js";
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

/** How many devices of a type `device_count` asks for; `usual` where it doesn't say. */
export const deviceCount = (config: ConfigProto | null, type: string, usual: number): number =>
  Math.max(0, Number(config?.deviceCount.get(type) ?? usual));

/**
 * For a factory of hardware that has `available` devices: the ids of those to open, in their order. `device_count` says
 * how many, `visible_device_list` which ones.
 * @throws InvalidArgumentError in TensorFlow's words
 */
export function visibleDevices(config: ConfigProto | null, type: string, available: number): number[] {
  const list = config?.gpuOptions?.visibleDeviceList ?? "";
  const ids =
    list === ""
      ? Array.from({ length: available }, (_, id) => id)
      : list.split(",").map((text) => idOf(text, list, available));
  const repeated = ids.find((id, i) => ids.indexOf(id) !== i);
  if (repeated !== undefined) {
    throw new InvalidArgumentError(`visible_device_list contained a duplicate entry: ${list}`);
  }
  return ids.slice(0, deviceCount(config, type, ids.length));
}

function idOf(text: string, list: string, available: number): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) {
    throw new InvalidArgumentError(
      `Could not parse entry in 'visible_device_list': '${text}'. visible_device_list = ${list}`,
    );
  }
  const id = Number(text);
  if (id < 0 || id >= available) {
    throw new InvalidArgumentError(
      `'visible_device_list' listed an invalid Device id '${id}' but visible device count is ${available}`,
    );
  }
  return id;
}

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
