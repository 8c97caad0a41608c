// Who comes after whom in a collective: the members of a group in rank order, and the rings that are made of them. All
// members work it out for themselves, so it must be what TensorFlow's tasks work out.
import type { DeviceAttributes } from "../device/device.js";
import { InvalidArgumentError } from "../errors/index.js";
import type { CollectiveRequest } from "../kernel/collective.js";
import { parseDeviceSpec, taskOf } from "../placement/device-name.js";
import { dtypeSize } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";

export interface Member {
  readonly device: DeviceAttributes;
  readonly task: string;
}

export interface Group {
  readonly key: number;
  readonly deviceType: string;
  /** In rank order: devices of a task stand together. */
  readonly members: readonly Member[];
  /** Devices of each task, in that order. */
  readonly devicesPerTask: readonly number[];
}

/** A turn of the ring: which member stands at which place. */
export type Ring = readonly number[];

/** Tensors are cut into more pieces until they are no larger than this. */
const MAX_CHUNK_BYTES = 4 * 1024 * 1024;
const DEFAULT_SUBDIVS = 2;
/** Pieces begin where vectors can be loaded. */
const ALIGNMENT = 64;

/** @throws InvalidArgumentError for what is no full device name */
export function checkFullName(device: string): void {
  const spec = parseDeviceSpec(device);
  if (spec === null || spec.job === null || spec.task === null || spec.type === null || spec.index === null) {
    throw new InvalidArgumentError(`Malformed device name: ${device}`);
  }
}

/** Tasks by name, as text; the devices of a task by type and number. */
export function groupOf(key: number, deviceType: string, devices: readonly DeviceAttributes[]): Group {
  const members = devices
    .map((device) => ({ device, task: taskOf(device.name), spec: parseDeviceSpec(device.name)! }))
    .sort((a, b) => compare(a.task, b.task) || compare(a.spec.type!, b.spec.type!) || a.spec.index! - b.spec.index!)
    .map(({ device, task }) => ({ device, task }));
  const devicesPerTask: number[] = [];
  members.forEach(({ task }, i) => {
    if (task === members[i - 1]?.task) devicesPerTask[devicesPerTask.length - 1]!++;
    else devicesPerTask.push(1);
  });
  return { key, deviceType, members, devicesPerTask };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** One ring for each offset: the devices of every task turned by it, and backwards where it is negative. */
export function ringsOf({ devicesPerTask }: Group, offsets: readonly number[]): readonly Ring[] {
  return offsets.map((signed) => {
    const offset = Math.abs(signed);
    const ring: number[] = [];
    let before = 0;
    for (const count of devicesPerTask) {
      for (let i = 0; i < count; i++) {
        const turned = (i + offset) % count;
        ring.push(before + (signed < 0 ? count - 1 - turned : turned));
      }
      before += count;
    }
    return ring;
  });
}

/** The offsets of a reduction whose op names none. */
export function offsetsFor({ dtype, shape, maxSubdivs }: CollectiveRequest, group: Group): readonly number[] {
  const bytes = numElements(shape) * dtypeSize(dtype);
  if (maxSubdivs === -1 || bytes === 0) return [0];
  const size = group.members.length;
  const perTask = Math.floor(size / group.devicesPerTask.length);
  const most = (maxSubdivs > 0 ? maxSubdivs : DEFAULT_SUBDIVS) * perTask;
  let count = 1;
  while (Math.floor(bytes / (size * count)) > MAX_CHUNK_BYTES && count < most) count++;
  const stride = Math.max(1, Math.floor(perTask / count));
  return Array.from({ length: count }, (_, i) => (i % 2 === 1 ? -stride * i : stride * i));
}

/** Elements of each piece of a reduction but the last ones. A whole number of alignments gets one more, as in TensorFlow. */
export function chunkElements(total: number, chunks: number, elementSize: number): number {
  const bytes = Math.ceil(total / chunks) * elementSize;
  return (bytes - (bytes % ALIGNMENT) + ALIGNMENT) / elementSize;
}
