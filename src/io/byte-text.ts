// Keys of tables are bytes. Here they are strings with a character a byte: they compare as their bytes do, and a Map
// finds them.

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export function byteText(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A key as people read it. */
export const readable = (key: string): string => decoder.decode(textBytes(key));

/** A name as a key. */
export const keyOf = (name: string): string => byteText(encoder.encode(name));
