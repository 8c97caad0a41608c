// A task's report: what its master, worker and devices say of themselves, put together.

import type { ConnectionReport, TaskReport } from "../observe/report.js";
import { ClusterDef, type ServerDef } from "../wire/core.js";
import type { Engine } from "./engine.js";

export function taskReport(
  def: ServerDef,
  { master, worker, devices }: Engine,
  upMs: number,
  connections: ConnectionReport,
): TaskReport {
  const { job: jobs } = def.cluster ?? ClusterDef.create();
  return {
    task: worker.task,
    upMs,
    cluster: Object.fromEntries(jobs.map(({ name, tasks }) => [name, Object.fromEntries(tasks)])),
    devices: devices.map(({ attributes, allocator }) => {
      const { bytesInUse, peakBytesInUse, blocksInUse } = allocator.stats();
      return { name: attributes.name, type: attributes.deviceType, bytesInUse, peakBytesInUse, blocksInUse };
    }),
    sessions: master.reportSessions(),
    workerSessions: worker.reportSessions(),
    steps: worker.reportSteps(),
    connections,
  };
}
