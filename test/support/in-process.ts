// A task in this process whose master is called without a socket: requests go through the same decoding as those of
// the wire. Gives `runSteps` for recorded cases and `call` for raw requests.
import { toOpError } from "../../src/errors/index.js";
import { masterHandlers } from "../../src/rpc/master-service.js";
import { Engine } from "../../src/server/engine.js";
import { DataType } from "../../src/tensor/dtype.js";
import { ConfigProto, GraphDef, type TensorProto } from "../../src/wire/core.js";
import {
  CloseSessionRequest,
  CreateSessionRequest,
  CreateSessionResponse,
  ResetRequest,
  RunStepRequest,
  RunStepResponse,
} from "../../src/wire/master.js";
import { type CaseError, type CaseStep, type CaseTensor, splitStatusText } from "./op-cases.js";
import type { RunSteps, StepAnswer } from "./run-family.js";

/** A recorded step that blocks is a failure; the next case must still find a clean task. */
const DEADLINE_MS = 2_000;
/** Values as each op computes them: no folding, no rewriting. */
const META_OFF = { rewriteOptions: { disableMetaOptimizer: true }, optimizerOptions: { optLevel: -1 } };

export class InProcess implements AsyncDisposable {
  readonly #handlers;

  private constructor(readonly engine: Engine) {
    const { master, devices } = engine;
    const { allocator } = devices[0]!;
    this.#handlers = masterHandlers({ master, allocator, describe: (name) => `goo.gle/debugonly  ${name}` });
  }

  static async create(config: ConfigProto | null = null): Promise<InProcess> {
    return new InProcess(await Engine.open("/job:worker/replica:0/task:0", "worker", config, { log: () => {} }));
  }

  /** A call that is cancelled, as a client's deadline does, when it takes longer. */
  async call(method: string, request: Uint8Array, deadlineMs = DEADLINE_MS): Promise<Uint8Array> {
    const handler = this.#handlers.get(`/tensorflow.MasterService/${method}`);
    if (handler === undefined) throw new Error(`no method ${method}`);
    let cancel = () => {};
    const timer = setTimeout(() => cancel(), deadlineMs);
    try {
      return await handler(request, { onCancelled: (callback) => (cancel = callback) });
    } finally {
      clearTimeout(timer);
    }
  }

  readonly runSteps: RunSteps = async (graphDef, steps) => {
    let sessionHandle: string;
    try {
      const config = ConfigProto.decode(ConfigProto.encode({ graphOptions: META_OFF }));
      const created = await this.call(
        "CreateSession",
        CreateSessionRequest.encode({ graphDef: GraphDef.decode(graphDef), config }),
      );
      ({ sessionHandle } = CreateSessionResponse.decode(created));
    } catch (error) {
      const { code, message } = toOpError(error);
      return { createError: { code, ...splitStatusText(message) } };
    }
    const answers: StepAnswer[] = [];
    for (const step of steps) answers.push(await this.#runStep(sessionHandle, step));
    await this.call("CloseSession", CloseSessionRequest.encode({ sessionHandle }));
    await this.call("Reset", ResetRequest.encode({}));
    await this.call("Reset", ResetRequest.encode({ container: ["other"] }));
    return { answers };
  };

  async #runStep(sessionHandle: string, step: CaseStep): Promise<StepAnswer> {
    const request = RunStepRequest.encode({
      sessionHandle,
      feed: step.feeds.map(({ name, tensor }) => ({ name, tensor: toProto(tensor) })),
      fetch: step.fetches,
      target: step.targets,
      options: {},
      storeErrorsInResponseBody: true,
    });
    const response = RunStepResponse.decode(await this.call("RunStep", request));
    if (response.statusCode !== 0) {
      const error: CaseError = { code: response.statusCode, ...splitStatusText(response.statusErrorMessage) };
      return { error };
    }
    const byName = new Map(response.tensor.map(({ name, tensor }) => [name, tensor]));
    return {
      tensors: step.fetches.map((name) => {
        const tensor = byName.get(name);
        if (tensor === undefined) throw new Error(`the answer has no ${name}`);
        return fromProto(tensor);
      }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.close();
  }
}

const toProto = ({ dtype, shape, bytes, strings }: CaseTensor): Partial<TensorProto> => ({
  dtype,
  tensorShape: { dim: shape.map((size) => ({ size: BigInt(size), name: "" })), unknownRank: false },
  ...(strings === null ? { tensorContent: bytes } : { stringVal: [...strings] }),
});

export function fromProto(proto: TensorProto): CaseTensor {
  const shape = proto.tensorShape?.dim.map(({ size }) => Number(size)) ?? [];
  const content = proto.tensorContent ?? new Uint8Array(0);
  // A copy: what the wire gives is a view at any alignment.
  if (proto.dtype !== DataType.STRING) {
    return { dtype: proto.dtype, shape, bytes: Uint8Array.from(content), strings: null };
  }
  const size = shape.reduce((product, dim) => product * dim, 1);
  const strings = content.length === 0 ? [...(proto.stringVal ?? [])] : unpackStrings(content, size);
  return { dtype: proto.dtype, shape, bytes: new Uint8Array(0), strings };
}

/** All lengths as varints, then all bytes. */
function unpackStrings(content: Uint8Array, count: number): Uint8Array[] {
  let at = 0;
  const lengths: number[] = [];
  for (let i = 0; i < count; i++) {
    let length = 0;
    let shift = 1;
    let byte: number;
    do {
      byte = content[at++]!;
      length += (byte & 127) * shift;
      shift *= 128;
    } while (byte > 127);
    lengths.push(length);
  }
  return lengths.map((length) => content.subarray(at, (at += length)));
}
