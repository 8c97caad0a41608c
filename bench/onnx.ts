// ONNX models of one node, encoded by hand: just enough protobuf for the bench to give onnxruntime the same work.
// Takes shapes and attributes; gives the bytes of a ModelProto. Must not know what runs it.

const encoder = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return bytes;
}

const int = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];

function bytes(field: number, content: ArrayLike<number>): number[] {
  return [...varint(field * 8 + 2), ...varint(content.length), ...Array.from(content)];
}

const text = (field: number, value: string): number[] => bytes(field, encoder.encode(value));

/** ValueInfoProto of a float tensor. */
function value(name: string, shape: readonly number[]): number[] {
  const dims = shape.flatMap((dim) => bytes(1, int(1, dim)));
  return [...text(1, name), ...bytes(2, bytes(1, [...int(1, 1), ...bytes(2, dims)]))];
}

/** AttributeProto: an integer or a list of them. */
function attribute(name: string, content: number | readonly number[]): number[] {
  const [type, body] =
    typeof content === "number" ? [2, int(3, content)] : [7, content.flatMap((item) => int(8, item))];
  return [...text(1, name), ...body, ...int(20, type)];
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly (readonly number[])[];
  readonly output: readonly number[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

/** A model whose inputs are called `0`, `1`, … and whose output is `y`. */
export function onnxModel({ op, inputs, output, attributes = {} }: OnnxNode): Uint8Array {
  const node = [
    ...inputs.flatMap((_, i) => text(1, `${i}`)),
    ...text(2, "y"),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([name, content]) => bytes(5, attribute(name, content))),
  ];
  const graph = [
    ...bytes(1, node),
    ...text(2, "bench"),
    ...inputs.flatMap((shape, i) => bytes(11, value(`${i}`, shape))),
    ...bytes(12, value("y", output)),
  ];
  const opset = [...text(1, ""), ...int(2, 13)];
  return Uint8Array.from([...int(1, 8), ...bytes(8, opset), ...bytes(7, graph)]);
}
