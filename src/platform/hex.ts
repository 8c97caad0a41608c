// Bytes as text of two hexadecimal digits each: runtimes have this under several names, or not at all.

export const hexText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
