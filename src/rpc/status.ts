// Errors as gRPC statuses and back. Payloads travel as a GrpcPayloadContainer in `grpc-status-details-bin`.
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { InternalError, type OpError, opErrorFromCode, toOpError } from "../errors/index.js";
import type { RawStatus } from "../transport/grpc-listener.js";
import { GrpcPayloadContainer, WireError } from "../wire/core.js";

const DETAILS = "grpc-status-details-bin";
/** Statuses travel in headers: TensorFlow cuts their text at this many bytes. */
const MAX_TEXT = 3072;

/** What the caller of a method is told of its failure. */
export const toCalled = (error: unknown): OpError =>
  error instanceof WireError ? new InternalError("Unable to parse request") : toOpError(error);

export function toStatus(error: unknown): RawStatus {
  const failure = toCalled(error);
  const status = { code: failure.code, details: cut(failure.message) };
  if (failure.payloads.size === 0) return status;
  const metadata = new Metadata();
  const container = GrpcPayloadContainer.encode({ payloads: failure.payloads });
  metadata.set(DETAILS, Buffer.from(container.buffer, container.byteOffset, container.byteLength));
  return { ...status, metadata };
}

export function fromServiceError(error: ServiceError): OpError {
  const details = error.metadata?.get(DETAILS)[0];
  let payloads: ReadonlyMap<string, Uint8Array> | undefined;
  if (details instanceof Uint8Array) {
    try {
      payloads = GrpcPayloadContainer.decode(details).payloads;
    } catch {
      // Details that aren't ours are none of our business.
    }
  }
  return opErrorFromCode(
    error.code,
    error.details,
    payloads === undefined ? { cause: error } : { cause: error, payloads },
  );
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= MAX_TEXT ? text : `${bytes.subarray(0, MAX_TEXT).toString()} ... [truncated]`;
}
