/** If a job asks for it, refuses the job when it would more likely than not miss its deadline. */
import { TroupeError } from '../../domain/errors.ts';
import type { JobSpec } from '../../domain/job.ts';
import { lateStart } from '../../domain/late-start.ts';
import { retryAfterMs } from '../../domain/retry-after.ts';
import type { Clock, Random } from '../ports/runtime.ts';
import type { QueueStatsReader } from '../queues/queue-stats.ts';

/** Rejects with WOULD_BE_LATE. */
export type LateCheck = (spec: Omit<JobSpec, 'input'>) => Promise<void>;

export function createLateCheck(parts: {
  readonly stats: Pick<QueueStatsReader, 'read'>;
  readonly clock: Clock;
  readonly random: Random;
}): LateCheck {
  const { stats, clock, random } = parts;
  return async (spec) => {
    const { tenant, queue, refuseLate, queueTimeoutMs, totalTimeoutMs } = spec;
    if (refuseLate !== true || (queueTimeoutMs ?? totalTimeoutMs) === undefined) return;
    const late = lateStart(spec, (await stats.read(tenant, queue)).stats, clock.nowMs());
    if (late === undefined) return;
    const { field, timeoutMs, estimateMs } = late;
    const estimate = String(Math.round(estimateMs));
    throw new TroupeError('WOULD_BE_LATE', {
      message: `${field} is ${timeoutMs} ms, but with the jobs that wait in queue ${queue} it would take about ${estimate} ms`,
      metadata: { queue, field, timeoutMs: String(timeoutMs), estimateMs: estimate },
      retryAfterMs: retryAfterMs({ excess: estimateMs - timeoutMs, perSecond: 1_000, random: random() }),
    });
  };
}
