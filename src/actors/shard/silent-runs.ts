/**
 * A run is lost when its node has not been heard of for too long. Its job waits again, and the attempt does not count
 * against the retry policy.
 */
import { isStartedOnce } from '../../domain/retry-policy.ts';
import type { JobEntry } from './table/queue-index.ts';
import type { ShardCore } from './core/shard-core.ts';

/** Ticks come once a second. A longer gap means that this process did not run. */
const stalledAfterMs = 2_000;

export class SilentRuns {
  readonly #core: ShardCore;
  #lookedMs: number;

  constructor(core: ShardCore) {
    this.#core = core;
    this.#lookedMs = core.context.clock.monotonicMs();
  }

  /** Call this at every tick. */
  lose(): void {
    const core = this.#core;
    const nowMs = core.context.clock.monotonicMs();
    // Either this process did not run for a while. Then the silence was its own, and heartbeats that came meanwhile are
    // not handled yet. Or the lease is not sure, because this process reaches nobody. Then heartbeats do not reach it
    // either, and the next holder of the lease finds out which runs are lost.
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

/** The node has not received its grant yet. See `claims-on-record.ts`. */
function isUntold({ current: { run, spec }, durable }: JobEntry): boolean {
  return isStartedOnce(spec.retry) && durable?.run?.token !== run?.token;
}
