// What may be given as an input of an op, and how it becomes outputs of the graph: variables are read, plain values
// become constants of the dtype that the op, its other inputs or TensorFlow's own guess say.
import { InvalidArgumentError } from "../errors/index.js";
import type { ArgDef, OpDef } from "../graph/op-def.js";
import { DataType, dtypeName, isRef } from "../tensor/dtype.js";
import { Output } from "./output.js";
import { type Feedable, isFloating, toTensorValue } from "./values.js";

/** Something that stands for a value, and for a resource as well if it is one: a variable. */
export abstract class Readable {
  abstract readonly value: Output;
  readonly handle?: Output;
}

/** Tensors in nested arrays are packed, as TensorFlow does. */
type NestedInput = Output | Readable | Feedable | readonly NestedInput[];
export type Input = NestedInput;
export type Inputs = readonly Input[];

/** Makes what an input needs beside the op itself. */
export interface InputMaker {
  constant(value: Feedable, dtype: DataType, name: string): Output;
  pack(parts: readonly Output[], name: string): Output;
}

export const isReadable = (input: unknown): input is Readable => input instanceof Readable;

/** Python's names of dtypes, which its texts have. */
export const pythonName = (dtype: DataType): string =>
  ({ float: "float32", double: "float64", half: "float16" })[dtypeName(dtype)] ?? dtypeName(dtype);

const fails = (text: string): never => {
  throw new InvalidArgumentError(text);
};

/**
 * The inputs as outputs, argument by argument.
 * @param types type attributes that are known; those that the inputs tell are added
 * @throws InvalidArgumentError with the text of Python's TypeError for an input of another dtype
 */
export function convertInputs(
  op: OpDef,
  inputs: readonly (Input | Inputs)[],
  types: Map<string, DataType>,
  make: InputMaker,
): Output[][] {
  const lists = op.inputs.map((arg, i) => listOf(op, arg, inputs[i]));
  // What is a tensor already decides for what is none, wherever it stands.
  op.inputs.forEach(({ typeAttr }, i) => {
    if (typeAttr === "" || types.has(typeAttr)) return;
    for (const input of lists[i]!) {
      const found = dtypeOf(input);
      if (found !== undefined && !types.has(typeAttr)) types.set(typeAttr, found);
    }
  });
  return op.inputs.map((arg, i) => {
    const outputs = lists[i]!.map((input, j) => {
      const wanted = arg.typeListAttr !== "" ? undefined : arg.typeAttr === "" ? arg.type : types.get(arg.typeAttr);
      const name = arg.numberAttr === "" && arg.typeListAttr === "" ? arg.name : `${arg.name}_${j}`;
      const output = toOutput(input, wanted, preferredOf(op, arg), name, make);
      if (arg.typeAttr !== "" && wanted === undefined) types.set(arg.typeAttr, output.dtype);
      return output;
    });
    check(op, arg, outputs, types);
    return outputs;
  });
}

function listOf(op: OpDef, arg: ArgDef, input: Input | Inputs | undefined): Inputs {
  if (input === undefined) return fails(`${op.name} needs an input '${arg.name}'`);
  if (arg.numberAttr === "" && arg.typeListAttr === "") return [input as Input];
  return Array.isArray(input)
    ? input
    : fails(`Expected list for '${arg.name}' argument to '${op.name}' Op, not a single value.`);
}

/** The dtype of a tensor, and of the first in an array of them. */
function dtypeOf(input: Input): DataType | undefined {
  if (input instanceof Output) return input.dtype;
  if (isReadable(input)) return input.value.dtype;
  if (!Array.isArray(input)) return undefined;
  for (const part of input as Inputs) {
    const found = dtypeOf(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The default of a type attribute counts where a plain value can be had in it; an empty one that is no float is a shape. */
function preferredOf(op: OpDef, arg: ArgDef): DataType | undefined {
  const attr = arg.typeAttr === "" ? undefined : op.attrs.find(({ name }) => name === arg.typeAttr);
  if (attr === undefined || attr.defaultValue !== null) return attr?.defaultValue?.type;
  const allowed = (attr.allowed ?? []) as readonly DataType[];
  return allowed.includes(DataType.FLOAT) ? undefined : allowed[0];
}

function toOutput(
  input: Input,
  wanted: DataType | undefined,
  preferred: DataType | undefined,
  name: string,
  make: InputMaker,
): Output {
  if (input instanceof Output) return input;
  if (isReadable(input)) return (wanted === DataType.RESOURCE && input.handle) || input.value;
  if (Array.isArray(input) && dtypeOf(input) !== undefined) {
    const dtype = wanted ?? dtypeOf(input);
    const parts = (input as Inputs).map((part, i) => toOutput(part, dtype, undefined, `${name}/${i}`, make));
    return make.pack(parts, `${name}/packed`);
  }
  const value = toTensorValue(input as Feedable, wanted);
  const isPlain = typeof input !== "object" || Array.isArray(input);
  const fits = value.data.length === 0 || (value.dtype === DataType.INT32 && isFloating(preferred ?? 0));
  const dtype = wanted === undefined && preferred !== undefined && isPlain && fits ? preferred : value.dtype;
  return make.constant(input as Feedable, dtype, name);
}

function check(op: OpDef, arg: ArgDef, outputs: readonly Output[], types: ReadonlyMap<string, DataType>): void {
  if (arg.typeListAttr !== "") return;
  const expected = arg.typeAttr === "" ? arg.type : types.get(arg.typeAttr);
  if (expected === undefined) return;
  for (const output of outputs) {
    if (arg.isRef && !isRef(output.node.outputTypes[output.index]!)) {
      fails(`'${op.name}' Op requires that input '${arg.name}' be a mutable tensor (e.g.: a tf.Variable)`);
    }
    if (output.dtype === expected) continue;
    if (outputs.length > 1) {
      const found = outputs.map(({ dtype }) => pythonName(dtype)).join(", ");
      fails(`Tensors in list passed to '${arg.name}' of '${op.name}' Op have types [${found}] that don't all match.`);
    }
    const text = `Input '${arg.name}' of '${op.name}' Op has type ${pythonName(output.dtype)} that does not match`;
    const first = op.inputs.find((other) => arg.typeAttr !== "" && other.typeAttr === arg.typeAttr);
    if (first === undefined || first === arg) fails(`${text} expected type of ${pythonName(expected)}.`);
    else fails(`${text} type ${pythonName(expected)} of argument '${first.name}'.`);
  }
}

/** Attributes that the inputs tell: their dtypes, and how many there are. */
export function inferredAttrs(
  op: OpDef,
  outputs: readonly (readonly Output[])[],
  types: ReadonlyMap<string, DataType>,
  set: (name: string, value: number | readonly DataType[]) => void,
): void {
  op.inputs.forEach((arg, i) => {
    const list = outputs[i]!;
    if (arg.numberAttr !== "") set(arg.numberAttr, list.length);
    if (arg.typeAttr !== "" && types.has(arg.typeAttr)) set(arg.typeAttr, types.get(arg.typeAttr)!);
    if (arg.typeListAttr !== "")
      set(
        arg.typeListAttr,
        list.map(({ dtype }) => dtype),
      );
  });
}
