// One unary call of a service to another task: message out, message back, errors as OpErrors. It must not know what the
// messages say.
import { InternalError, type OpError } from "../errors/index.js";
import type { CallSettings, GrpcChannel } from "../transport/grpc-channel.js";
import type { Codec } from "../wire/core.js";
import type { StepSignal } from "../worker/worker-interface.js";
import { fromServiceError } from "./status.js";

export interface UnarySettings extends CallSettings {
  /** Ends the call with its reason. */
  readonly signal?: StepSignal | undefined;
}

const NOTHING: UnarySettings = {};

/** A road for calls to one task. */
export interface Calls {
  /** @returns ends the call: then it may stay without an answer */
  call(
    path: string,
    request: Uint8Array,
    settings: CallSettings,
    answered: (error: OpError | null, answer: Uint8Array | undefined) => void,
  ): () => void;
}

export const grpcCalls = (channel: GrpcChannel): Calls => ({
  call: (path, request, settings, answered) =>
    channel.call(path, request, settings, (error, answer) =>
      answered(error === null ? null : fromServiceError(error), answer),
    ),
});

export function unary<Q, R>(
  calls: Calls,
  path: string,
  encode: (message: Q) => Uint8Array,
  response: Codec<R>,
): (message: Q, settings?: UnarySettings) => Promise<R> {
  return (message, settings = NOTHING) =>
    new Promise((resolve, reject) => {
      const { signal } = settings;
      if (signal !== undefined && signal.reason !== null) {
        reject(signal.reason);
        return;
      }
      const stop = calls.call(path, encode(message), settings, (error, answer) => {
        signal?.remove(cancel);
        try {
          if (error !== null) reject(error);
          else resolve(response.decode(answer!));
        } catch (broken) {
          reject(new InternalError(`${path} gave an answer that can't be read`, { cause: broken }));
        }
      });
      const cancel = (reason: Error) => {
        stop();
        reject(reason);
      };
      signal?.add(cancel);
    });
}
