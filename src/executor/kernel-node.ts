// A graph node as its kernel sees it while it is prepared: typed attributes, argument ranges, functions, constants.
// Owns the constants that the kernel keeps, until the kernel is closed.
import type { Device } from "../device/device.js";
import { InternalError, NotFoundError } from "../errors/index.js";
import * as attrs from "../graph/attr.js";
import type { Node } from "../graph/graph.js";
import type { ArgDef } from "../graph/op-def.js";
import type { Compute, FunctionHandle, Kernel, KernelNode } from "../kernel/kernel.js";
import { type DataType, dtypeSize } from "../tensor/dtype.js";
import { tensorFromProto } from "../tensor/proto.js";
import type { Shape } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { type AttrValue, TensorProto } from "../wire/core.js";
import type { FunctionRuntime } from "./functions.js";

export type FunctionLookup = Pick<FunctionRuntime, "handle">;

export class NodeKernel implements KernelNode {
  readonly op: string;
  readonly inputTypes: readonly DataType[];
  readonly outputTypes: readonly DataType[];
  readonly compute: Compute;
  readonly #node: Node;
  readonly #functions: FunctionLookup;
  readonly #owned: Tensor[] = [];
  readonly #closers: (() => void)[] = [];
  /** Whether it knows names that are its node's alone, and whether it serves others. */
  #personal = false;
  #shared = false;

  constructor(
    node: Node,
    kernel: Kernel,
    readonly device: Device,
    functions: FunctionLookup,
  ) {
    this.op = node.op.name;
    this.inputTypes = node.inputTypes;
    this.outputTypes = node.outputTypes;
    this.#node = node;
    this.#functions = functions;
    try {
      this.compute = kernel.prepare(this);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const tensor of this.#owned) tensor.release();
    this.#owned.length = 0;
    for (const release of this.#closers.splice(0)) release();
  }

  onClose(release: () => void): void {
    this.#closers.push(release);
  }

  /** Whether it does for another node what a kernel prepared for that node would do. */
  serves(node: Node): boolean {
    if (this.#personal || !attrs.sameScalarAttrs(this.#node, node)) return false;
    this.#shared = true;
    return true;
  }

  get name(): string {
    this.#becomePersonal();
    return this.#node.name;
  }

  inputName(index: number): string {
    this.#becomePersonal();
    const { node, index: output } = this.#node.inputs[index]!;
    return output === 0 ? node.name : `${node.name}:${output}`;
  }

  inputRange(argument: string): readonly [number, number] {
    return this.#range(this.#node.op.inputs, argument);
  }

  outputRange(argument: string): readonly [number, number] {
    return this.#range(this.#node.op.outputs, argument);
  }

  has(attr: string): boolean {
    return this.#node.attrs.has(attr);
  }

  attr(name: string): AttrValue {
    const value = this.#node.attrs.get(name);
    if (value === undefined) throw new NotFoundError(`No attr named '${name}' in NodeDef:`);
    return value;
  }

  int = (name: string): number => attrs.intAttr(this.#node, name);
  bigint = (name: string): bigint => attrs.bigintAttr(this.#node, name);
  float = (name: string): number => attrs.floatAttr(this.#node, name);
  bool = (name: string): boolean => attrs.boolAttr(this.#node, name);
  string = (name: string): string => attrs.stringAttr(this.#node, name);
  bytes = (name: string): Uint8Array => attrs.bytesAttr(this.#node, name);
  type = (name: string): DataType => attrs.typeAttr(this.#node, name);
  shape = (name: string): Shape | null => attrs.shapeAttr(this.#node, name);
  ints = (name: string): number[] => attrs.intsAttr(this.#node, name);
  floats = (name: string): number[] => attrs.floatsAttr(this.#node, name);
  strings = (name: string): string[] => attrs.stringsAttr(this.#node, name);
  types = (name: string): DataType[] => attrs.typesAttr(this.#node, name);
  shapes = (name: string): (Shape | null)[] => attrs.shapesAttr(this.#node, name);

  func(name: string): FunctionHandle {
    const { name: callee, attr: bound } = attrs.funcAttr(this.#node, name);
    return this.#functions.handle(callee, bound);
  }

  funcs(name: string): FunctionHandle[] {
    return attrs.funcsAttr(this.#node, name).map((f) => this.#functions.handle(f.name, f.attr));
  }

  tensor(name: string): Tensor {
    const tensor = tensorFromProto(attrs.tensorAttr(this.#node, name), this.device.allocator);
    this.#owned.push(tensor);
    return tensor;
  }

  tensorOf(dtype: DataType, value: number): Tensor {
    const proto = TensorProto.create();
    proto.dtype = dtype;
    if (value !== 0) {
      proto.floatVal = Float32Array.of(value);
      proto.doubleVal = Float64Array.of(value);
      proto.intVal = Int32Array.of(value);
      proto.int64Val = BigInt64Array.of(BigInt(value));
      proto.uint32Val = Uint32Array.of(value);
      proto.uint64Val = BigUint64Array.of(BigInt(value));
      proto.boolVal = Uint8Array.of(value);
      proto.halfVal = Int32Array.of(dtype === 14 ? 0x3f80 : 0x3c00);
      proto.scomplexVal = Float32Array.of(value, 0);
      proto.dcomplexVal = Float64Array.of(value, 0);
    }
    const tensor =
      dtypeSize(dtype) === 0 ? Tensor.ofValues(dtype, [], []) : tensorFromProto(proto, this.device.allocator);
    this.#owned.push(tensor);
    return tensor;
  }

  #becomePersonal(): void {
    if (this.#shared) throw new InternalError(`A kernel of ${this.op} asks for names while it runs`);
    this.#personal = true;
  }

  #range(args: readonly ArgDef[], argument: string): readonly [number, number] {
    let start = 0;
    for (const arg of args) {
      const count = this.#count(arg);
      if (arg.name === argument) return [start, count];
      start += count;
    }
    throw new NotFoundError(`${this.op} has no argument '${argument}'`);
  }

  #count(arg: ArgDef): number {
    if (arg.numberAttr !== "") return this.int(arg.numberAttr);
    if (arg.typeListAttr !== "") return this.types(arg.typeListAttr).length;
    return 1;
  }
}
