// A traced step as Chrome's trace viewer (and Perfetto) reads it: one process per device, one lane for each node that ran
// beside others. Takes the StepStats of a RunMetadata; gives the JSON text. Times are microseconds from the step's begin.
// Format: "Trace Event Format", complete events (`ph: "X"`) and metadata events (`ph: "M"`).
import type { NodeExecStats, StepStats } from "../wire/core.js";

interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly cat?: string;
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, string>>;
}

/** TensorFlow's `timeline.Timeline(step_stats).generate_chrome_trace_format()`. */
export function chromeTrace(stepStats: StepStats): string {
  const starts = stepStats.devStats.flatMap(({ nodeStats }) => nodeStats.map(({ allStartMicros }) => allStartMicros));
  const origin = starts.reduce((first, start) => (start < first ? start : first), starts[0] ?? 0n);
  const traceEvents = stepStats.devStats.flatMap(({ device, nodeStats }, pid) => [
    { name: "process_name", ph: "M", pid, tid: 0, args: { name: device } } satisfies TraceEvent,
    ...lanes(nodeStats).flatMap((lane, tid) => lane.map((stats) => eventOf(stats, pid, tid, origin))),
  ]);
  return JSON.stringify({ displayTimeUnit: "ms", traceEvents });
}

/** Nodes in as few lanes as keep those apart that overlap. */
function lanes(nodes: readonly NodeExecStats[]): NodeExecStats[][] {
  const result: { readonly nodes: NodeExecStats[]; end: bigint }[] = [];
  const byStart = [...nodes].sort((a, b) => Number(a.allStartMicros - b.allStartMicros));
  for (const node of byStart) {
    const end = node.allStartMicros + node.allEndRelMicros;
    const free = result.find((lane) => lane.end <= node.allStartMicros);
    if (free === undefined) result.push({ nodes: [node], end });
    else {
      free.nodes.push(node);
      free.end = end;
    }
  }
  return result.map((lane) => lane.nodes);
}

function eventOf(stats: NodeExecStats, pid: number, tid: number, origin: bigint): TraceEvent {
  const { timelineLabel: label } = stats;
  const { op, inputs } = parseLabel(label);
  return {
    name: op ?? stats.nodeName,
    ph: "X",
    cat: "Op",
    pid,
    tid,
    ts: Number(stats.allStartMicros - origin),
    dur: Number(stats.allEndRelMicros),
    args: { name: stats.nodeName, ...(op === undefined ? { label } : { op }), ...(inputs === "" ? {} : { inputs }) },
  };
}

/** `name = Op(input, input:1)`; a label of another form is a text of its own. */
function parseLabel(label: string): { op: string | undefined; inputs: string } {
  const match = /^\S+ = ([^\s(]+)\((.*)\)/.exec(label);
  return { op: match?.[1], inputs: match?.[2] ?? "" };
}
