// What the blocks around an op say of it: name, device, control dependencies, colocation, container, control flow. A scope is never
// changed, a block puts another one in its place while it runs. It must not know how ops are made.
import { InvalidArgumentError } from "../errors/index.js";
import type { Node } from "../graph/graph.js";
import { formatDeviceSpec, parseDeviceSpec } from "../placement/device-name.js";
import type { ControlFlowContext } from "./control-flow/context.js";
import type { Operation } from "./output.js";

/** A device for an op: what it returns takes the place of what is there. */
export type DeviceFunction = (operation: Operation) => string;

/** One `controlDependencies` block: an op that feeds on what was made inside waits already. */
interface Controller {
  readonly inputs: readonly Node[];
  readonly made: Set<Node>;
}

/** What ops are placed with: a node, or what is known of one that isn't made yet. */
export type Colocated = Pick<Node, "name" | "attrs" | "requestedDevice">;

export interface Scope {
  /** "" or with a `/` at its end. */
  readonly name: string;
  /** Innermost first. */
  readonly devices: readonly (string | DeviceFunction)[];
  readonly controllers: readonly Controller[];
  readonly colocation: readonly Colocated[];
  readonly container: string;
  readonly controlFlow: ControlFlowContext | null;
}

export const OUTERMOST: Scope = {
  name: "",
  devices: [],
  controllers: [],
  colocation: [],
  container: "",
  controlFlow: null,
};

export const controller = (inputs: readonly Node[]): Controller => ({ inputs, made: new Set() });

/** Two partial device names as one; where both say something, the inner one counts (`tf.device`). */
export function mergeDevices(inner: string, outer: string): string {
  const [a, b] = [parseDevice(inner), parseDevice(outer)];
  return formatDeviceSpec({
    job: a.job ?? b.job,
    replica: a.replica ?? b.replica,
    task: a.task ?? b.task,
    type: a.type ?? b.type,
    index: a.index ?? b.index,
  });
}

/** @throws InvalidArgumentError for a name that isn't one */
export function parseDevice(name: string) {
  const spec = parseDeviceSpec(name.startsWith("/") || name === "" ? name : `/${name}`);
  if (spec !== null) return spec;
  const unknown = name.split("/").find((part) => part !== "" && parseDeviceSpec(`/${part}`) === null) ?? name;
  throw new InvalidArgumentError(
    `Unknown attribute '${unknown.split(":")[0]}' is encountered while parsing the device spec: '${name}'.`,
  );
}

/** Sets the device of a new node: that of what it is colocated with, else what the blocks say together. */
export function applyDevices(scope: Scope, operation: Operation): void {
  const { node } = operation;
  for (const device of scope.devices) {
    node.requestedDevice =
      typeof device === "function" ? device(operation) : mergeDevices(node.requestedDevice, device);
  }
  for (const { requestedDevice } of scope.colocation)
    if (requestedDevice !== "") node.requestedDevice = requestedDevice;
}

/** `loc:@name` of all that a new node is to be placed with, sorted; `null` when there is nothing. */
export function colocationGroups({ colocation }: Scope): string[] | null {
  if (colocation.length === 0) return null;
  const groups = new Set<string>();
  for (const node of colocation) for (const group of groupsOf(node)) groups.add(group);
  return [...groups].sort();
}

const decoder = new TextDecoder();

function groupsOf(node: Colocated): string[] {
  const classes = (node.attrs.get("_class")?.list?.s ?? []).map((bytes) => decoder.decode(bytes));
  const groups = classes.filter((name) => name.startsWith("loc:@"));
  return groups.length > 0 ? groups : [`loc:@${node.name}`];
}

/** Adds the control inputs of the blocks around a node that has its data inputs. */
export function applyControls({ controllers }: Scope, node: Node): void {
  const sources = new Set(node.inputs.map((input) => input.node));
  for (const { inputs, made } of controllers) {
    made.add(node);
    if ([...sources].some((source) => made.has(source))) continue;
    for (const input of inputs) if (!sources.has(input)) addControl(node, input);
  }
}

export function addControl(node: Node, input: Node): void {
  if (!node.controlInputs.includes(input)) node.controlInputs.push(input);
}
