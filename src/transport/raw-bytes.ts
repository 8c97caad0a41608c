// Bytes as grpc-js takes and gives them: both ends of a call pass them through as they are.

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const identity = (bytes: Buffer): Buffer => bytes;
