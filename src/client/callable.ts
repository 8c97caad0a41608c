// A step that the master keeps ready: its feeds come by position, nothing is looked up by name.
import { InvalidArgumentError } from "../errors/index.js";
import type { TensorProto } from "../wire/core.js";
import { type FeedKey, type Fetched, type FetchPlan, feedValue } from "./fetches.js";
import type { Graph } from "./graph.js";
import { type Feedable, type TensorValue, valueFromProto, valueToProto } from "./values.js";

/** What a session does for its callable. */
export interface CallableHost {
  run(feeds: readonly TensorProto[], signal: AbortSignal | undefined): Promise<readonly TensorProto[]>;
  release(): Promise<void>;
}

export class Callable<F> implements AsyncDisposable {
  #released: Promise<void> | null = null;

  constructor(
    private readonly graph: Graph,
    readonly feeds: readonly FeedKey[],
    private readonly plan: FetchPlan,
    private readonly host: CallableHost,
  ) {}

  /** @throws InvalidArgumentError for another number of feeds, OpError as the master gives it */
  run(...feeds: readonly Feedable[]): Promise<Fetched<F>> {
    return this.runWith(feeds, {});
  }

  async runWith(values: readonly Feedable[], { signal }: { readonly signal?: AbortSignal }): Promise<Fetched<F>> {
    if (values.length !== this.feeds.length) {
      throw new InvalidArgumentError(`Expected ${this.feeds.length} feed tensors, but got ${values.length}`);
    }
    const protos = await this.host.run(
      values.map((value, i) => valueToProto(feedValue(this.graph, this.feeds[i]!, value))),
      signal,
    );
    const fetched: TensorValue[] = protos.map(valueFromProto);
    return this.plan.build(fetched) as Fetched<F>;
  }

  /** The master may forget it (ReleaseCallable). */
  close(): Promise<void> {
    this.#released ??= this.host.release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
