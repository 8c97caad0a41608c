// `tf.compat.v1.train.SyncReplicasOptimizer`: workers put their gradients into accumulators on the parameter servers; once
// there are enough, the chief's queue runner applies the mean and hands out tokens that let the workers go on. All that
// is shared has the names that TensorFlow gives it, so workers of both train together.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import { type Gradient, IndexedSlices } from "./gradients/indexed-slices.js";
import type { Graph } from "./graph.js";
import { QueueRunner } from "./monitored/coordinator.js";
import type { SessionRunHook } from "./monitored/hooks.js";
import { SyncReplicasHook } from "./monitored/sync-replicas-hook.js";
import type { ApplyOptions, ComputeOptions, GradientAndVariable, Optimizer } from "./optimizer.js";
import type { Operation, Output } from "./output.js";
import { reportUninitializedVariables } from "./uninitialized.js";
import { GraphKeys, globalVariables, Variable } from "./variable.js";

export interface SyncReplicasOptions {
  /** Gradients that make one update of the variables. */
  readonly replicasToAggregate: number;
  /** Workers; more than are aggregated are backups. As many as are aggregated when left out. */
  readonly totalNumReplicas?: number;
  readonly name?: string;
}

/** What one `applyGradients` made beside the step itself. */
export interface SyncOps {
  /** What the chief runs over and over: aggregate, update, hand out tokens. */
  readonly queueRunner: QueueRunner;
  /** Run after each session is made: by the chief, and by other workers. */
  readonly chiefInitOp: Operation;
  readonly localStepInitOp: Operation;
  /** Names of global variables without a value: the above may run when there are none. */
  readonly readyForLocalInitOp: Output;
}

interface Accumulator {
  readonly apply: Operation;
  readonly mean: Gradient;
  /** Gradients of older steps are dropped from then on. */
  readonly setGlobalStep: (step: Variable) => Operation;
}

const QUEUE = "sync_token_q";

export class SyncReplicasOptimizer {
  readonly name: string;
  readonly #replicas: number;
  readonly #total: number;
  #made: (SyncOps & { readonly queue: Output; readonly globalStep: Variable }) | null = null;

  /** @param optimizer works out the gradients, and applies their means */
  constructor(
    readonly optimizer: Optimizer,
    { replicasToAggregate, totalNumReplicas = replicasToAggregate, name = "sync_replicas" }: SyncReplicasOptions,
  ) {
    this.name = name;
    this.#replicas = replicasToAggregate;
    this.#total = totalNumReplicas;
  }

  minimize(loss: Output, options: ComputeOptions & ApplyOptions = {}): Operation {
    return this.applyGradients(this.computeGradients(loss, options), options);
  }

  computeGradients(loss: Output, options: ComputeOptions = {}): [Gradient | null, Variable][] {
    return this.optimizer.computeGradients(loss, options);
  }

  slot(variable: Variable, name: string): Variable | undefined {
    return this.optimizer.slot(variable, name);
  }

  /** @returns a worker's step: it ends when the chief has updated the variables @throws InvalidArgumentError */
  applyGradients(pairs: readonly GradientAndVariable[], { globalStep }: ApplyOptions = {}): Operation {
    const [first] = pairs;
    if (first === undefined) throw new InvalidArgumentError("Must supply at least one variable");
    if (globalStep === undefined) throw new InvalidArgumentError("Global step is required to check staleness");
    const { graph } = first[1];
    const { ops } = graph;
    const anchor = graph.op("NoOp");
    const localStep = graph.colocateWith(anchor, () => localStepOf(graph, globalStep));
    const localStepInitOp = localStep.assign(readAnywhere(globalStep));
    const readyForLocalInitOp = reportUninitializedVariables(graph, globalVariables(graph));
    return graph.nameScope(this.name, () => {
      const accumulators = pairs.map(([gradient, variable]) =>
        gradient === null
          ? null
          : graph.device(variable.handle.device, () => accumulate(variable, gradient, localStep, this.#replicas)),
      );
      const means = pairs.map(([, variable], i): GradientAndVariable => [accumulators[i]?.mean ?? null, variable]);
      const made = accumulators.filter((accumulator) => accumulator !== null);
      const [trainOp, queue, queueRunner] = besideStep(globalStep, () => {
        const update = this.optimizer.applyGradients(means, { globalStep });
        const tokens = graph.device("/device:CPU:*", () => tokenQueue(graph, globalStep.dtype));
        const componentTypes = [globalStep.dtype];
        const [token] = graph.controlDependencies(
          made.map(({ apply }) => apply),
          () => ops.queueDequeueV2(tokens, { componentTypes, name: `${QUEUE}_Dequeue` }),
        );
        const train = localStep.assign(token!);
        const enqueue = graph.controlDependencies([update], () =>
          enqueueSteps(tokens, globalStep, Math.max(this.#total, this.#replicas)),
        );
        return [train, tokens, new QueueRunner(tokens, [enqueue])] as const;
      });
      const stepped = made.map(({ setGlobalStep }) => setGlobalStep(globalStep));
      const chiefInitOp = graph.group([localStepInitOp, ...stepped]);
      this.#made = { queueRunner, chiefInitOp, localStepInitOp, readyForLocalInitOp, queue, globalStep };
      return trainOp;
    });
  }

  /** @throws InvalidArgumentError before `applyGradients` */
  get syncOps(): SyncOps {
    if (this.#made === null) throw new InvalidArgumentError("Should be called after apply_gradients().");
    return this.#made;
  }

  /**
   * Puts the tokens into the queue that let workers begin; the chief runs it once.
   * @param numTokens as many as are aggregated when left out
   * @throws InvalidArgumentError for too few of them
   */
  initTokensOp(numTokens = -1): Operation {
    if (this.#made === null) {
      throw new InvalidArgumentError("get_init_tokens_op() should be called after apply_gradients().");
    }
    const needed = this.#replicas - this.#total;
    const count = numTokens === -1 ? this.#replicas : numTokens;
    if (count < needed) {
      throw new InvalidArgumentError(`Too few tokens to finish the first step: ${count} (given) vs ${needed} (needed)`);
    }
    const { queue, globalStep } = this.#made;
    if (count <= 0) return queue.graph.op("NoOp", [], {}, { name: "no_init_tokens" });
    return besideStep(globalStep, () => enqueueSteps(queue, globalStep, count));
  }

  /** Does for a monitored session what the above is for: initializes, hands out tokens, runs the chief's loop. */
  makeSessionRunHook(isChief: boolean, numTokens = -1): SessionRunHook {
    return new SyncReplicasHook(this, isChief, numTokens);
  }
}

/** The global step that this worker's gradients belong to. */
const localStepOf = (graph: Graph, { dtype }: Variable): Variable =>
  new Variable(graph, 0, {
    name: "sync_rep_local_step",
    dtype,
    trainable: false,
    collections: [GraphKeys.LOCAL_VARIABLES],
  });

/** Reads where the variable is, whatever the blocks around say. */
const readAnywhere = (variable: Variable): Output => variable.graph.device(null, () => variable.read());

/** On the step's device, outside of name scopes. */
const besideStep = <T>({ graph, handle }: Variable, build: () => T): T =>
  graph.device(handle.device, () => graph.nameScope("", build));

const tokenQueue = (graph: Graph, dtype: DataType): Output =>
  graph.ops.fifoQueueV2({ componentTypes: [dtype], shapes: [[]], capacity: -1, sharedName: QUEUE, name: QUEUE });

function enqueueSteps(queue: Output, globalStep: Variable, count: number): Operation {
  const { graph } = queue;
  const { ops } = graph;
  const name = graph.uniqueName("Fill");
  const [dims, step] = graph.nameScope(`${name}/`, () => [
    graph.constant([count], DataType.INT32, "dims"),
    readAnywhere(globalStep),
  ]);
  const tokens = ops.fill(dims!, step!, { name: `${name}/` });
  return ops.queueEnqueueManyV2(queue, [tokens], { name: `${QUEUE}_EnqueueMany` });
}

function accumulate(variable: Variable, gradient: Gradient, localStep: Variable, count: number): Accumulator {
  return gradient instanceof IndexedSlices
    ? accumulateRows(variable, gradient, localStep, count)
    : accumulateDense(variable, gradient, localStep, count);
}

const sharedName = ({ name }: Variable): string => `${name}:0/grad_accum`;

function accumulateDense(variable: Variable, gradient: Output, localStep: Variable, count: number): Accumulator {
  const { graph, shape } = variable;
  const { ops } = graph;
  const { dtype } = gradient;
  const name = "conditional_accumulator";
  const handle = ops.resourceConditionalAccumulator({ dtype, shape, sharedName: sharedName(variable), name });
  return {
    apply: ops.resourceAccumulatorApplyGradient(handle, readAnywhere(localStep), gradient),
    mean: ops.resourceAccumulatorTakeGradient(handle, count, { dtype }),
    setGlobalStep: (step) =>
      graph.device(variable.handle.device, () =>
        ops.resourceAccumulatorSetGlobalStep(handle, readAnywhere(step), { name: "SetGlobalStep" }),
      ),
  };
}

function accumulateRows(variable: Variable, slices: IndexedSlices, localStep: Variable, count: number): Accumulator {
  const { graph } = variable;
  const { ops } = graph;
  const { dtype } = slices.values;
  const name = "sparse_conditional_accumulator";
  const handle = ops.sparseConditionalAccumulator({ dtype, shape: [], sharedName: sharedName(variable), name });
  const step = readAnywhere(localStep);
  const wide = (output: Output) =>
    output.dtype === DataType.INT64 ? output : ops.cast(output, { dstT: DataType.INT64 });
  const [indices, shape] = [wide(slices.indices), wide(slices.denseShape)];
  const apply = ops.sparseAccumulatorApplyGradient(handle, step, indices, slices.values, shape, {
    hasKnownShape: true,
  });
  const mean = ops.sparseAccumulatorTakeGradient(handle, count, { dtype });
  return {
    apply,
    mean: new IndexedSlices(mean.values, mean.indices, mean.shape),
    setGlobalStep: (newStep) =>
      graph.device(variable.handle.device, () =>
        ops.accumulatorSetGlobalStep(handle, readAnywhere(newStep), { name: "SetGlobalStep" }),
      ),
  };
}
