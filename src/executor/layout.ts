// How a compiled graph lies in memory: what the loop reads of a node side by side in one array of numbers, and so what
// it reads of an edge. Read by the compiler (executable.ts) and the loop (step.ts, flow.ts) only.
//
//   rows[node * ROW + …]           KIND  SLOT  INPUTS  FLAGS  LOCAL  EDGES  EDGES_END  OUTPUT_TYPE
//   edges[from EDGES by EDGE, …]   TARGET  TARGET_SLOT  TARGET_LOCAL  OUTPUT

/** What the executor does with a node itself; everything else is a kernel call. */
export const Kind = {
  KERNEL: 0,
  SWITCH: 1,
  SWITCH_N: 2,
  MERGE: 3,
  ENTER: 4,
  EXIT: 5,
  NEXT_ITERATION: 6,
  LOOP_COND: 7,
  SEND: 8,
  RECV: 9,
  ARG: 10,
  RETVAL: 11,
  NO_OP: 12,
  /** Waits for all its control inputs, and runs even if they are dead. */
  CONTROL_TRIGGER: 13,
} as const;

const kinds = new Map<string, number>([
  ["Switch", Kind.SWITCH],
  ["RefSwitch", Kind.SWITCH],
  ["_SwitchN", Kind.SWITCH_N],
  ["Merge", Kind.MERGE],
  ["RefMerge", Kind.MERGE],
  ["Enter", Kind.ENTER],
  ["RefEnter", Kind.ENTER],
  ["Exit", Kind.EXIT],
  ["RefExit", Kind.EXIT],
  ["NextIteration", Kind.NEXT_ITERATION],
  ["RefNextIteration", Kind.NEXT_ITERATION],
  ["LoopCond", Kind.LOOP_COND],
  ["_Send", Kind.SEND],
  ["_HostSend", Kind.SEND],
  ["_Recv", Kind.RECV],
  ["_HostRecv", Kind.RECV],
  ["_Arg", Kind.ARG],
  ["_DeviceArg", Kind.ARG],
  ["_Retval", Kind.RETVAL],
  ["_DeviceRetval", Kind.RETVAL],
  ["NoOp", Kind.NO_OP],
  ["ControlTrigger", Kind.CONTROL_TRIGGER],
]);

/** What the executor does with a node of this op. */
export const kindOf = (op: string): number => kinds.get(op) ?? Kind.KERNEL;

/** Ops that the executor runs without a kernel: placement needs no kernel for them. */
export const isExecutorOp = (op: string): boolean => kinds.has(op);

export const ROW = 8;
export const KIND = 0;
/** First slot of the node's inputs in its frame's array, and how many inputs it has. */
export const SLOT = 1;
export const INPUTS = 2;
export const FLAGS = 3;
/** Index of the node's counts in its frame's arrays. */
export const LOCAL = 4;
/** Its edges by output, control edges last: positions in `edges`. */
export const EDGES = 5;
export const EDGES_END = 6;
/** Dtype of its only output; −1 if it has none or several. */
export const OUTPUT_TYPE = 7;

/** Some input arrives as a variable but is read as a value. */
export const READS_REFS = 1;
export const ALLOWS_UNINITIALIZED = 2;
/** Some output has no edge. */
export const HAS_UNUSED = 4;
/** A merge that somebody asks which input it was. */
export const GIVES_INDEX = 8;

export const EDGE = 4;
export const TARGET = 0;
export const TARGET_SLOT = 1;
export const TARGET_LOCAL = 2;
/** Output of the source, −1 for a control edge, times 4, plus the flags below. */
export const OUTPUT = 3;
/** Edge that nobody else takes over: the entry's hold passes along it instead of being shared. */
export const LAST_EDGE = 1;
/** Edge into a merge: its counts differ. */
export const TO_MERGE = 2;
