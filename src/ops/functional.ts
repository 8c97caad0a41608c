// Calls, conditions and loops that weren't lowered: their functions run as nested activations of the executor.
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
import type { Tensor } from "../tensor/tensor.js";
import { readInt } from "./support/index-tensor.js";

const call = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const callee = node.func("f");
    const count = node.inputTypes.length;
    return (step) => {
      const args = Array.from({ length: count }, (_, i) => step.takeInput(i));
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
    };
  });

/** Runs one function on the inputs after the first, and passes its results on. */
function branch(step: KernelStep, callee: FunctionHandle, count: number): Status {
  const args = Array.from({ length: count }, (_, i) => step.takeInput(i + 1));
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

const conditional = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const [yes, no] = [node.func("then_branch"), node.func("else_branch")];
    const count = node.inputTypes.length - 1;
    return (step) => branch(step, truth(step, step.input(0)) ? yes : no, count);
  });

const choice = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const branches = node.funcs("branches");
    const count = node.inputTypes.length - 1;
    return (step) => {
      const index = readInt(step.heap, step.input(0));
      const last = branches.length - 1;
      return branch(step, branches[index < 0 || index > last ? last : index]!, count);
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
      // Callees may finish before `call` returns: a loop here, not recursion, keeps the stack flat.
      let running = false;
      let next: "condition" | "body" | "wait" = "condition";
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
          next = "body";
          run();
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
        next = "condition";
        run();
      };
      const run = () => {
        if (running) return;
        running = true;
        while (next !== "wait") {
          const what = next;
          next = "wait";
          if (what === "condition") {
            const args = values.map((value) => value.retain());
            open.call(condition, args, afterCondition);
          } else {
            const args = values;
            values = [];
            open.call(body, args, afterBody);
          }
        }
        running = false;
      };
      run();
      return PENDING;
    };
  });

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
  toBool,
];
