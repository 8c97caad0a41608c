// Calls, conditions and loops that weren't lowered: their functions run as nested activations of the executor.

import { InternalError, InvalidArgumentError } from "../errors/index.js";
import {
  type CallDone,
  DONE,
  type FunctionHandle,
  type Kernel,
  type KernelStep,
  kernel,
  PENDING,
  type Status,
} from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { readInt } from "./support/index-tensor.js";

/** Runs a function on `count` inputs, the first of them at `first`, and passes its results on. */
function callWith(step: KernelStep, callee: FunctionHandle, first: number, count: number): Status {
  const args = Array.from({ length: count }, (_, i) => step.takeInput(first + i));
  const open = step.suspend();
  open.call(callee, args, (error, outputs) => {
    if (error !== null) {
      open.fail(error);
      return;
    }
    outputs.forEach((output, i) => {
      open.setOutput(i, output);
    });
    open.done();
  });
  return PENDING;
}

const call = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const callee = node.func("f");
    const count = node.inputTypes.length;
    return (step) => callWith(step, callee, 0, count);
  });

const conditional = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const [yes, no] = [node.func("then_branch"), node.func("else_branch")];
    const count = node.inputTypes.length - 1;
    return (step) => callWith(step, truth(step, step.input(0)) ? yes : no, 1, count);
  });

const choice = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const branches = node.funcs("branches");
    const count = node.inputTypes.length - 1;
    return (step) => {
      const index = readInt(step.heap, step.input(0));
      const last = branches.length - 1;
      return callWith(step, branches[index < 0 || index > last ? last : index]!, 1, count);
    };
  });

/** A loop whose condition and body are called turn by turn; the body's results are the next turn's arguments. */
const loop = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const [condition, body] = [node.func("cond"), node.func("body")];
    const count = node.inputTypes.length;
    return (step) => {
      let values: readonly Tensor[] = Array.from({ length: count }, (_, i) => step.takeInput(i));
      const open = step.suspend();
      const fail = (error: Error) => {
        for (const value of values) value.release();
        open.fail(error);
      };
      let test = true;
      const afterCondition: CallDone = (error, outputs) => {
        if (error !== null) return fail(error);
        let goesOn: boolean;
        try {
          goesOn = truth(open, outputs[0]!);
        } catch (problem) {
          return fail(problem as Error);
        } finally {
          for (const output of outputs) output.release();
        }
        if (goesOn) {
          test = false;
          turn();
          return;
        }
        values.forEach((value, i) => {
          open.setOutput(i, value);
        });
        open.done();
      };
      const afterBody: CallDone = (error, outputs) => {
        if (error !== null) {
          values = [];
          return fail(error);
        }
        values = outputs;
        test = true;
        turn();
      };
      const turn = oneByOne(() => {
        const { reason } = open.cancellation;
        if (reason !== null) fail(reason);
        else if (test) {
          const args = values.map((value) => value.retain());
          open.call(condition, args, afterCondition);
        } else {
          const args = values;
          values = [];
          open.call(body, args, afterBody);
        }
      });
      turn();
      return PENDING;
    };
  });

/** A loop over whole numbers: the body gets the number and what it returned last; the limit itself is left out. */
const count = kernel("For", "CPU", {}, (node) => {
  const body = node.func("body");
  const carried = node.inputTypes.length - 3;
  return (step) => {
    let at = scalarInt(step, 0, "start");
    const limit = scalarInt(step, 1, "limit");
    const delta = scalarInt(step, 2, "delta");
    if (delta > 0 ? at > limit : delta < 0 ? at < limit : at !== limit) {
      throw new InvalidArgumentError(`Invalid start/limit/delta: ${at} ${limit} ${delta}`);
    }
    let values: readonly Tensor[] = Array.from({ length: carried }, (_, i) => step.takeInput(i + 3));
    const open = step.suspend();
    const afterBody: CallDone = (error, outputs) => {
      values = outputs;
      if (error !== null) return open.fail(error);
      at += delta;
      turn();
    };
    const turn = oneByOne(() => {
      try {
        if (open.cancellation.reason !== null) throw open.cancellation.reason;
        const over = delta > 0 ? at >= limit : at <= limit;
        if (over && values.length !== carried) {
          throw new InternalError(`Expect to produce ${carried} tensors, but only get ${values.length}`);
        }
        if (over) {
          values.forEach((value, i) => {
            open.setOutput(i, value);
          });
          open.done();
          return;
        }
        if (values.length !== carried) {
          throw new InvalidArgumentError(`For loop body returned ${values.length} arguments. Expected: ${carried}`);
        }
        const index = open.allocate(DataType.INT32, []);
        open.heap.i32[index.ptr >>> 2] = at;
        open.call(body, [index, ...values], afterBody);
      } catch (error) {
        for (const value of values) value.release();
        open.fail(error);
      }
    });
    turn();
    return PENDING;
  };
});

/** What calls itself from its own callbacks, which may come before it returns: a loop keeps the stack flat. */
function oneByOne(turn: () => void): () => void {
  let running = false;
  let due = false;
  return () => {
    due = true;
    if (running) return;
    running = true;
    while (due) {
      due = false;
      turn();
    }
    running = false;
  };
}

function scalarInt(step: KernelStep, input: number, name: string): number {
  const { shape, ptr } = step.input(input);
  if (shape.length > 0) throw new InvalidArgumentError(`${name} must be a scalar, but ${shapeString(shape)}`);
  return step.heap.i32[ptr >>> 2]!;
}

/** What Python's `if` thinks of a tensor: a scalar that isn't zero, or one with elements. */
function truth({ heap }: KernelStep, x: Tensor): boolean {
  if (x.shape.length > 0) return x.size > 0;
  if (x.dtype === DataType.STRING) return (x.values![0] as Uint8Array).length > 0;
  if (x.dtype === DataType.FLOAT) return heap.f32[x.ptr >>> 2] !== 0;
  if (x.dtype === DataType.DOUBLE) return heap.f64[x.ptr / 8] !== 0;
  return heap.u8.subarray(x.ptr, x.ptr + x.bytes).some((byte) => byte !== 0);
}

const toBool = kernel("ToBool", "CPU", {}, () => (step) => {
  const value = truth(step, step.input(0));
  const y = step.allocateOutput(0, []);
  step.heap.u8[y.ptr] = Number(value);
  return DONE;
});

export const functionalKernels: readonly Kernel[] = [
  ...["PartitionedCall", "StatefulPartitionedCall"].map(call),
  ...["If", "StatelessIf"].map(conditional),
  ...["Case", "StatelessCase"].map(choice),
  ...["While", "StatelessWhile"].map(loop),
  count,
  toBool,
];
