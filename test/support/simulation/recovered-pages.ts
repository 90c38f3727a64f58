/** Changes what a recovery reads, for the bugs that the simulation must find. */
import type { RecoveredPage, RecoveryTerms } from '../../../src/application/ports/job-store.ts';
import type { JobOutline } from '../../../src/domain/job-brief.ts';
import type { JobSpec } from '../../../src/domain/job.ts';

/** Under these terms every job is in `records`. */
export const wholeRecords: RecoveryTerms = { eventsFromMs: 0, isBrief: false, stampMaxMs: Infinity };

export async function* changedPages(
  pages: AsyncIterable<RecoveredPage>,
  change: <T extends JobOutline>(job: T) => T,
): AsyncGenerator<RecoveredPage, void> {
  for await (const { records, briefs, stampedMs } of pages) {
    yield { records: records.map((record) => change(record)), briefs: briefs.map((brief) => change(brief)), stampedMs };
  }
}

export function withoutRequestKey<T extends JobOutline>({ requestKey: _requestKey, ...job }: T): T {
  return job as unknown as T;
}

export function withoutUniqueKey<T extends JobOutline>(job: T): T {
  const { unique: _unique, ...spec } = job.spec;
  return { ...job, spec };
}

/** Which events are published is in records only, and a brief has none that may be missing. */
export function withoutPublishedEvents<T extends JobOutline>(job: T): T {
  const { publishedEvents: _published, ...spec } = job.spec as Partial<JobSpec>;
  return { ...job, spec };
}
