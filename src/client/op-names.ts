// TensorFlow's names of ops, inputs and attributes as TypeScript writes them: `MatMul` → `matMul`, `FIFOQueueV2` →
// `fifoQueueV2`, `transpose_a` → `transposeA`, `Tout` → `tout`.

export const lowerCamel = (name: string): string =>
  name
    .replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    .replace(/^(?:[A-Z0-9]+(?=[A-Z][a-z]|$)|[A-Z])/, (start) => start.toLowerCase());

/** Ops of TensorFlow's own rewriting begin with an underscore; those of other projects have a namespace. */
export const isPublicOp = (name: string): boolean => /^[A-Z]\w*$/.test(name);
