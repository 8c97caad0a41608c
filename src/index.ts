// tensorfleet: TensorFlow's distributed runtime for every place JavaScript runs.

export type { AttrInput, FunctionAttr, PartialShape } from "./client/attributes.js";
export type { Callable } from "./client/callable.js";
export { CheckpointReader, type CheckpointVariable } from "./client/checkpoint-reader.js";
export { getCheckpointState, latestCheckpoint, type StateOptions } from "./client/checkpoint-state.js";
export { type BranchResult, type CondResult, cond } from "./client/control-flow/cond.js";
export type { LoopOptions } from "./client/control-flow/while-context.js";
export { type LoopFunction, type WhileLoopOptions, whileLoop } from "./client/control-flow/while-loop.js";
export { type EmbeddingOptions, embeddingLookup } from "./client/embedding.js";
export type { FeedKey, Feeds, Fetch, Fetched } from "./client/fetches.js";
export { FileWriter, type FileWriterOptions } from "./client/file-writer.js";
export type { FunctionBuilder, GraphFunction } from "./client/functions.js";
export { type GradientOptions, gradients } from "./client/gradients/index.js";
export { type Gradient, IndexedSlices } from "./client/gradients/indexed-slices.js";
export { Graph } from "./client/graph.js";
export type { ImportOptions } from "./client/import-graph-def.js";
export * as initializers from "./client/initializers.js";
export type { Input, Inputs } from "./client/inputs.js";
export {
  FeedFnHook,
  FinalOpsHook,
  GlobalStepWaiterHook,
  LoggingTensorHook,
  type LoggingTensorOptions,
  NanLossDuringTrainingError,
  NanTensorHook,
  StepCounterHook,
  type StepCounterOptions,
  StopAtStepHook,
  type StopAtStepOptions,
} from "./client/monitored/basic-hooks.js";
export {
  CheckpointSaverHook,
  type CheckpointSaverListener,
  type CheckpointSaverOptions,
} from "./client/monitored/checkpoint-saver-hook.js";
export { addQueueRunner, Coordinator, QueueRunner, startQueueRunners } from "./client/monitored/coordinator.js";
export type {
  SessionRunArgs,
  SessionRunContext,
  SessionRunHook,
  SessionRunValues,
} from "./client/monitored/hooks.js";
export {
  MonitoredSession,
  type MonitoredSessionOptions,
  monitoredTrainingSession,
} from "./client/monitored/monitored-session.js";
export { ProfilerHook, type ProfilerOptions } from "./client/monitored/profiler-hook.js";
export type { ScaffoldOptions } from "./client/monitored/scaffold.js";
export { SummarySaverHook, type SummarySaverOptions } from "./client/monitored/summary-saver-hook.js";
export type { Ops } from "./client/ops.generated.js";
export {
  type ApplyOptions,
  type ComputeOptions,
  type GradientAndVariable,
  getOrCreateGlobalStep,
  type Hyper,
  Optimizer,
} from "./client/optimizer.js";
export {
  AdadeltaOptimizer,
  type AdadeltaOptions,
  AdagradOptimizer,
  type AdagradOptions,
  AdamOptimizer,
  type AdamOptions,
  FtrlOptimizer,
  type FtrlOptions,
  GradientDescentOptimizer,
  MomentumOptimizer,
  type MomentumOptions,
  ProximalAdagradOptimizer,
  ProximalGradientDescentOptimizer,
  type RegularizationOptions,
  RMSPropOptimizer,
  type RMSPropOptions,
} from "./client/optimizers.js";
export { Operation, type OpOptions, Output } from "./client/output.js";
export { type PartitionedOptions, PartitionedVariable } from "./client/partitioned-variable.js";
export {
  fixedSizePartitioner,
  type MinMaxOptions,
  minMaxVariablePartitioner,
  type Partitioner,
  type SizeOptions,
  variableAxisSizePartitioner,
} from "./client/partitioners.js";
export { type ReplicaDeviceOptions, replicaDeviceSetter } from "./client/replica-device.js";
export { type SaveOptions, Saver, type SaverOptions } from "./client/saver.js";
export type { DeviceFunction } from "./client/scopes.js";
export {
  type CallSettings,
  type RunSettings,
  Session,
  type SessionHost,
  type SessionOptions,
} from "./client/session.js";
export * as summary from "./client/summary.js";
export { type SyncOps, SyncReplicasOptimizer, type SyncReplicasOptions } from "./client/sync-replicas.js";
export { reportUninitializedVariables } from "./client/uninitialized.js";
export { type Feedable, type NumericArray, type TensorValue, toTensorValue } from "./client/values.js";
export {
  GraphKeys,
  globalVariables,
  globalVariablesInitializer,
  localVariables,
  localVariablesInitializer,
  type SaveSliceInfo,
  trainableVariables,
  Variable,
  type VariableOptions,
} from "./client/variable.js";
export { type ClusterLike, ClusterSpec, type JobTasks } from "./cluster/cluster-spec.js";
export { parseTfConfig, type TfConfig } from "./cluster/tf-config.js";
export type { Device, DeviceAttributes } from "./device/device.js";
export { type DeviceContext, type DeviceFactory, DeviceRegistry } from "./device/registry.js";
export * from "./errors/index.js";
export { type Compute, DONE, type Kernel, type KernelNode, type KernelStep, kernel, PENDING } from "./kernel/kernel.js";
export type { DeviceInfo } from "./master/client.js";
export { chromeTrace } from "./observe/chrome-trace.js";
export type { TaskReport } from "./observe/report.js";
export { Server, type ServerOptions, type ServerTls, type StopOptions } from "./server/server.js";
export { DataType, dtypeName } from "./tensor/dtype.js";
export type { Shape } from "./tensor/shape.js";
export type { TlsOptions } from "./transport/tls.js";
export { ConfigProto, GraphDef, RunMetadata, RunOptions, ServerDef } from "./wire/core.js";
