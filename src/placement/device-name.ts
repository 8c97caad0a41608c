// Device names, full and partial: `/job:worker/replica:0/task:1/device:CPU:0`, `/cpu:0`, `/job:ps`, `/device:GPU:*`.

/** What a name says; `null` where it says nothing, `*` counts as nothing. */
export interface DeviceSpec {
  readonly job: string | null;
  readonly replica: number | null;
  readonly task: number | null;
  readonly type: string | null;
  readonly index: number | null;
}

/** Asks for nothing. */
export const ANYWHERE: DeviceSpec = { job: null, replica: null, task: null, type: null, index: null };

const PART =
  /^\/(?:job:([A-Za-z][A-Za-z0-9_]*|\*)|replica:(\d+|\*)|task:(\d+|\*)|device:([A-Za-z][A-Za-z0-9_-]*|\*)(?::(\d+|\*))?|(cpu|CPU|gpu|GPU|tpu|TPU)(?::(\d+|\*))?)/;

/** `null` for a malformed name. An empty name leaves everything open. */
export function parseDeviceSpec(name: string): DeviceSpec | null {
  const spec: { -readonly [K in keyof DeviceSpec]: DeviceSpec[K] } = {
    job: null,
    replica: null,
    task: null,
    type: null,
    index: null,
  };
  let rest = name;
  while (rest !== "" && rest !== "/") {
    const match = PART.exec(rest);
    if (match === null) return null;
    const [whole, job, replica, task, type, index, legacyType, legacyIndex] = match;
    if (job !== undefined) spec.job = open(job);
    else if (replica !== undefined) spec.replica = number(replica);
    else if (task !== undefined) spec.task = number(task);
    else {
      const text = open(type ?? legacyType!);
      spec.type = text === null ? null : text === "cpu" || text === "gpu" || text === "tpu" ? text.toUpperCase() : text;
      spec.index = number(index ?? legacyIndex ?? "*");
    }
    rest = rest.slice(whole.length);
  }
  return spec;
}

const open = (text: string): string | null => (text === "*" ? null : text);
const number = (text: string): number | null => (text === "*" ? null : Number(text));

/** What two constraints contradict each other in, in TensorFlow's words; `null` where they agree. */
export function conflict(a: DeviceSpec, b: DeviceSpec): string | null {
  const differs = (x: string | number | null, y: string | number | null) => x !== null && y !== null && x !== y;
  if (differs(a.job, b.job)) return "jobs";
  if (differs(a.replica, b.replica)) return "replicas";
  if (differs(a.task, b.task)) return "tasks";
  if (differs(a.type, b.type)) return "types";
  return differs(a.index, b.index) ? "ids" : null;
}

/** A name that parses to this: `/job:ps/task:0`, `/device:CPU:*`. */
export function formatDeviceSpec({ job, replica, task, type, index }: DeviceSpec): string {
  let name = "";
  if (job !== null) name += `/job:${job}`;
  if (replica !== null) name += `/replica:${replica}`;
  if (task !== null) name += `/task:${task}`;
  if (type !== null || index !== null) name += `/device:${type ?? "*"}:${index ?? "*"}`;
  return name;
}

/**
 * What two constraints ask together, `null` when they contradict each other.
 *
 * @param soft where they only differ in the device of a task, any will do
 */
export function mergeSpecs(a: DeviceSpec, b: DeviceSpec, soft = false): DeviceSpec | null {
  if (a === ANYWHERE || a === b) return b;
  if (b === ANYWHERE) return a;
  const problem = conflict(a, b);
  const merged = specialize(b, a);
  if (problem === null) return merged;
  if (!soft || (problem !== "types" && problem !== "ids")) return null;
  return { ...merged, type: problem === "types" ? null : merged.type, index: null };
}

/** What `more` asks for, and where it asks nothing what `spec` does. */
export function specialize(spec: DeviceSpec, more: DeviceSpec): DeviceSpec {
  if (more === ANYWHERE) return spec;
  return {
    job: more.job ?? spec.job,
    replica: more.replica ?? spec.replica,
    task: more.task ?? spec.task,
    type: more.type ?? spec.type,
    index: more.index ?? spec.index,
  };
}

/**
 * What a node of a function's body asks for: what it leaves open is as where the function is called, unless it names
 * another job. A malformed name stays as it is, and is refused when the node is placed.
 */
export function deviceWithin(requested: string, caller: string): string {
  if (requested === "" || caller === "") return requested || caller;
  const own = parseDeviceSpec(requested);
  const outer = parseDeviceSpec(caller);
  if (own === null || outer === null || (own.job !== null && own.job !== outer.job)) return requested;
  return formatDeviceSpec(specialize(outer, own));
}

/** Whether a full device name fits a constraint. */
export function matches(constraint: DeviceSpec, device: DeviceSpec): boolean {
  return (
    (constraint.job === null || constraint.job === device.job) &&
    (constraint.replica === null || constraint.replica === device.replica) &&
    (constraint.task === null || constraint.task === device.task) &&
    (constraint.type === null || constraint.type === device.type) &&
    (constraint.index === null || constraint.index === device.index)
  );
}

/** `/job:worker/replica:0/task:1` of a full device name. */
export const taskOf = (device: string): string => device.slice(0, device.indexOf("/device:"));

/** The same device of a task by another name. */
export const renamed = (device: string, task: string): string => task + device.slice(device.indexOf("/device:"));
