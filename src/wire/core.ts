// Messages that everything needs: graphs, tensors, devices, configuration, run options, clusters.
// Each message is an interface and, under the same name, its codec: `GraphDef.decode(bytes)`, `GraphDef.encode(init)`.

export { type Codec, type Init, WireError } from "./codec.js";
export * from "./generated/core.js";
export { TensorProto } from "./tensor-proto.js";
