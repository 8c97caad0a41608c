// Messages of the master service.
export * from "./generated/master.js";
