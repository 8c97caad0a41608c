// What gRPC in C++ says of a socket that failed, for what Node says.

/** @param text of Node's error */
export function socketFailure(text: string): string {
  if (text.includes("ECONNRESET")) return "recvmsg:Connection reset by peer";
  if (text.includes("EPIPE")) return "sendmsg:Broken pipe";
  const ssl = /\berror:[0-9a-f]+:SSL routines:[^:]*:([^:\n]+)/i.exec(text);
  return ssl === null ? text : ssl[1]!.toLowerCase().replaceAll("_", " ");
}
