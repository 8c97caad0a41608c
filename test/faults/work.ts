// What a client does while tasks fail: steps over three tasks whose values are known. Large tensors that go around, a
// variable that is trained, a loop with a body on two tasks, a queue that somebody waits at.
import { DataType, Graph, type Output, Session, Variable } from "../../src/index.js";

/** Not an OpError: nothing may excuse it. */
export class WrongValue extends Error {}

const PS = "/job:ps/task:0";
const LARGE = 1_000_000;
const WEIGHTS = 1000;

export type Piece = "large" | "train" | "loop" | "queue";
export const PIECES: readonly Piece[] = ["large", "train", "loop", "queue"];

function is(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new WrongValue(`${what} is ${actual}, not ${expected}`);
}

/** Each client has a queue of its own: what a step that failed put into one stays there. */
let queues = 0;

/** @param worker the task that the session's master runs on */
function build(worker: number) {
  const graph = new Graph();
  const { ops } = graph;
  const own = `/job:worker/task:${worker}`;
  const other = `/job:worker/task:${1 - worker}`;
  const on = <T>(device: string, make: () => T): T => graph.device(device, make);
  const x = on(own, () => graph.placeholder(DataType.FLOAT, [], "x"));
  const all = graph.constant([0], DataType.INT32);
  const ends = (values: Output) => on(own, () => [ops.min(values, all), ops.max(values, all)] as const);

  const made = on(PS, () => ops.fill(graph.constant([LARGE], DataType.INT32), x));
  const around = on(other, () => ops.neg(on(own, () => ops.neg(made))));
  const large = ends(around);

  const weights = on(PS, () => new Variable(graph, new Float32Array(WEIGHTS), { name: "weights" }));
  const gradient = on(own, () => ops.fill(graph.constant([WEIGHTS], DataType.INT32), x));
  const train = weights.assignAdd(gradient);
  const trained = ends(weights.value);

  const loop = on(PS, () => loopTo(graph, x, own));

  const { enqueue, dequeued } = on(PS, () => {
    const queue = graph
      .op("FIFOQueueV2", [], { component_types: [DataType.FLOAT], shared_name: `queue${++queues}` })
      .output();
    return {
      enqueue: graph.op("QueueEnqueueV2", [queue, [x]]),
      dequeued: graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }).output(),
    };
  });
  const taken = on(own, () => ops.neg(dequeued));
  return { graph, x, large, initialize: weights.initializer, train, trained, loop, enqueue, taken };
}

/** Counts up to `limit`: one half of the body here, the other on another task. */
function loopTo(graph: Graph, limit: Output, elsewhere: string): Output {
  const enter = (value: Output, constant: boolean) =>
    graph.op("Enter", [value], { frame_name: "counting", is_constant: constant }).output();
  const start = enter(graph.constant(0, DataType.FLOAT), false);
  const merge = graph.op("Merge", [[start, start]]);
  const less = graph.op("Less", [merge.output(), enter(limit, true)]).output();
  const choose = graph.op("Switch", [merge.output(), graph.op("LoopCond", [less]).output()]);
  const plusTwo = graph.op("AddV2", [choose.output(1), enter(graph.constant(2, DataType.FLOAT), true)]).output();
  const minusOne = graph.device(elsewhere, () =>
    graph.op("Sub", [plusTwo, enter(graph.constant(1, DataType.FLOAT), true)]).output(),
  );
  merge.node.inputs[1] = { node: graph.op("NextIteration", [minusOne]).node, index: 0 };
  return graph.op("Exit", [choose.output(0)]).output();
}

export class Work implements AsyncDisposable {
  readonly session: Session;
  readonly #parts: ReturnType<typeof build>;

  constructor(target: string, worker: number) {
    this.#parts = build(worker);
    this.session = new Session(target, { graph: this.#parts.graph });
  }

  initialize(): Promise<unknown> {
    return this.session.run(this.#parts.initialize);
  }

  /** @throws WrongValue, or what the step threw */
  async run(piece: Piece, value: number): Promise<void> {
    const { session } = this;
    const { x, large, train, loop } = this.#parts;
    if (piece === "large") {
      const [least, most] = await session.run([...large], [[x, value]]);
      is("the least of a large tensor", Number(least!.data[0]), value);
      is("the most of a large tensor", Number(most!.data[0]), value);
    } else if (piece === "train") {
      await session.run(train, [[x, 1]]);
    } else if (piece === "loop") {
      is("the loop's count", Number((await session.run(loop, [[x, value]])).data[0]), value);
    } else {
      await this.#queue(value);
    }
  }

  /** How often `train` ran since the variable was made. */
  async trained(): Promise<number> {
    const [least, most] = await this.session.run([...this.#parts.trained]);
    is("the variable's most", Number(most!.data[0]), Number(least!.data[0]));
    return Number(least!.data[0]);
  }

  async #queue(value: number): Promise<void> {
    const { x, enqueue, taken } = this.#parts;
    const stop = new AbortController();
    const waits = this.session.run(taken, [], { signal: stop.signal });
    waits.catch(() => {});
    try {
      await this.session.run(enqueue, [[x, value]]);
      // What is in the queue may have been taken by a step that failed later: then nobody answers.
      const timer = setTimeout(() => stop.abort(new DOMException("nothing came", "TimeoutError")), 5_000);
      try {
        is("the element of the queue", Number((await waits).data[0]), -value);
      } finally {
        clearTimeout(timer);
      }
    } finally {
      stop.abort();
      await waits.catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }
}
