// TensorFlow's check that a node's inputs and outputs are what the resource behind its handle holds.
import { InvalidArgumentError } from "../../errors/index.js";
import type { KernelNode } from "../../kernel/kernel.js";
import { type DataType, dtypeName } from "../../tensor/dtype.js";

const sameTypes = (a: readonly DataType[], b: readonly DataType[]): boolean =>
  a.length === b.length && a.every((dtype, i) => dtype === b[i]);

const listed = (types: readonly DataType[]): string => types.map(dtypeName).join(", ");

/** @throws InvalidArgumentError in TensorFlow's words */
export function matchSignature(node: KernelNode, inputs: readonly DataType[], outputs: readonly DataType[]): void {
  if (sameTypes(node.inputTypes, inputs) && sameTypes(node.outputTypes, outputs)) return;
  throw new InvalidArgumentError(
    `Signature mismatch, have: ${listed(node.inputTypes)}->${listed(node.outputTypes)} ` +
      `expected: ${listed(inputs)}->${listed(outputs)}`,
  );
}
