// What a node of control flow is about to hand on, for traces: the executor runs it itself and keeps no list of outputs.
import { Tensor } from "../tensor/tensor.js";
import type { Executable } from "./executable.js";
import type { Entry, Iteration } from "./frames.js";
import { INPUTS, KIND, Kind, ROW, SLOT } from "./layout.js";

export interface Handed {
  readonly entry: Entry;
  /** The output that gets it. */
  readonly slot: number;
}

/** To be asked before the node runs: its inputs are gone then. `null` where it hands nothing on. */
export function passedOn(executable: Executable, node: number, { slots }: Iteration): Handed | null {
  const { rows } = executable;
  const base = rows[node * ROW + SLOT]!;
  const entry = slots[base]!;
  switch (rows[node * ROW + KIND]) {
    case Kind.ENTER:
    case Kind.EXIT:
    case Kind.NEXT_ITERATION:
    case Kind.LOOP_COND:
      return { entry: entry!, slot: 0 };
    case Kind.MERGE: {
      const live = slots.slice(base, base + rows[node * ROW + INPUTS]!).find((one) => one !== null);
      return live === undefined ? null : { entry: live, slot: 0 };
    }
    case Kind.SWITCH: {
      const { u8 } = executable.device.heap;
      return chosen(slots[base + 1]!, (ptr) => Number(u8[ptr] !== 0), entry!);
    }
    case Kind.SWITCH_N: {
      const { i32 } = executable.device.heap;
      const last = executable.outputTypes[node]!.length - 1;
      return chosen(slots[base + 1]!, (ptr) => (i32[ptr >>> 2]! >>> 0 > last ? last : i32[ptr >>> 2]!), entry!);
    }
    default:
      return null;
  }
}

function chosen(choice: Entry | null, slotAt: (ptr: number) => number, entry: Entry): Handed | null {
  const tensor = choice instanceof Tensor ? choice : (choice?.value ?? null);
  return tensor === null || tensor.block === null ? null : { entry, slot: slotAt(tensor.ptr) };
}
