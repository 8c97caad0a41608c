// What a server needs of gRPC, in one module that is loaded when the first server is made.
export { connectWith } from "../rpc/connect.js";
export { masterHandlers } from "../rpc/master-service.js";
export { toStatus } from "../rpc/status.js";
export { workerHandlers } from "../rpc/worker-service.js";
export { Channels } from "../transport/grpc-channel.js";
export { GrpcListener } from "../transport/grpc-listener.js";
