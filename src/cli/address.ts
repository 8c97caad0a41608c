// A target as an operator writes it: `grpc://host:port`, or the address alone.

/** @throws Error with one line */
export function addressOf(target: string): string {
  const address = target.replace(/^grpc:\/\//, "");
  if (!/^.+:\d+$/.test(address)) throw new Error(`'${target}' is no target: grpc://host:port`);
  return address;
}
