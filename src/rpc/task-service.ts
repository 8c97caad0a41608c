// What an operator asks of a task of this package, beside TensorFlow's services: how it is, and to end. Answers are JSON.
import { PermissionDeniedError } from "../errors/index.js";
import type { TaskReport } from "../observe/report.js";
import type { RawHandler } from "../transport/grpc-listener.js";

export const REPORT_PATH = "/tensorfleet.TaskService/Report";
export const END_PATH = "/tensorfleet.TaskService/End";

export interface TaskServiceContext {
  readonly report: () => TaskReport;
  /** `null` when the task doesn't end on request. */
  readonly end: (() => void) | null;
}

const encoder = new TextEncoder();

export function taskHandlers({ report, end }: TaskServiceContext): Map<string, RawHandler> {
  return new Map<string, RawHandler>([
    [REPORT_PATH, async () => encoder.encode(JSON.stringify(report()))],
    [
      END_PATH,
      async () => {
        if (end === null) {
          throw new PermissionDeniedError("This task doesn't end on request: it was started without --end-on-request");
        }
        end();
        return new Uint8Array(0);
      },
    ],
  ]);
}
