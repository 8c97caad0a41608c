// Messages of the coordination service.
export * from "./generated/coordination.js";
