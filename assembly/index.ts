// Every export of the kernel module. One line per file of kernels.
export { heap_base } from "./layout";
export * from "./kernels/matmul";
export * from "./kernels/conv2d";
export * from "./kernels/conv2d-backprop";
export * from "./kernels/depthwise";
export * from "./kernels/pool";
export * from "./kernels/softmax";
export * from "./kernels/transpose";
export * from "./kernels/compare";
export * from "./kernels/binary";
export * from "./kernels/unary-f32";
export * from "./kernels/unary";
export * from "./kernels/reduce";
export * from "./kernels/strided";
export * from "./kernels/cast";
export * from "./kernels/random";
export * from "./kernels/update";
export * from "./kernels/segment";
