// A sub-graph that a master registered: cut by device, compiled, ready to run.
import type { Device } from "../device/device.js";
import { InvalidArgumentError } from "../errors/index.js";
import { Executable, type KernelCache } from "../executor/executable.js";
import { FunctionRuntime } from "../executor/functions.js";
import type { Graph } from "../graph/graph.js";
import { callFunctions } from "../optimize/lower.js";
import { lowerBody } from "../optimize/lower-body.js";
import { partition } from "../placement/partition.js";
import type { CostGraphDef } from "../wire/core.js";
import { CostModel } from "./cost-model.js";
import type { StepTrace } from "./step-trace.js";

export interface DevicePart {
  readonly graph: Graph;
  readonly device: Device;
  readonly executable: Executable;
  readonly functions: FunctionRuntime;
}

/** Kernels of stateful nodes by device: common to all graphs of a session. */
export type SessionKernels = Map<string, KernelCache>;

export class RegisteredGraph {
  readonly parts: DevicePart[] = [];
  /** From the first step on that was asked for costs. */
  #costs: CostModel | null = null;

  constructor(
    graph: Graph,
    /** Whether its nodes may ask for collectives. */
    readonly hasCollectives: boolean,
    /** By the names that the session gives them. */
    devices: ReadonlyMap<string, Device>,
    kernels: SessionKernels,
    nextName: (base: string) => string,
  ) {
    for (const node of graph.nodes) {
      if (node.assignedDevice === "") {
        throw new InvalidArgumentError(`Node '${node.name}' is missing a device specification`);
      }
    }
    callFunctions(graph);
    const incarnationOf = (name: string) => devices.get(name)?.attributes.incarnation ?? 0n;
    const pieces = partition(graph, (node) => node.assignedDevice, { nextName, incarnationOf });
    try {
      for (const [name, piece] of pieces) {
        const device = devices.get(name);
        if (device === undefined) throw new InvalidArgumentError(`${name} unknown device.`);
        this.parts.push(compile(piece, device, kernels));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @param trace of a step that ran through; the costs tell of all such steps */
  costsWith(trace: StepTrace): CostGraphDef {
    this.#costs ??= new CostModel();
    this.#costs.record(trace.nodes);
    return this.#costs.toProto(this.parts.map((part) => part.graph));
  }

  close(): void {
    for (const { executable, functions } of this.parts) {
      executable.close();
      functions.close();
    }
  }
}

function compile(graph: Graph, device: Device, kernels: SessionKernels): DevicePart {
  let statefulKernels = kernels.get(device.name);
  if (statefulKernels === undefined) {
    statefulKernels = new Map();
    kernels.set(device.name, statefulKernels);
  }
  const functions = new FunctionRuntime(graph.library, device, statefulKernels, lowerBody);
  const executable = new Executable(graph, { device, functions, statefulKernels });
  return { graph, device, executable, functions };
}
