// The tasks that a session uses: those of the cluster that pass its device filters, and what devices they have once they
// answer. Waits for tasks that aren't there yet, says every ten seconds who is missing. It must not know how they are asked.
import { deviceNameOfTask } from "../cluster/server-def.js";
import type { DeviceAttributes } from "../device/device.js";
import { DeadlineExceededError, InvalidArgumentError, toOpError } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import { conflict, type DeviceSpec, parseDeviceSpec, renamed } from "../placement/device-name.js";
import type { ClusterDef } from "../wire/core.js";
import { printText } from "../wire/text-format.js";
import type { Peers } from "../worker/peers.js";
import type { StepSignal, WorkerInterface } from "../worker/worker-interface.js";

const REPORT_EVERY_MS = 10_000;

/** Device filters of a session: a name passes that fits any of them; all do where there are none. */
export class DeviceFilters {
  readonly #specs: readonly DeviceSpec[];

  constructor(filters: readonly string[]) {
    // A real master ends its process over a filter that it can't read; one that says nothing fits everything.
    this.#specs = filters.map(parseDeviceSpec).filter((spec) => spec !== null);
  }

  /** @param name of a task or of a device */
  passes(name: string): boolean {
    const spec = parseDeviceSpec(name);
    return this.#specs.length === 0 || (spec !== null && this.#specs.some((filter) => conflict(filter, spec) === null));
  }
}

export const workersOf = (peers: Peers, filters: DeviceFilters): WorkerInterface[] =>
  [...peers.values()].map(({ worker }) => worker).filter(({ task }) => filters.passes(task));

/** Devices under the names that a session gives them: its cluster may name a task otherwise than its server does. */
export const devicesAs = (task: string, devices: readonly DeviceAttributes[]): DeviceAttributes[] =>
  devices.map((device) => ({ ...device, name: renamed(device.name, task) }));

/**
 * Which task of a session's own cluster this master is: the one at the address that the client dialled.
 * @throws InvalidArgumentError with TensorFlow's texts where it is none of them, or the one that it is anyway
 */
export function ownTaskIn(cluster: ClusterDef, target: string, bootTask: string): string {
  const address = target.replace(/^grpc:\/\//, "");
  for (const { name, tasks } of cluster.job) {
    for (const [index, taskAddress] of tasks) {
      if (taskAddress !== address) continue;
      const task = deviceNameOfTask(name, index);
      if (task !== bootTask) return task;
      throw new InvalidArgumentError(
        "The ClusterSpec names the job and task index to be the same names that were provided when the server booted. " +
          `This is currently not allowed. Job: ${name}, task index: ${index}`,
      );
    }
  }
  throw new InvalidArgumentError(
    "The master (current machine) is not included in the provided cluster_def. goo.gle/debugonly   \n" +
      printText("ClusterDef", cluster),
  );
}

export interface Waiting {
  readonly log: (text: string) => void;
  readonly signal?: StepSignal | undefined;
  /** 0 waits for ever. */
  readonly timeoutMs: number;
  readonly reportEveryMs?: number;
}

/** The devices of each worker, asked in parallel. @throws the first error, DeadlineExceededError naming who is missing */
export async function devicesOf(
  workers: readonly WorkerInterface[],
  { log, signal, timeoutMs, reportEveryMs = REPORT_EVERY_MS }: Waiting,
): Promise<readonly DeviceAttributes[][]> {
  const missing = new Set(workers.map(({ task }) => task));
  const says = (task: string) => `CreateSession still waiting for response from worker: ${task}`;
  const inner = new Cancellation();
  const forward = (reason: Error) => inner.cancel(reason);
  signal?.add(forward);
  const report = setInterval(() => {
    for (const task of missing) log(says(task));
  }, reportEveryMs);
  const expire = () => inner.cancel(new DeadlineExceededError([...missing].map(says).join("\n")));
  const deadline = timeoutMs > 0 ? setTimeout(expire, timeoutMs) : undefined;
  const ask = async (worker: WorkerInterface) => {
    try {
      const devices = await worker.getStatus(inner);
      missing.delete(worker.task);
      return [...devices];
    } catch (error) {
      if (inner.reason === null) {
        const { codeName, message } = toOpError(error);
        log(`CreateSession failed because worker ${worker.task} returned error: ${codeName}: ${message}`);
        inner.cancel(toOpError(error));
      }
      throw error;
    }
  };
  try {
    return await Promise.all(workers.map(ask));
  } finally {
    signal?.remove(forward);
    clearInterval(report);
    clearTimeout(deadline);
  }
}
