// Messages of the eager service.
export * from "./generated/eager.js";
