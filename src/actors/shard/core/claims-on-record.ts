/**
 * Claims of jobs that may start only once. If a grant were lost in a crash, the job would be granted again to another
 * node. So a claim is answered only after the store has it. If the store takes too long, nobody gets the grant, and the
 * job waits again as if it had never been claimed, because none of its code has begun.
 */
import type { ClaimResult } from '../../../application/ports/shard-protocol.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { Decision, JobCommand } from '../../../domain/transitions.ts';
import type { Slot } from './batch-reply.ts';
import type { JobEntry } from '../table/queue-index.ts';
import { grantOf } from './grant.ts';
import type { Clock } from '../../../application/ports/runtime.ts';

/**
 * How long a node waits for its answer. Claims in the same batch wait for each other, because the batch is answered as
 * a whole.
 */
const answerMaxMs = 3_000;

interface Waiting {
  readonly slot: Slot<ClaimResult>;
  readonly untilMs: number;
}

/** What a claim needs of its shard. */
export interface ClaimingShard {
  readonly context: { readonly clock: Pick<Clock, 'monotonicMs'> };
  nowMs(): number;
  decide(entry: JobEntry, command: JobCommand, done?: (record: JobRecord) => void): Decision;
  askFlush(): void;
}

export class ClaimsOnRecord {
  readonly #waiting = new Set<Waiting>();

  claim(
    core: ClaimingShard,
    entry: JobEntry,
    command: Extract<JobCommand, { kind: 'claim' }>,
    { slot, acknowledge }: { readonly slot: Slot<ClaimResult>; readonly acknowledge: () => void },
  ): Decision {
    const { token } = command;
    const { clock } = core.context;
    const waiting = { slot, untilMs: clock.monotonicMs() + answerMaxMs };
    const decision = core.decide(entry, command, (record) => {
      const isAwaited = this.#waiting.delete(waiting);
      acknowledge();
      // The job may have been cancelled in the meantime.
      const isHeld = entry.current.run?.token === token;
      entry.heardMs = clock.monotonicMs();
      if (isAwaited) slot.ok(isHeld ? grantOf(record, token, core.nowMs()) : { kind: 'drop' });
      else if (isHeld) {
        core.decide(entry, { kind: 'report', token, outcome: { kind: 'released' } });
        core.askFlush();
      }
    });
    if (decision.kind === 'changed') this.#waiting.add(waiting);
    return decision;
  }

  /**
   * Answers claims that have waited too long, so that their messages go back. What becomes of such a claim is decided
   * when the store has it.
   */
  expire(nowMs: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.untilMs > nowMs) continue;
      this.#waiting.delete(waiting);
      waiting.slot.ok({ kind: 'later' });
    }
  }
}
