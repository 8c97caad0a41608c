// What a command says that can't do what it is asked for: one line on standard error, and the exit code 2.

export function refuse(command: string, error: unknown): 2 {
  process.stderr.write(`tensorfleet ${command}: ${oneLine(error as Error)}\n`);
  return 2;
}

/** With the reason behind it where TensorFlow's text has none. */
function oneLine({ message, cause }: Error): string {
  const text =
    message === "Could not start gRPC server" && cause instanceof Error ? `${message}: ${cause.message}` : message;
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}
