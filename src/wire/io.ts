// Messages of files: checkpoints, event files, SavedModel, examples.
export * from "./generated/bundle.js";
export * from "./generated/event.js";
export * from "./generated/example.js";
export * from "./generated/saved-model.js";
