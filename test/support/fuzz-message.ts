// Spoils requests: bytes anywhere, and graphs where it hurts (ops, inputs, attributes, types, shapes, devices,
// functions). What comes out may be valid, may be refused; both are fine.
import {
  AttrValue,
  type FunctionDef,
  type GraphDef,
  type NodeDef,
  NodeDef as NodeDefCodec,
} from "../../src/wire/core.js";
import { chance, type Draw, pick, whole } from "./fuzz.js";

/** Flips, cuts, repeats and inserts a few bytes. */
export function spoilBytes(draw: Draw, bytes: Uint8Array): Uint8Array {
  let spoilt = Uint8Array.from(bytes);
  for (let times = whole(draw, 1, 3); times > 0; times--) {
    const at = whole(draw, 0, Math.max(0, spoilt.length - 1));
    const length = whole(draw, 1, 16);
    switch (whole(draw, 0, 4)) {
      case 0:
        if (spoilt.length > 0) spoilt[at]! ^= 1 << whole(draw, 0, 7);
        break;
      case 1:
        if (spoilt.length > 0) spoilt[at] = pick(draw, [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12]);
        break;
      case 2:
        spoilt = spoilt.slice(0, at);
        break;
      case 3:
        spoilt = Uint8Array.from([...spoilt.subarray(0, at), ...spoilt.subarray(at + length)]);
        break;
      default:
        spoilt = Uint8Array.from([...spoilt.subarray(0, at + length), ...spoilt.subarray(at)]);
    }
  }
  return spoilt;
}

const OPS = [
  ..."Add Const Identity MatMul NoOp Placeholder Reshape Shape Sum Switch Merge Enter Exit NextIteration LoopCond".split(
    " ",
  ),
  ..."While StatelessIf PartitionedCall _Send _Recv _Arg _Retval VarHandleOp VariableV2 FIFOQueueV2 IdentityN".split(
    " ",
  ),
  ..."Concat Split Pack Unpack Cast Fill Tile Assert Case SymbolicGradient RefSwitch ControlTrigger Abort".split(" "),
];
const DEVICES = ["", "/cpu:0", "/gpu:0", "/job:worker/task:7", "/job:", "\u0000", "/device:CPU:999999999999"];
const HUGE = [0n, 1n, -1n, 2n ** 31n, 2n ** 40n, 2n ** 62n, -(2n ** 63n)];

/** A graph with some of its nodes and functions spoilt; the one given stays as it is. */
export function spoilGraph(draw: Draw, graph: GraphDef): GraphDef {
  const node = graph.node.map(copyNode);
  const functions = (graph.library?.function ?? []).map(
    (f): FunctionDef => ({
      ...f,
      nodeDef: f.nodeDef.map(copyNode),
      ret: new Map(f.ret),
    }),
  );
  for (let times = whole(draw, 1, 4); times > 0; times--) {
    const body = functions.length > 0 && chance(draw, 35) ? pick(draw, functions) : null;
    const nodes = body === null ? node : body.nodeDef;
    if (nodes.length === 0) continue;
    if (body !== null && chance(draw, 15)) for (const [name] of body.ret) body.ret.set(name, pick(draw, nodes).name);
    if (chance(draw, 10)) nodes.splice(whole(draw, 0, nodes.length - 1), 1);
    else if (chance(draw, 6)) nodes.push(copyNode(pick(draw, nodes)));
    else spoilNode(draw, pick(draw, nodes), nodes);
  }
  const library = graph.library === undefined ? undefined : { ...graph.library, function: functions };
  return { ...graph, node, library };
}

const copyNode = (node: NodeDef): NodeDef => ({
  ...NodeDefCodec.decode(NodeDefCodec.encode(node)),
});

function spoilNode(draw: Draw, node: NodeDef, nodes: readonly NodeDef[]): void {
  const other = pick(draw, nodes);
  switch (whole(draw, 0, 6)) {
    case 0:
      node.op = chance(draw, 60) ? pick(draw, OPS) : other.op;
      break;
    case 1: {
      const text = pick(draw, [
        other.name,
        `${other.name}:1`,
        `^${other.name}`,
        `${other.name}:99999999999`,
        "",
        "a b",
      ]);
      if (node.input.length > 0 && chance(draw, 70)) node.input[whole(draw, 0, node.input.length - 1)] = text;
      else node.input.push(text);
      break;
    }
    case 2:
      node.input.splice(whole(draw, 0, Math.max(0, node.input.length - 1)), 1);
      break;
    case 3:
      node.device = pick(draw, DEVICES);
      break;
    case 4:
      node.name = pick(draw, [other.name, "", "_x", "a/../b", "x".repeat(300)]);
      break;
    default:
      spoilAttr(draw, node, other);
  }
}

function spoilAttr(draw: Draw, node: NodeDef, other: NodeDef): void {
  const names = [...node.attr.keys()];
  if (names.length === 0) return;
  const name = pick(draw, names);
  const value = node.attr.get(name)!;
  const set = (field: Partial<AttrValue>) => node.attr.set(name, Object.assign(AttrValue.create(), field));
  switch (whole(draw, 0, 5)) {
    case 0:
      node.attr.delete(name);
      break;
    case 1:
      set({ type: pick(draw, [0, 1, 2, 3, 7, 9, 10, 20, 21, 33, 99, 101, 109, -1]) });
      break;
    case 2:
      set({ i: pick(draw, HUGE) });
      break;
    case 3:
      set({
        shape: { dim: [1, 2, 3].map(() => ({ size: pick(draw, HUGE), name: "" })), unknownRank: chance(draw, 30) },
      });
      break;
    case 4: {
      const [from] = other.attr.values();
      if (from !== undefined) node.attr.set(name, from);
      break;
    }
    default:
      if (value.tensor !== undefined) {
        const size = pick(draw, HUGE);
        set({ tensor: { ...value.tensor, tensorShape: { dim: [{ size, name: "" }], unknownRank: false } } });
      } else if (value.func !== undefined) set({ func: { ...value.func, name: pick(draw, ["", "nope", other.name]) } });
      else set({ s: new Uint8Array([255, 0]) });
  }
}
