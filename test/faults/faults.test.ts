// A few of the faults that `npm run faults` draws by the hundred, always the same ones.
import * as assert from "uvu/assert";
import { test } from "../support/suite.js";
import { oneRun, startCluster } from "./campaign.js";
import type { ProxiedCluster } from "./proxied-cluster.js";

const RUNS = 16;
/** From here on every kind of fault is drawn soon. */
const SEED = 660;
const RUN_MS = 60_000;

let cluster: ProxiedCluster;

test.before(async () => {
  cluster = await startCluster();
});

for (let seed = SEED; seed < SEED + RUNS; seed++) {
  test(
    `seed ${seed}`,
    async () => {
      const { fault, problems, steps } = await oneRun(cluster, seed);
      assert.equal(problems, [], fault);
      assert.ok(steps > 0, fault);
    },
    RUN_MS,
  );
}

test.after(() => cluster[Symbol.asyncDispose]());

test.run();
