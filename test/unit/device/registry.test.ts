// What decides which devices a server opens and which of them a node is placed on: counts, lists of visible ones,
// priority. A plug-in of this file's own stands for hardware; its kernels are the CPU's.
import * as assert from "uvu/assert";
import { cpuFactory } from "../../../src/device/cpu/cpu-device.js";
import { createKernelMemory, instantiateKernels, selectVariant } from "../../../src/device/cpu/wasm-kernels.js";
import { HostDevice } from "../../../src/device/host-device.js";
import { KernelTable } from "../../../src/device/kernel-table.js";
import { nullFactory } from "../../../src/device/null/null-device.js";
import { type DeviceContext, DeviceRegistry, visibleDevices } from "../../../src/device/registry.js";
import { AlreadyExistsError, ConfigProto, DataType, DONE, kernel, Server, Session } from "../../../src/index.js";
import { Heap } from "../../../src/memory/heap.js";
import { allKernels } from "../../../src/ops/all.js";
import { nullKernels } from "../../../src/ops/null.js";
import { allShapes } from "../../../src/ops/shapes/all.js";
import { loadKernelModule } from "../../../src/platform/wasm-node.js";
import { Tensor } from "../../../src/tensor/tensor.js";
import { GPUOptions } from "../../../src/wire/core.js";
import { test } from "../../support/suite.js";

const memory = createKernelMemory(await selectVariant());
const wasm = instantiateKernels(await loadKernelModule(await selectVariant()), memory);

const config = (counts: Record<string, number>, visibleDeviceList = ""): ConfigProto => ({
  ...ConfigProto.create(),
  deviceCount: new Map(Object.entries(counts)),
  gpuOptions: { ...GPUOptions.create(), visibleDeviceList },
});

const context = (asked: ConfigProto | null): DeviceContext => ({
  taskName: "/job:worker/replica:0/task:0",
  config: asked,
  heap: new Heap(memory, wasm.heap_base()),
  memoryLimit: 1 << 20,
  kernels: allKernels,
  newIncarnation: () => 7n,
});

const registryOfAll = () => {
  const registry = new DeviceRegistry();
  registry.registerDevice("NULL", nullFactory(wasm, nullKernels(allKernels, allShapes)), { priority: 5 });
  registry.registerDevice("CPU", cpuFactory(wasm));
  return registry;
};

test("device_count says how many, CPUs come first, a type has one factory", async () => {
  const registry = registryOfAll();
  const names = async (asked: ConfigProto | null) =>
    (await registry.open(context(asked))).map(({ name }) => name.slice(36));
  assert.equal(await names(null), ["CPU:0"]);
  assert.equal(await names(config({ NULL: 2 })), ["CPU:0", "NULL:0", "NULL:1"]);
  assert.equal(await names(config({ NULL: -1, CPU: 0 })), ["CPU:0"]);
  assert.equal(registry.types, ["NULL", "CPU"]);
  assert.throws(
    () => registry.registerDevice("CPU", cpuFactory(wasm)),
    (error: Error) => error instanceof AlreadyExistsError && error.message === "Device type CPU is registered twice",
  );
});

test("every device keeps the contract: attributes, kernels, copies, an end", async () => {
  for (const device of await registryOfAll().open(context(config({ NULL: 1 })))) {
    const { attributes, type } = device;
    assert.is(attributes.name, device.name);
    assert.is(attributes.name, `/job:worker/replica:0/task:0/device:${type}:0`);
    assert.is(attributes.deviceType, type);
    assert.is(attributes.incarnation, 7n);
    const found = device.findKernel("MatMul", () => DataType.FLOAT);
    assert.is(found?.device, type);
    assert.is(
      device.findKernel("MatMul", () => DataType.STRING),
      undefined,
    );
    assert.ok(device.kernelsOf("MatMul").includes(found!));
    assert.equal(device.kernelsOf("NoSuchOp"), []);
    const block = device.allocator.allocate(64)!;
    const tensor = new Tensor(DataType.FLOAT, [16], 16, block.ptr, block, null);
    for (const copy of [await device.copyToHost(tensor), await device.copyFromHost(tensor)]) {
      assert.equal(copy.shape, [16]);
      copy.release();
    }
    await device.synchronize();
    tensor.release();
    assert.is(device.allocator.bytesInUse, 0);
    assert.is(device.allocator.allocate((1 << 20) + 1), null, "its limit holds");
    device.close();
  }
});

test("visible_device_list picks by id, device_count cuts", () => {
  const ids = (list: string, counts: Record<string, number> = {}) => visibleDevices(config(counts, list), "GPU", 4);
  assert.equal(visibleDevices(null, "GPU", 2), [0, 1]);
  assert.equal(ids(""), [0, 1, 2, 3]);
  assert.equal(ids("3,1"), [3, 1]);
  assert.equal(ids("3,1", { GPU: 1 }), [3]);
  assert.equal(ids("", { GPU: 0 }), []);
  const refused = (list: string, text: string) =>
    assert.throws(
      () => ids(list),
      (error: Error) => error.message === text,
    );
  refused("0,x", "Could not parse entry in 'visible_device_list': 'x'. visible_device_list = 0,x");
  refused("4", "'visible_device_list' listed an invalid Device id '4' but visible device count is 4");
  refused("1,1", "visible_device_list contained a duplicate entry: 1,1");
});

/** A plug-in's kernel: it squares, to a mark of its own; its device can do nothing else. */
const fastSquare = kernel("Square", "FAST", { T: ["float"] }, () => (step) => {
  const x = step.input(0);
  const y = step.allocateOutput(0, x.shape);
  step.heap.f32.fill(42, y.ptr / 4, y.ptr / 4 + y.size);
  return DONE;
});

/** A session on a server with the plug-in, at this priority. */
async function withPlugIn(
  priority: number,
  body: (session: Session) => Promise<void>,
  sessionConfig: Partial<ConfigProto> = {},
): Promise<void> {
  const devices = new DeviceRegistry();
  const table = new KernelTable([fastSquare], "FAST");
  devices.registerDevice(
    "FAST",
    ({ taskName, heap, memoryLimit }) => {
      const attributes = {
        name: `${taskName}/device:FAST:0`,
        deviceType: "FAST",
        memoryLimit: 0n,
        incarnation: 9n,
        physicalDeviceDesc: "",
      };
      return [new HostDevice({ attributes, heap, wasm, table, memoryLimit })];
    },
    { priority },
  );
  const server = await Server.create({ worker: ["127.0.0.1:0"] }, { devices, log: () => {} });
  const session = new Session(server, { config: { ...ConfigProto.create(), ...sessionConfig } });
  try {
    await body(session);
  } finally {
    await session.close();
    await server.stop();
  }
}

for (const [priority, square] of [
  [1, 42],
  [-1, 9],
] as const) {
  test(`a node that asks for nothing goes to a plug-in of priority ${priority} if it has the kernel: ${square}`, async () => {
    await withPlugIn(priority, async (session) => {
      const { graph } = session;
      const x = graph.placeholder(DataType.FLOAT, [1]);
      const [a, b] = await session.run([graph.ops.square(x), graph.ops.exp(x)], [[x, [3]]]);
      assert.equal([...(a!.data as Float32Array)], [square]);
      assert.equal([...(b!.data as Float32Array)], [Math.fround(Math.exp(3))]);
    });
  });
}

test("a kernel that the asked device hasn't is refused, with soft placement the CPU takes it", async () => {
  const run = (session: Session) => {
    const { graph } = session;
    const x = graph.placeholder(DataType.FLOAT, [1]);
    const y = graph.device("/device:FAST:0", () => graph.op("Neg", [x], {}, { name: "y" }).output());
    return session.run(y, [[x, [3]]]);
  };
  await withPlugIn(1, async (session) => {
    let message = "";
    await run(session).catch((error: Error) => {
      message = error.message;
    });
    // What a real server says of a string op on XLA_CPU, and its line for each kernel.
    const [text, kernels] = message.split("Registered kernels:\n") as [string, string];
    assert.is(
      text,
      "Cannot assign a device for operation y: Could not satisfy explicit device specification '/device:FAST:0' " +
        "because no supported kernel for FAST devices is available.\nColocation Debug Info:\nColocation group had the " +
        "following types and supported devices: \nRoot Member(assigned_device_name_index_=-1 " +
        "requested_device_name_='/device:FAST:0' assigned_device_name_='' resource_device_name_='' " +
        "supported_device_types_=[CPU] possible_devices_=[]\nNeg: CPU \n\nColocation members, user-requested devices, " +
        "and framework assigned devices, if any:\n  y (Neg) /device:FAST:0\n\nOp: Neg\nNode attrs: T=DT_FLOAT\n",
    );
    assert.ok(kernels.includes("  device='CPU'; T in [DT_FLOAT]\n"));
    assert.ok(kernels.endsWith("\n\t [[{{node y}}]]"));
  });
  await withPlugIn(
    1,
    async (session) => {
      assert.equal([...((await run(session)).data as Float32Array)], [-3]);
    },
    { allowSoftPlacement: true },
  );
});

test.run();
