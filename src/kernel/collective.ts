// Collective ops as kernels see them: what a member of a group brings to a collective, and the step's way to the other
// members. `src/collective/` finds the members and moves the bytes.
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import type { KernelDevice } from "./kernel.js";

/** TensorFlow's `CollectiveType`: the numbers go over the wire and into error texts. */
export const CollectiveType = { REDUCTION: 0, BROADCAST: 1, GATHER: 2 } as const;

/** What a member asks for. */
export interface CollectiveRequest {
  /** Node and kind, for error texts: `sum: Reduce(Add,Id)`. */
  readonly name: string;
  readonly type: number;
  readonly dtype: DataType;
  /** Of the result. */
  readonly shape: Shape;
  readonly groupKey: number;
  readonly groupSize: number;
  readonly instanceKey: number;
  /** Whether it is the one that the others get the value of. */
  readonly isSource: boolean;
  /** How the rings turn that share the tensor between them; none: as `maxSubdivs` says. */
  readonly subdivOffsets: readonly number[];
  /** Rings for each device, −1 for a single one, 0 for as many as TensorFlow thinks best. */
  readonly maxSubdivs: number;
  /** 0 waits for ever. */
  readonly timeoutMs: number;
}

/** A collective whose members are known; only the step's collectives look inside. */
export interface ResolvedCollective {
  readonly request: CollectiveRequest;
}

/** Arithmetic of a reduction, on addresses in the heap. */
export interface Combine {
  /** Writes the combination of both over the first. */
  merge(into: number, from: number, count: number): void;
  /** Done once to every element that all members went into. */
  readonly finish: ((at: number, count: number) => void) | null;
}

/** A call's part in a collective. */
export interface CollectiveWork {
  readonly device: KernelDevice;
  /** Frame and iteration, as `step.frameIter`: what tells the calls of a step apart. */
  readonly frameIter: string;
  /** Where the result goes. A member that brings a value has put it there; of a gather, into its own rows. */
  readonly output: Tensor;
  readonly combine: Combine | null;
  /** @throws ResourceExhaustedError */
  allocate(dtype: DataType, shape: Shape): Tensor;
}

export interface StepCollectives {
  /** Waits for all members. A request that other members don't agree with ends all collectives of the task. */
  resolve(request: CollectiveRequest, device: KernelDevice): Promise<ResolvedCollective>;
  /** The member's place among the others, from 0 on. */
  rankOf(resolved: ResolvedCollective, device: KernelDevice): number;
  run(resolved: ResolvedCollective, work: CollectiveWork): Promise<void>;
  /** Ends the step's collectives, and with them, as in TensorFlow, all that the task will ever be asked for. */
  abort(error: Error): void;
}
