// What travels on a data connection between two tasks: requests for tensors by key, calls of methods, and their answers.
// Numbers are little-endian. Everything read here was written by a peer: it is checked, and a lie is a FrameError.
//
//   request   0      1
//   TENSOR    ├ kind ┼ step id: i64 ┼ key, UTF-8 ─┤                                no body
//   CALL      ├ kind ┼ method path, UTF-8 ─┤                                       body: the method's request
//   answer    0      1
//   TENSOR    ├ kind ┼ dead: u8 ┼ dtype: u16 ┼ rank: u8 ┼ dims: i64 each ─┤        body: the elements
//   MESSAGE   ├ kind ┤                                   body: a RecvTensorResponse, or the method's response
//   ERROR     ├ kind ┼ code: u8 ┼ payload bytes: u32 ┼ payloads ┼ text, UTF-8 ─┤  no body
import { type OpError, opErrorFromCode } from "../errors/index.js";
import { type DataType, dtypeSize, isKnownDtype } from "../tensor/dtype.js";
import { numElements, type Shape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { FrameError } from "../transport/frames.js";
import { GrpcPayloadContainer } from "../wire/core.js";

export const RequestKind = { TENSOR: 0, CALL: 1 } as const;
export const AnswerKind = { TENSOR: 0, MESSAGE: 1, ERROR: 2 } as const;

export interface TensorRequest {
  readonly stepId: bigint;
  readonly key: string;
}

export interface CallRequest {
  readonly path: string;
}

export interface TensorHead {
  readonly dead: boolean;
  readonly dtype: DataType;
  readonly shape: Shape;
  readonly bytes: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Room for text in a head, which has a bound. */
const MAX_TEXT = 64 * 1024;
const MAX_RANK = 254;
const KEY_AT = 9;
const TENSOR_PREFIX = 5;
const ERROR_PREFIX = 6;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function encodeTensorRequest({ stepId, key }: TensorRequest): Uint8Array {
  const bytes = new Uint8Array(KEY_AT + 3 * key.length);
  bytes[0] = RequestKind.TENSOR;
  viewOf(bytes).setBigInt64(1, stepId, true);
  const { written } = encoder.encodeInto(key, bytes.subarray(KEY_AT));
  return bytes.subarray(0, KEY_AT + written);
}

export function encodeCall({ path }: CallRequest): Uint8Array {
  const bytes = new Uint8Array(1 + 3 * path.length);
  bytes[0] = RequestKind.CALL;
  const { written } = encoder.encodeInto(path, bytes.subarray(1));
  return bytes.subarray(0, 1 + written);
}

export function decodeRequest(head: Uint8Array): TensorRequest | CallRequest {
  if (head[0] === RequestKind.CALL) return { path: decoder.decode(head.subarray(1)) };
  if (head[0] !== RequestKind.TENSOR || head.length < KEY_AT) throw new FrameError("a request for nothing");
  return { stepId: viewOf(head).getBigInt64(1, true), key: decoder.decode(head.subarray(KEY_AT)) };
}

export function encodeTensorHead({ dtype, shape }: Tensor, dead: boolean): Uint8Array {
  const bytes = new Uint8Array(TENSOR_PREFIX + 8 * shape.length);
  const view = viewOf(bytes);
  bytes[0] = AnswerKind.TENSOR;
  bytes[1] = dead ? 1 : 0;
  view.setUint16(2, dtype, true);
  bytes[4] = shape.length;
  for (let i = 0; i < shape.length; i++) view.setBigInt64(TENSOR_PREFIX + 8 * i, BigInt(shape[i]!), true);
  return bytes;
}

/** @param bodyBytes what the peer says will follow */
export function decodeTensorHead(head: Uint8Array, bodyBytes: number): TensorHead {
  const view = viewOf(head);
  const rank = head[4] ?? 255;
  if (rank > MAX_RANK || head.length !== TENSOR_PREFIX + 8 * rank) throw new FrameError("a tensor without a shape");
  const dtype = view.getUint16(2, true) as DataType;
  const shape = Array.from({ length: rank }, (_, i) => Number(view.getBigInt64(TENSOR_PREFIX + 8 * i, true)));
  const bytes = isKnownDtype(dtype) ? numElements(shape) * dtypeSize(dtype) : Number.NaN;
  const sound = dtypeSize(dtype) > 0 && shape.every((dim) => dim >= 0 && Number.isSafeInteger(dim));
  if (!sound || bytes !== bodyBytes) throw new FrameError("a tensor of another size than its body");
  return { dead: head[1] === 1, dtype, shape, bytes };
}

export const MESSAGE_HEAD = Uint8Array.of(AnswerKind.MESSAGE);

export function encodeError({ code, message, payloads }: OpError): Uint8Array {
  const container = payloads.size === 0 ? new Uint8Array(0) : GrpcPayloadContainer.encode({ payloads });
  const text = encoder.encode(message).subarray(0, MAX_TEXT);
  const bytes = new Uint8Array(ERROR_PREFIX + container.length + text.length);
  bytes[0] = AnswerKind.ERROR;
  bytes[1] = code;
  viewOf(bytes).setUint32(2, container.length, true);
  bytes.set(container, ERROR_PREFIX);
  bytes.set(text, ERROR_PREFIX + container.length);
  return bytes;
}

export function decodeError(head: Uint8Array): OpError {
  if (head.length < ERROR_PREFIX) throw new FrameError("an error without a code");
  const textAt = ERROR_PREFIX + viewOf(head).getUint32(2, true);
  if (textAt > head.length) throw new FrameError("an error of another length");
  const { payloads } = GrpcPayloadContainer.decode(head.slice(ERROR_PREFIX, textAt));
  return opErrorFromCode(head[1]!, decoder.decode(head.subarray(textAt)), { payloads });
}
