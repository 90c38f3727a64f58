/** Runs whose node has not been heard of for too long are lost: their jobs wait again, uncounted. */
import { isStartedOnce } from '../../domain/retry-policy.ts';
import type { JobEntry } from './table/job-table.ts';
import type { ShardCore } from './shard-core.ts';

/** Ticks are a second apart. */
const stalledAfterMs = 2_000;

export class SilentRuns {
  readonly #core: ShardCore;
  #lookedMs: number;

  constructor(core: ShardCore) {
    this.#core = core;
    this.#lookedMs = core.context.clock.monotonicMs();
  }

  /** At every tick. */
  lose(): void {
    const core = this.#core;
    const nowMs = core.context.clock.monotonicMs();
    // This process stood still: the silence was its own, and what came meanwhile is not handled yet. Or nobody reaches it, as
    // it reaches nobody: who is lost then is found out by whoever holds the lease afterwards.
    const isOwnSilence = nowMs - this.#lookedMs > stalledAfterMs || !core.services.leaseIsSure();
    if (isOwnSilence) for (const entry of core.table.running()) entry.heardMs = nowMs;
    this.#lookedMs = nowMs;
    const silentSinceMs = nowMs - core.services.limits.runLostAfterMs;
    for (const entry of [...core.table.running()]) {
      const { run } = entry.current;
      if (run === undefined || entry.heardMs > silentSinceMs || isUntold(entry)) continue;
      core.context.log.warn(
        { event: 'attempt.lost', jobId: entry.current.id, attempt: run.attempt, node: run.node },
        'no heartbeat of an attempt in time',
      );
      core.decide(entry, { kind: 'report', token: run.token, outcome: { kind: 'lost', blame: 'unknown' } });
    }
  }
}

/** Its node has not been told of it: see `claims-on-record.ts`. */
function isUntold({ current: { run, spec }, durable }: JobEntry): boolean {
  return isStartedOnce(spec.retry) && durable?.run?.token !== run?.token;
}
