// What a task says of itself to whoever operates it: sessions, steps in flight, and who waits for which tensor. Plain
// data, as it travels in JSON; ages instead of times, since clocks differ between machines.

export interface TaskReport {
  /** `/job:worker/replica:0/task:0` */
  readonly task: string;
  readonly upMs: number;
  /** Addresses by job and task index, of the whole cluster. */
  readonly cluster: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly devices: readonly DeviceReport[];
  /** Sessions whose master this task is. */
  readonly sessions: readonly SessionReport[];
  /** Sessions that this task computes for. */
  readonly workerSessions: readonly WorkerSessionReport[];
  readonly steps: readonly StepReport[];
  readonly connections: ConnectionReport;
}

export interface ConnectionReport {
  /** Sockets of clients and of other tasks. */
  readonly accepted: number;
  /** Data connections by which tensors come, and by which they go. */
  readonly dataIn: number;
  readonly dataOut: number;
}

export interface DeviceReport {
  readonly name: string;
  readonly type: string;
  readonly bytesInUse: number;
  readonly peakBytesInUse: number;
  /** Pieces of memory: tensors, where none shares its bytes with another. */
  readonly blocksInUse: number;
}

export interface SessionReport {
  readonly handle: string;
  readonly nodes: number;
  readonly runningSteps: number;
  readonly idleMs: number;
}

export interface WorkerSessionReport {
  readonly handle: string;
  readonly masterTask: string;
  readonly graphs: number;
}

export interface StepReport {
  /** Decimal: it has more bits than a JSON number. */
  readonly stepId: string;
  /** Since it was first heard of. */
  readonly ageMs: number;
  /** Whether it runs here yet, or a peer asked for one of its tensors before. */
  readonly running: boolean;
  readonly waits: readonly WaitReport[];
}

export interface WaitReport {
  readonly tensor: string;
  /** Who makes it, who wants it: full device names. */
  readonly from: string;
  readonly to: string;
  /** Frame and iteration of a loop, `0:0` outside. */
  readonly frameIter: string;
  readonly ageMs: number;
}
