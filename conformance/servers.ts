// One side of conformance/programs/server.py: makes a Server of each case, as Python does with TensorFlow's, and prints
// what came of it. A case is a line of JSON on standard input: `{source, options}`, where `{"message": base64}` stands for
// a ServerDef or a ConfigProto.
import { createInterface } from "node:readline";
import { OpError, Server } from "../src/index.js";
import { ConfigProto, ServerDef } from "../src/wire/core.js";

interface Case {
  readonly source: unknown;
  readonly options: Record<string, unknown>;
}

/** What Python passed, hence of any type. */
function decoded(value: unknown, codec: { decode(bytes: Uint8Array): object }): never {
  const text = (value as { message?: unknown } | null | undefined)?.message;
  return (typeof text === "string" ? codec.decode(Buffer.from(text, "base64")) : value) as never;
}

async function outcome({ source, options }: Case): Promise<unknown> {
  const { config, ...others } = options;
  const settings = config === undefined ? others : { ...others, config: decoded(config, ConfigProto) };
  try {
    await using server = await Server.create(decoded(source, ServerDef), { ...settings, log: () => {} });
    server.start();
    server.start();
    const serverDef = Buffer.from(ServerDef.encode(server.serverDef)).toString("base64");
    return { target: server.target, serverDef };
  } catch (error) {
    const { name, message } = error as Error;
    return { name, message, code: error instanceof OpError ? error.code : null };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await outcome(JSON.parse(line) as Case)));
}
