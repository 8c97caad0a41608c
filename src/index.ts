// tensorfleet: TensorFlow's distributed runtime for every place JavaScript runs.

export { gradients } from "./client/gradients/index.js";
export { Graph, Operation, type OpOptions, Output } from "./client/graph.js";
export { AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer } from "./client/optimizers.js";
export {
  type Feeds,
  type Fetch,
  type Fetched,
  type RunSettings,
  Session,
  type SessionHost,
  type SessionOptions,
} from "./client/session.js";
export { type Feedable, type TensorValue, toTensorValue } from "./client/values.js";
export { globalVariablesInitializer, Variable, type VariableOptions } from "./client/variable.js";
export { type ClusterLike, ClusterSpec, type JobTasks } from "./cluster/cluster-spec.js";
export type { Device, DeviceAttributes } from "./device/device.js";
export { type DeviceContext, type DeviceFactory, DeviceRegistry } from "./device/registry.js";
export * from "./errors/index.js";
export { type Compute, DONE, type Kernel, type KernelNode, type KernelStep, kernel, PENDING } from "./kernel/kernel.js";
export { Server, type ServerOptions, type StopOptions } from "./server/server.js";
export { DataType, dtypeName } from "./tensor/dtype.js";
export { ConfigProto, GraphDef, RunMetadata, RunOptions, ServerDef } from "./wire/core.js";
