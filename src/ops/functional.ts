// Calls that weren't inlined: functions that call themselves run as nested activations of the executor.
import { DONE, type Kernel, kernel, PENDING } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";

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

/** What Python's `if` thinks of a tensor: a scalar that isn't zero, or one with elements. */
const toBool = kernel("ToBool", "CPU", {}, (node) => {
  const dtype = node.inputTypes[0]!;
  return (step) => {
    const x = step.input(0);
    let value = x.size > 0;
    if (x.shape.length === 0) {
      if (dtype === DataType.STRING) value = (x.values![0] as Uint8Array).length > 0;
      else value = step.heap.u8.subarray(x.ptr, x.ptr + x.bytes).some((byte) => byte !== 0);
    }
    const y = step.allocateOutput(0, []);
    step.heap.u8[y.ptr] = Number(value);
    return DONE;
  };
});

export const functionalKernels: readonly Kernel[] = [
  ...["PartitionedCall", "StatefulPartitionedCall"].map(call),
  toBool,
];
