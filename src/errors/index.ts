// TensorFlow's statuses as errors: one class per code, with TensorFlow's text. Everything that a peer or a client can
// cause is one of these. Codes are those of `tensorflow.error.Code`, the same numbers as gRPC's.

export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

const codeNames: readonly string[] = Object.keys(Code);

export interface OpErrorOptions {
  readonly cause?: unknown;
  /** The graph node, op, device and task that the error comes from, where known. */
  readonly node?: string;
  readonly op?: string;
  readonly device?: string;
  readonly task?: string;
  /** What travels beside the text: type URL → bytes (PROTOCOL: GrpcPayloadContainer). */
  readonly payloads?: ReadonlyMap<string, Uint8Array>;
}

/** Marks an error that is only the consequence of another one: it doesn't count when errors are combined. */
const DERIVED = "type.googleapis.com/tensorflow.DerivedStatus";
/** Tells a client that the task it talks to is not the one it knew. */
export const WORKER_POSSIBLY_RESTARTED = "type.googleapis.com/tensorflow.distributed_runtime.WorkerPossiblyRestarted";

const NO_PAYLOADS: ReadonlyMap<string, Uint8Array> = new Map();

/** Base of the sixteen classes (`tf.errors.OpError`). */
export class OpError extends Error {
  readonly node: string | undefined;
  readonly op: string | undefined;
  readonly device: string | undefined;
  readonly task: string | undefined;
  readonly payloads: ReadonlyMap<string, Uint8Array>;

  constructor(
    readonly code: number,
    message: string,
    readonly options: OpErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.node = options.node;
    this.op = options.op;
    this.device = options.device;
    this.task = options.task;
    this.payloads = options.payloads ?? NO_PAYLOADS;
  }

  /** `INVALID_ARGUMENT`, … */
  get codeName(): string {
    return codeNames[this.code] ?? `CODE_${this.code}`;
  }

  /** Whether this error is only the consequence of another one. */
  get derived(): boolean {
    return this.payloads.has(DERIVED);
  }

  /** The same error with another text. */
  withMessage(message: string): OpError {
    return opErrorFromCode(this.code, message, { ...this.options, cause: this.cause ?? this });
  }

  /** The same error, marked as a consequence. */
  asDerived(): OpError {
    if (this.derived) return this;
    const payloads = new Map(this.payloads).set(DERIVED, new Uint8Array(0));
    return opErrorFromCode(this.code, this.message, { ...this.options, payloads, cause: this });
  }
}

function classOf(code: number) {
  return class extends OpError {
    constructor(message: string, options?: OpErrorOptions) {
      super(code, message, options);
    }
  };
}

export class CancelledError extends classOf(Code.CANCELLED) {}
export class UnknownError extends classOf(Code.UNKNOWN) {}
export class InvalidArgumentError extends classOf(Code.INVALID_ARGUMENT) {}
export class DeadlineExceededError extends classOf(Code.DEADLINE_EXCEEDED) {}
export class NotFoundError extends classOf(Code.NOT_FOUND) {}
export class AlreadyExistsError extends classOf(Code.ALREADY_EXISTS) {}
export class PermissionDeniedError extends classOf(Code.PERMISSION_DENIED) {}
export class ResourceExhaustedError extends classOf(Code.RESOURCE_EXHAUSTED) {}
export class FailedPreconditionError extends classOf(Code.FAILED_PRECONDITION) {}
export class AbortedError extends classOf(Code.ABORTED) {}
export class OutOfRangeError extends classOf(Code.OUT_OF_RANGE) {}
export class UnimplementedError extends classOf(Code.UNIMPLEMENTED) {}
export class InternalError extends classOf(Code.INTERNAL) {}
export class UnavailableError extends classOf(Code.UNAVAILABLE) {}
export class DataLossError extends classOf(Code.DATA_LOSS) {}
export class UnauthenticatedError extends classOf(Code.UNAUTHENTICATED) {}

const classes = [
  CancelledError,
  UnknownError,
  InvalidArgumentError,
  DeadlineExceededError,
  NotFoundError,
  AlreadyExistsError,
  PermissionDeniedError,
  ResourceExhaustedError,
  FailedPreconditionError,
  AbortedError,
  OutOfRangeError,
  UnimplementedError,
  InternalError,
  UnavailableError,
  DataLossError,
  UnauthenticatedError,
];

/** The class for a code; an unknown code becomes UNKNOWN. */
export function opErrorFromCode(code: number, message: string, options?: OpErrorOptions): OpError {
  return new (classes[code - 1] ?? UnknownError)(message, options);
}

/** OpErrors pass; anything else that was thrown becomes INTERNAL with its cause. */
export function toOpError(thrown: unknown): OpError {
  if (thrown instanceof OpError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new InternalError(text, { cause: thrown });
}
