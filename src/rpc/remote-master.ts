// A master behind gRPC as a session's master: one channel, MasterService's unary calls. A call waits for the first
// connection and is repeated while the master is UNAVAILABLE, as TensorFlow's client does it.
import { InternalError, InvalidArgumentError, OpError, opErrorFromCode, UnavailableError } from "../errors/index.js";
import type { MasterClient, StepNames } from "../master/client.js";
import { GrpcChannel } from "../transport/grpc-channel.js";
import { KEEP_ALIVE, type KeepAlive, SILENT } from "../transport/keep-alive.js";
import { checkedTls, isHandshakeFailure, type TlsOptions } from "../transport/tls.js";
import type { Codec, Init, TensorProto } from "../wire/core.js";
import * as wire from "../wire/master.js";
import { probing } from "./probe.js";
import { requestId } from "./request-id.js";
import { grpcCalls, type UnarySettings, unary } from "./unary.js";

const TARGET = /^grpc:\/\/(.+:\d+)$/;
const ATTEMPTS = 11;
const BETWEEN_ATTEMPTS_MS = 10;

export interface RemoteMasterOptions {
  readonly keepAlive?: KeepAlive;
  readonly tls?: TlsOptions | undefined;
}

/** @throws InvalidArgumentError for a target that is no `grpc://host:port`, or certificates that are of no use */
export function remoteMaster(target: string, { keepAlive = KEEP_ALIVE, tls }: RemoteMasterOptions = {}): MasterClient {
  const match = TARGET.exec(target);
  if (match === null)
    throw new InvalidArgumentError(`Could not interpret "${target.replace(/^grpc:\/\//, "")}" as a host-port pair.`);
  const channel = new GrpcChannel(match[1]!, probing(keepAlive), checkedTls(tls));
  const calls = grpcCalls(channel);
  /** Once it has answered, a master that can't be reached is gone. */
  let connected = false;

  function method<Q, R>(name: string, request: Codec<Q>, response: Codec<R>, patient = true) {
    const call = unary<Init<Q>, R>(calls, `/tensorflow.MasterService/${name}`, request.encode, response);
    return async (message: Init<Q>, settings: UnarySettings = {}): Promise<R> => {
      for (let attempt = 1; ; attempt++) {
        try {
          const answer = await call(message, { ...settings, waitForReady: patient && !connected });
          connected = true;
          return answer;
        } catch (error) {
          const unavailable = error instanceof UnavailableError;
          // One that was waited for in vain would be waited for as long again; certificates don't change meanwhile.
          if (unavailable && (error.message === SILENT || isHandshakeFailure(error.message))) throw error;
          if (error instanceof OpError && !unavailable && error !== settings.signal?.reason) connected = true;
          if (!unavailable || attempt === ATTEMPTS || (settings.signal?.reason ?? null) !== null) throw error;
          await new Promise((resolve) => setTimeout(resolve, BETWEEN_ATTEMPTS_MS));
        }
      }
    };
  }

  const createSession = method("CreateSession", wire.CreateSessionRequest, wire.CreateSessionResponse);
  const extendSession = method("ExtendSession", wire.ExtendSessionRequest, wire.ExtendSessionResponse);
  const runStep = method("RunStep", wire.RunStepRequest, wire.RunStepResponse);
  const partialRunSetup = method("PartialRunSetup", wire.PartialRunSetupRequest, wire.PartialRunSetupResponse);
  const makeCallable = method("MakeCallable", wire.MakeCallableRequest, wire.MakeCallableResponse);
  const runCallable = method("RunCallable", wire.RunCallableRequest, wire.RunCallableResponse);
  const releaseCallable = method("ReleaseCallable", wire.ReleaseCallableRequest, wire.ReleaseCallableResponse, false);
  const listDevices = method("ListDevices", wire.ListDevicesRequest, wire.ListDevicesResponse);
  // A server that is gone has no session to close: an error now, not when it comes back.
  const closeSession = method("CloseSession", wire.CloseSessionRequest, wire.CloseSessionResponse, false);
  const reset = method("Reset", wire.ResetRequest, wire.ResetResponse);

  return {
    async createSession(graphDef, config, signal) {
      return (await createSession({ graphDef, config, target }, { signal })).sessionHandle;
    },
    async extendSession(sessionHandle, graphDef, currentGraphVersion, signal) {
      return (await extendSession({ sessionHandle, graphDef, currentGraphVersion }, { signal })).newGraphVersion;
    },
    async runStep(sessionHandle, { feeds: feed, fetches: fetch, targets: target, options, partialRunHandle }, signal) {
      const message = { sessionHandle, feed, fetch, target, options: options ?? {}, partialRunHandle };
      const answer = await runStep({ ...message, storeErrorsInResponseBody: true, requestId: requestId() }, { signal });
      if (answer.statusCode !== 0) throw opErrorFromCode(answer.statusCode, answer.statusErrorMessage);
      const byName = new Map(answer.tensor.map(({ name, tensor }) => [name, tensor]));
      const values = fetch.map((name): TensorProto => {
        const value = byName.get(name);
        if (value === undefined) throw new InternalError(`The master gave no value for ${name}`);
        return value;
      });
      return { values, metadata: answer.metadata };
    },
    async partialRunSetup(sessionHandle, names, signal) {
      const request = { sessionHandle, ...wireNames(names), requestId: requestId() };
      return (await partialRunSetup(request, { signal })).partialRunHandle;
    },
    async makeCallable(sessionHandle, names, runOptions, signal) {
      const options = { ...wireNames(names), runOptions };
      return (await makeCallable({ sessionHandle, options, requestId: requestId() }, { signal })).handle;
    },
    async runCallable(sessionHandle, handle, feed, signal) {
      const answer = await runCallable({ sessionHandle, handle, feed, requestId: requestId() }, { signal });
      return { values: answer.fetch, metadata: answer.metadata };
    },
    async releaseCallable(sessionHandle, handle) {
      await releaseCallable({ sessionHandle, handle });
    },
    async listDevices(sessionHandle, signal) {
      const { localDevice, remoteDevice } = await listDevices({ sessionHandle }, { signal });
      return [...localDevice, ...remoteDevice];
    },
    async closeSession(sessionHandle) {
      await closeSession({ sessionHandle });
    },
    async reset(container, signal) {
      await reset({ container }, { signal });
    },
    close: () => channel.close(),
  };
}

const wireNames = ({ feeds, fetches, targets }: StepNames) => ({ feed: feeds, fetch: fetches, target: targets });
