// The hook of SyncReplicasOptimizer: each new session gets this worker's local step; the chief's hands out the first tokens
// and starts the loop that updates the variables.
import { FailedPreconditionError } from "../../errors/index.js";
import type { Operation } from "../output.js";
import type { Session } from "../session.js";
import type { SyncReplicasOptimizer } from "../sync-replicas.js";
import { type Coordinator, startQueueRunner } from "./coordinator.js";
import type { SessionRunHook } from "./hooks.js";
import { missingVariables } from "./scaffold.js";

export class SyncReplicasHook implements SessionRunHook {
  #initTokensOp: Operation | null = null;

  constructor(
    readonly optimizer: SyncReplicasOptimizer,
    readonly isChief: boolean,
    readonly numTokens: number,
  ) {}

  begin(): void {
    if (this.isChief) this.#initTokensOp = this.optimizer.initTokensOp(this.numTokens);
  }

  async afterCreateSession(session: Session, coordinator: Coordinator): Promise<void> {
    const { chiefInitOp, localStepInitOp, readyForLocalInitOp, queueRunner } = this.optimizer.syncOps;
    const localInitOp = this.isChief ? chiefInitOp : localStepInitOp;
    const missing = await missingVariables(session, readyForLocalInitOp);
    if (missing !== null) {
      throw new FailedPreconditionError(
        "Init operations did not make model ready for SyncReplicasOptimizer local_init. " +
          `Init op: ${localInitOp.name}, error: ${missing}`,
      );
    }
    await session.run(localInitOp);
    if (this.#initTokensOp === null) return;
    await session.run(this.#initTokensOp);
    startQueueRunner(queueRunner, session, coordinator);
  }
}
