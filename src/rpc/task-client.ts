// Asks tasks how they are and to end, by address. A task of TensorFlow knows neither: it is asked for its devices.
import type { DeviceAttributes } from "../device/device.js";
import { Code, OpError } from "../errors/index.js";
import type { TaskReport } from "../observe/report.js";
import { GrpcChannel } from "../transport/grpc-channel.js";
import type { Tls } from "../transport/tls.js";
import { GetStatusRequest, GetStatusResponse } from "../wire/worker.js";
import { deviceFromProto } from "./device-attributes.js";
import { fromServiceError } from "./status.js";
import { END_PATH, REPORT_PATH } from "./task-service.js";

const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder();

/** How a task is asked. */
export interface AskOptions {
  readonly timeoutMs: number;
  readonly tls?: Tls | null;
}

async function ask(
  address: string,
  path: string,
  request: Uint8Array,
  { timeoutMs, tls = null }: AskOptions,
): Promise<Uint8Array> {
  const channel = new GrpcChannel(address, null, tls);
  try {
    return await new Promise((resolve, reject) => {
      channel.call(path, request, { timeoutMs }, (error, answer) => {
        if (error !== null) reject(fromServiceError(error));
        else resolve(answer ?? NOTHING);
      });
    });
  } finally {
    channel.close();
  }
}

/** What a task says of itself, or the devices of one that is TensorFlow's. @throws OpError */
export async function reportOf(
  address: string,
  options: AskOptions,
): Promise<TaskReport | { readonly devices: readonly DeviceAttributes[] }> {
  try {
    return JSON.parse(decoder.decode(await ask(address, REPORT_PATH, NOTHING, options))) as TaskReport;
  } catch (error) {
    if (!(error instanceof OpError) || error.code !== Code.UNIMPLEMENTED) throw error;
  }
  const status = await ask(address, "/tensorflow.WorkerService/GetStatus", GetStatusRequest.encode({}), options);
  return { devices: GetStatusResponse.decode(status).deviceAttributes.map(deviceFromProto) };
}

/** @throws PermissionDeniedError when the task was not started to be ended so */
export async function endTask(address: string, options: AskOptions): Promise<void> {
  await ask(address, END_PATH, NOTHING, options);
}
