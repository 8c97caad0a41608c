// The value of `--config`: a ConfigProto as JSON, as several commands take it.
import type { ConfigProto } from "../wire/core.js";

export async function parseConfig(text: string): Promise<ConfigProto> {
  const { messageFromJson } = await import("../wire/json-format.js");
  return messageFromJson("ConfigProto", parseJson("--config", text));
}

export function parseJson(flag: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${flag} is no JSON: ${(error as Error).message}`);
  }
}
