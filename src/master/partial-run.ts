// A step that is fed and fetched in portions: the executors start with the first, and end with the last.
import { InvalidArgumentError } from "../errors/index.js";
import type { Node } from "../graph/graph.js";
import { Cancellation } from "../kernel/cancellation.js";
import { parseTensorName } from "../optimize/signature.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Feed } from "./feeds.js";
import type { Plan } from "./plan.js";
import { runParts } from "./run-parts.js";

export class PartialRun {
  readonly cancellation = new Cancellation();
  /** Keys in the rendezvous, by name. */
  readonly #feedKeys: ReadonlyMap<string, string>;
  readonly #fetchKeys: ReadonlyMap<string, string>;
  readonly #missingFeeds: Set<string>;
  readonly #missingFetches: Set<string>;

  constructor(
    readonly plan: Plan,
    readonly sessionHandle: string,
    readonly stepId: bigint,
  ) {
    const { feeds, fetches } = plan.signature;
    this.#feedKeys = new Map(feeds.map((name, i) => [name, plan.feedKeys[i]!]));
    this.#fetchKeys = new Map(fetches.map((name, i) => [name, plan.fetchKeys[i]!]));
    this.#missingFeeds = new Set(feeds);
    this.#missingFetches = new Set(fetches);
  }

  /** Whether this portion is the last one. Throws for what was not announced or can't be computed yet. */
  check(feeds: readonly Feed[], fetches: readonly string[]): boolean {
    for (const { name } of feeds) {
      if (!this.#feedKeys.has(name)) {
        throw new InvalidArgumentError(`The feed ${name} was not specified in partial_run_setup.`);
      }
      if (!this.#missingFeeds.has(name)) throw new InvalidArgumentError(`The feed ${name} has already been fed.`);
    }
    for (const name of fetches) {
      if (!this.#fetchKeys.has(name)) {
        throw new InvalidArgumentError(`The fetch ${name} was not specified in partial_run_setup.`);
      }
      if (!this.#missingFetches.has(name))
        throw new InvalidArgumentError(`The fetch ${name} has already been fetched.`);
    }
    const missing = new Set(this.#missingFeeds);
    for (const { name } of feeds) missing.delete(name);
    for (const name of fetches) this.#checkComputable(name, missing);
    return missing.size === 0 && this.#missingFetches.size === fetches.length;
  }

  async run(feeds: readonly Feed[], fetches: readonly string[], last: boolean): Promise<readonly Tensor[]> {
    for (const { name } of feeds) this.#missingFeeds.delete(name);
    for (const name of fetches) this.#missingFetches.delete(name);
    const { plan, sessionHandle, stepId } = this;
    try {
      const responses = await runParts(
        plan,
        {
          sessionHandle,
          stepId,
          sends: feeds.map(({ name, tensor }) => ({ key: this.#feedKeys.get(name)!, tensor })),
          recvKeys: fetches.map((name) => this.#fetchKeys.get(name)!),
          isPartial: true,
          isLastPartialRun: last,
          recordTimeline: false,
          recordCosts: false,
          recordPartitionGraphs: false,
        },
        this.cancellation,
      );
      const client = plan.parts.indexOf(plan.clientPart!);
      return client < 0 ? [] : responses[client]!.recvs;
    } finally {
      if (last || this.cancellation.reason !== null) this.cleanUp();
    }
  }

  cleanUp(): void {
    for (const { worker } of this.plan.parts) void worker.cleanupGraph(this.stepId).catch(() => {});
  }

  #checkComputable(fetch: string, missing: ReadonlySet<string>): void {
    const { graph } = this.plan;
    const { node: name, index } = parseTensorName(fetch);
    const unfed = new Map([...missing].map((feed) => [`_recv_${feed.replace(/:(\d+)$/, "_$1")}`, feed]));
    const pending: Node[] = [];
    const start = graph.find(`_send_${name}_${index}`);
    if (start !== undefined) pending.push(start);
    const seen = new Set(pending);
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      const feed = unfed.get(node.name);
      if (feed !== undefined) {
        // It is the feed that TensorFlow names.
        throw new InvalidArgumentError(`Fetch ${feed} can't be computed from the feeds that have been fed so far.`);
      }
      for (const source of [...node.inputs.map((input) => input.node), ...node.controlInputs]) {
        if (!seen.has(source)) {
          seen.add(source);
          pending.push(source);
        }
      }
    }
  }
}
