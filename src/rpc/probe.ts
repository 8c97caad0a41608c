// What a silent task is asked: a call that every task answers at once, ours and TensorFlow's, whoever its callers are.
import type { Probe } from "../transport/grpc-channel.js";
import type { KeepAlive } from "../transport/keep-alive.js";

export const probing = (keepAlive: KeepAlive): Probe => ({
  path: "/tensorflow.WorkerService/GetStatus",
  ...keepAlive,
});
