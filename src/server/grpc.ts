// What a server needs of gRPC, in one module that is loaded when the first server is made.
export { Connections } from "../rpc/connect.js";
export { DataService } from "../rpc/data-service.js";
export { masterHandlers } from "../rpc/master-service.js";
export { toStatus } from "../rpc/status.js";
export { taskHandlers } from "../rpc/task-service.js";
export { workerHandlers } from "../rpc/worker-service.js";
export { GrpcListener } from "../transport/grpc-listener.js";
export { KEEP_ALIVE } from "../transport/keep-alive.js";
export { checkedTls } from "../transport/tls.js";
