// Messages of the worker service.
export * from "./generated/worker.js";
