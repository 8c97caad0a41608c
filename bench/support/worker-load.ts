// Plays workers against a parameter server, raw RPCs from one process, each worker on a connection of its own: a step
// runs the ps's part with a gradient, asks for the variable as a worker does, and cleans up. `TARGET WORKERS MS` as
// arguments; prints how many steps ended in that time, after as long again to warm up.
import { boolValue, floatValue, intValue, shapeValue, stringValue, typeValue } from "../../src/graph/attr-value.js";
import { createKey } from "../../src/rendezvous/key.js";
import { DataType } from "../../src/tensor/dtype.js";
import { GrpcChannel } from "../../src/transport/grpc-channel.js";
import { type AttrValue, GraphDef, NodeDef, TensorProto } from "../../src/wire/core.js";
import * as wire from "../../src/wire/worker.js";

/** 64 KiB: a variable as a worker reads it, and its gradient. */
const ELEMENTS = 16 * 1024;
const PEER = "/job:worker/replica:0/task:9/device:CPU:0";
const FLOAT = typeValue(DataType.FLOAT);
const [, , target, workers, milliseconds] = process.argv as [string, string, string, string, string];

const call = (channel: GrpcChannel, method: string, request: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    channel.call(`/tensorflow.WorkerService/${method}`, request, {}, (error, answer) => {
      if (error === null) resolve(answer!);
      else reject(error);
    });
  });

const tensorOf = (values: number[], shape: number[]) =>
  TensorProto.decode(
    TensorProto.encode({
      dtype: DataType.FLOAT,
      tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })) },
      floatVal: Float32Array.from(values),
    }),
  );

const constant = (values: number[], shape: number[]): Record<string, AttrValue> => ({
  dtype: FLOAT,
  value: { ...floatValue(0), f: undefined, tensor: tensorOf(values, shape) },
});

function graphOf(
  device: string,
  nodes: [name: string, op: string, input: string[], attrs: Record<string, AttrValue>][],
) {
  const graphDef = GraphDef.decode(GraphDef.encode({ versions: { producer: 1900 } }));
  const handle = {
    container: stringValue(""),
    shared_name: stringValue("v"),
    dtype: FLOAT,
    shape: shapeValue([ELEMENTS]),
  };
  const variable: (typeof nodes)[number] = ["v", "VarHandleOp", [], handle];
  for (const [name, op, input, attrs] of [variable, ...nodes])
    graphDef.node.push({ ...NodeDef.create(), name, op, input, device, attr: new Map(Object.entries(attrs)) });
  return graphDef;
}

class Worker {
  readonly #channel = new GrpcChannel(target.replace("grpc://", ""));
  readonly #gradient = tensorOf([0], [ELEMENTS]);
  #device = "";
  #incarnation = 0n;
  #handle = "";
  steps = 0;

  constructor(readonly index: number) {}

  async open(): Promise<void> {
    const status = wire.GetStatusResponse.decode(await call(this.#channel, "GetStatus", new Uint8Array(0)));
    const { name, incarnation } = status.deviceAttributes.find(({ deviceType }) => deviceType === "CPU")!;
    this.#device = name;
    this.#incarnation = incarnation;
    const start = graphOf(name, [
      ["zeros", "Const", [], constant([0], [ELEMENTS])],
      ["init", "AssignVariableOp", ["v", "zeros"], { dtype: FLOAT }],
    ]);
    const init = await this.#register(start);
    const stepId = BigInt(this.index + 1);
    await call(this.#channel, "RunGraph", wire.RunGraphRequest.encode({ graphHandle: init, stepId }));
    await call(this.#channel, "CleanupGraph", wire.CleanupGraphRequest.encode({ stepId }));
    const transfer = (tensorName: string, to: string) => ({
      tensor_name: stringValue(tensorName),
      send_device: stringValue(name),
      recv_device: stringValue(to),
      send_device_incarnation: intValue(BigInt.asIntN(64, incarnation)),
      client_terminated: boolValue(to === name),
    });
    const step = graphOf(name, [
      ["gradient", "_Recv", [], { ...transfer("gradient", name), tensor_type: FLOAT }],
      ["rate", "Const", [], constant([0.1], [])],
      ["update", "ResourceApplyGradientDescent", ["v", "rate", "gradient"], { T: FLOAT }],
      ["read", "ReadVariableOp", ["v"], { dtype: FLOAT }],
      ["out", "_Send", ["read"], { ...transfer("value", PEER), T: FLOAT }],
    ]);
    this.#handle = await this.#register(step);
  }

  async #register(graphDef: GraphDef): Promise<string> {
    const answer = await call(this.#channel, "RegisterGraph", wire.RegisterGraphRequest.encode({ graphDef }));
    return wire.RegisterGraphResponse.decode(answer).graphHandle;
  }

  async run(until: number): Promise<void> {
    const name = createKey(this.#device, this.#incarnation, this.#device, "gradient");
    const rendezvousKey = createKey(this.#device, this.#incarnation, PEER, "value");
    const graphHandle = this.#handle;
    const send = [{ name, tensor: this.#gradient }];
    while (performance.now() < until) {
      const stepId = (BigInt(this.index + 1) << 40n) + BigInt(++this.steps);
      await Promise.all([
        call(this.#channel, "RunGraph", wire.RunGraphRequest.encode({ graphHandle, stepId, send })),
        call(this.#channel, "RecvTensor", wire.RecvTensorRequest.encode({ stepId, rendezvousKey })),
      ]);
      await call(this.#channel, "CleanupGraph", wire.CleanupGraphRequest.encode({ stepId }));
    }
  }

  close(): void {
    this.#channel.close();
  }
}

const all = Array.from({ length: Number(workers) }, (_, i) => new Worker(i));
for (const worker of all) await worker.open();
const run = async (): Promise<number> => {
  const before = all.reduce((sum, { steps }) => sum + steps, 0);
  const begun = performance.now();
  await Promise.all(all.map((worker) => worker.run(begun + Number(milliseconds))));
  const seconds = (performance.now() - begun) / 1000;
  return (all.reduce((sum, { steps }) => sum + steps, 0) - before) / seconds;
};
await run();
console.log("warm");
console.log(String(await run()));
for (const worker of all) worker.close();
