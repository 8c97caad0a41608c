// A master behind gRPC as a session's master: one channel, MasterService's unary calls. Errors come back as OpErrors.
import { type CallOptions, Client, credentials, Metadata as Headers, type Metadata } from "@grpc/grpc-js";
import { CancelledError, InternalError, InvalidArgumentError, opErrorFromCode } from "../errors/index.js";
import type { MasterClient } from "../master/client.js";
import type { Codec, Init, TensorProto } from "../wire/core.js";
import {
  CloseSessionRequest,
  CloseSessionResponse,
  CreateSessionRequest,
  CreateSessionResponse,
  ExtendSessionRequest,
  ExtendSessionResponse,
  ListDevicesRequest,
  ListDevicesResponse,
  PartialRunSetupRequest,
  PartialRunSetupResponse,
  ResetRequest,
  ResetResponse,
  RunStepRequest,
  RunStepResponse,
} from "../wire/master.js";
import { fromServiceError } from "./status.js";

const TARGET = /^grpc:\/\/(.+:\d+)$/;

/** @throws InvalidArgumentError for a target that is no `grpc://host:port` */
export function remoteMaster(target: string): MasterClient {
  const match = TARGET.exec(target);
  if (match === null)
    throw new InvalidArgumentError(`Could not interpret "${target.replace(/^grpc:\/\//, "")}" as a host-port pair.`);
  const client = new Client(match[1]!, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc-node.flow_control_window": 4 * 1024 * 1024,
  } as Record<string, number>);

  function call<Q, R>(
    method: string,
    request: Codec<Q>,
    response: Codec<R>,
    message: Init<Q>,
    {
      signal,
      waitForReady = true,
    }: { readonly signal?: AbortSignal | undefined; readonly waitForReady?: boolean } = {},
  ): Promise<R> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new CancelledError("The call was cancelled by its caller", { cause: signal.reason }));
        return;
      }
      const headers: Metadata = new Headers({ waitForReady });
      const options: CallOptions = {};
      const open = client.makeUnaryRequest<Init<Q>, R>(
        `/tensorflow.MasterService/${method}`,
        (value) => Buffer.from(request.encode(value)),
        (bytes) => response.decode(bytes),
        message,
        headers,
        options,
        (error, value) => {
          signal?.removeEventListener("abort", abort);
          if (error !== null) reject(fromServiceError(error));
          else if (value === undefined) reject(new InternalError(`${method} gave no answer`));
          else resolve(value);
        },
      );
      const abort = () => open.cancel();
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  return {
    async createSession(graphDef, config) {
      return (await call("CreateSession", CreateSessionRequest, CreateSessionResponse, { graphDef, config }))
        .sessionHandle;
    },
    async extendSession(sessionHandle, graphDef, currentGraphVersion) {
      const request = { sessionHandle, graphDef, currentGraphVersion };
      return (await call("ExtendSession", ExtendSessionRequest, ExtendSessionResponse, request)).newGraphVersion;
    },
    async runStep(question, signal) {
      const answer = await call(
        "RunStep",
        RunStepRequest,
        RunStepResponse,
        {
          sessionHandle: question.sessionHandle,
          feed: question.feeds,
          fetch: question.fetches,
          target: question.targets,
          options: question.options ?? {},
          partialRunHandle: question.partialRunHandle,
          storeErrorsInResponseBody: true,
          requestId: requestId(),
        },
        { signal },
      );
      if (answer.statusCode !== 0) throw opErrorFromCode(answer.statusCode, answer.statusErrorMessage);
      const byName = new Map(answer.tensor.map(({ name, tensor }) => [name, tensor]));
      const values = question.fetches.map((name): TensorProto => {
        const value = byName.get(name);
        if (value === undefined) throw new InternalError(`The master gave no value for ${name}`);
        return value;
      });
      return { values, metadata: answer.metadata };
    },
    async partialRunSetup(sessionHandle, feed, fetch, target) {
      const request = { sessionHandle, feed, fetch, target, requestId: requestId() };
      return (await call("PartialRunSetup", PartialRunSetupRequest, PartialRunSetupResponse, request)).partialRunHandle;
    },
    async listDevices(sessionHandle) {
      const { localDevice, remoteDevice } = await call("ListDevices", ListDevicesRequest, ListDevicesResponse, {
        sessionHandle,
      });
      return [...localDevice, ...remoteDevice];
    },
    async closeSession(sessionHandle) {
      // A server that is gone has no session to close: an error now, not when it comes back.
      await call("CloseSession", CloseSessionRequest, CloseSessionResponse, { sessionHandle }, { waitForReady: false });
    },
    async reset(container) {
      await call("Reset", ResetRequest, ResetResponse, { container });
    },
    close: () => client.close(),
  };
}

/** Random and not 0: the master refuses an id that it has seen. */
function requestId(): bigint {
  return crypto.getRandomValues(new BigInt64Array(1))[0]! | 1n;
}
