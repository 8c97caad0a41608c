// Gives every new node of a graph a device, by TensorFlow's rules: the request, who it must be with (colocation.ts), and
// where nothing is asked the master's own task. A node that only makes a value goes where all its readers are, one that
// only looks at a shape goes to its input. Near linear; nothing recursive.
import { InvalidArgumentError } from "../errors/index.js";
import type { Graph, Node } from "../graph/graph.js";
import { isMerge, isNextIteration } from "../graph/order.js";
import { summarizeAttrs } from "../graph/summarize.js";
import { isRef } from "../tensor/dtype.js";
import { colocate, type Group } from "./colocation.js";
import { type DeviceSpec, formatDeviceSpec, matches, parseDeviceSpec, taskOf } from "./device-name.js";

export interface PlacementDevice {
  readonly name: string;
  readonly type: string;
}

export interface PlacementOptions {
  /** All devices of the session, the preferred one first. */
  readonly devices: readonly PlacementDevice[];
  readonly allowSoftPlacement: boolean;
  /** Whether a device of this type can run the node. */
  readonly hasKernel: (node: Node, type: string) => boolean;
  /** The registered kernels of an op, a line each, for the text of an error. */
  readonly kernelsOf?: (op: string) => string;
}

const NO_KERNELS = "  <no registered kernels>\n";

/** Places nodes from `first` on; earlier ones keep their devices and colocate others. */
export function place(graph: Graph, first: number, options: PlacementOptions): void {
  const devices = options.devices.map((device) => ({ ...device, spec: parseDeviceSpec(device.name)! }));
  const { nodes } = graph;
  const groups = colocate(graph, first, options.allowSoftPlacement);
  const byKey = new Map<string, string>();
  const assign = (node: Node, wished: string | null) => {
    // Alone is the usual case: decided once per request and op.
    const group = groups.has(node) ? groups.of(node) : null;
    if (group !== null && (group.members.length > 1 || node.assignedDevice !== "")) {
      group.device ??= choose(group, node, devices, options, wished);
      node.assignedDevice = group.device;
      return;
    }
    const key = `${wished ?? ""} ${node.requestedDevice} ${node.op.name} ${kernelKey(node)}`;
    let device = byKey.get(key);
    if (device === undefined) {
      device = choose(group ?? groups.of(node), node, devices, options, wished);
      byKey.set(key, device);
    }
    node.assignedDevice = device;
  };
  const makers = new Map<Node, Node[]>();
  for (let i = first; i < nodes.length; i++) {
    const node = nodes[i]!;
    if (isMaker(node)) makers.set(node, []);
    else assign(node, isMetadata(node) ? (node.inputs[0]?.node.assignedDevice ?? null) : null);
  }
  for (let i = first; i < nodes.length; i++) {
    const node = nodes[i]!;
    for (const input of node.inputs) makers.get(input.node)?.push(node);
    for (const control of node.controlInputs) makers.get(control)?.push(node);
  }
  for (const [node, readers] of makers) assign(node, commonDevice(readers));
  for (let i = first; i < nodes.length; i++) closeLoop(nodes[i]!);
}

/** A turn of a loop ends where the next begins, wherever else it was asked to: its edge can't cross a frame's iterations. */
function closeLoop(head: Node): void {
  if (!isMerge(head)) return;
  for (const { node } of head.inputs) if (isNextIteration(node)) node.assignedDevice = head.assignedDevice;
}

/** Takes nothing and makes one value. */
const isMaker = ({ inputs, outputTypes }: Node): boolean =>
  inputs.length === 0 && outputTypes.length === 1 && !isRef(outputTypes[0]!);

const isMetadata = ({ op: { name } }: Node): boolean => name === "Shape" || name === "Size" || name === "Rank";

/** `null` where they differ, or where there is none. */
function commonDevice(nodes: readonly Node[]): string | null {
  const device = nodes[0]?.assignedDevice || null;
  return nodes.every((node) => node.assignedDevice === device) ? device : null;
}

type Candidate = PlacementDevice & { readonly spec: DeviceSpec };

function choose(
  group: Group,
  node: Node,
  devices: readonly Candidate[],
  options: PlacementOptions,
  wished: string | null,
): string {
  const fitting = devices.filter((device) => matches(group.requested, device.spec));
  const able = (device: Candidate) => group.members.every((member) => options.hasKernel(member, device.type));
  const there = wished === null ? undefined : fitting.find(({ name }) => name === wished);
  if (there !== undefined && able(there)) return there.name;
  // Which kernels another task has is its own affair: it says so when it gets its part.
  const elsewhere = fitting.every((device) => taskOf(device.name) !== taskOf(devices[0]!.name));
  const device =
    fitting.find(able) ?? (elsewhere ? fitting[0] : undefined) ?? softChoice(group, devices, options, able) ?? null;
  if (device === null) throw fitting.length === 0 ? noDevice(node, group, options) : noKernel(node, group, options);
  return device.name;
}

function kernelKey(node: Node): string {
  return `${node.inputTypes.join(",")}>${node.outputTypes.join(",")}`;
}

/** There are kernels for the ops, but not for the type of device that was asked for. */
function noKernelThere(node: Node, group: Group, options: PlacementOptions): Error {
  const type = parseDeviceSpec(node.requestedDevice)?.type;
  return new InvalidArgumentError(
    `Cannot assign a device for operation ${node.name}: Could not satisfy explicit device specification ` +
      `'${node.requestedDevice}' because no supported kernel for ${type} devices is available.` +
      `${colocationInfo(group, options)}\nOp: ${node.op.name}\nNode attrs: ${summarizeAttrs(node)}\n` +
      `Registered kernels:\n${options.kernelsOf?.(node.op.name) ?? NO_KERNELS}\n\t [[{{node ${node.name}}}]]`,
  );
}

/** Who must go to one place, and where each of them could. */
function colocationInfo({ requested, members }: Group, { devices, hasKernel }: PlacementOptions): string {
  const types = [...new Set(devices.map((device) => device.type))];
  const able = (nodes: readonly Node[]) => types.filter((type) => nodes.every((node) => hasKernel(node, type)));
  const ops = new Map(members.map((node) => [node.op.name, node]));
  const lines = [...ops]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, node]) => `${op}: ${able([node]).join(" ")} \n`);
  return (
    "\nColocation Debug Info:\nColocation group had the following types and supported devices: \n" +
    `Root Member(assigned_device_name_index_=-1 requested_device_name_='${formatDeviceSpec(requested)}' ` +
    `assigned_device_name_='' resource_device_name_='' supported_device_types_=[${able(members).join(", ")}] ` +
    `possible_devices_=[]\n${lines.join("")}\n` +
    "Colocation members, user-requested devices, and framework assigned devices, if any:\n" +
    members.map(({ name, op, requestedDevice }) => `  ${name} (${op.name}) ${requestedDevice}\n`).join("")
  );
}

/** With soft placement an impossible device type becomes a CPU of the same task; never another job or task. */
function softChoice(
  group: Group,
  devices: readonly Candidate[],
  options: PlacementOptions,
  able: (device: Candidate) => boolean,
): Candidate | undefined {
  if (!options.allowSoftPlacement) return undefined;
  const relaxed = { ...group.requested, type: null, index: null };
  return devices.find((device) => matches(relaxed, device.spec) && able(device));
}

function noDevice(node: Node, group: Group, options: PlacementOptions): Error {
  const asked = group.members.find((member) => member.requestedDevice !== "") ?? node;
  const available = options.devices.map((device) => device.name).sort();
  const gpu = /gpu/i.test(asked.requestedDevice)
    ? " The requested device appears to be a GPU, but CUDA is not enabled."
    : "";
  return new InvalidArgumentError(
    `Cannot assign a device for operation ${asked.name}: {{node ${asked.name}}} was explicitly assigned to ` +
      `${asked.requestedDevice} but available devices are [ ${available.join(", ")} ]. Make sure the device ` +
      `specification refers to a valid device.${gpu}\n\t [[${asked.name}]]`,
  );
}

function noKernel(node: Node, group: Group, options: PlacementOptions): Error {
  const types = [...new Set(options.devices.map((device) => device.type))].sort();
  const lacking = group.members.find((member) => !types.some((type) => options.hasKernel(member, type)));
  if (lacking === undefined) return noKernelThere(node, group, options);
  return new InvalidArgumentError(
    `No OpKernel was registered to support Op '${lacking.op.name}' used by {{node ${lacking.name}}} with these attrs: ` +
      `[${summarizeAttrs(lacking)}]\nRegistered devices: [${types.join(", ")}]\nRegistered kernels:\n` +
      `${options.kernelsOf?.(lacking.op.name) ?? NO_KERNELS}\n\t [[${lacking.name}]]`,
  );
}
