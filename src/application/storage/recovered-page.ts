/** What a recovery needs of some records of a partition, the same for every store. */
import { briefOf, type JobBrief } from '../../domain/job-brief.ts';
import { isTerminal, type JobRecord } from '../../domain/job.ts';
import type { RecoveredPage, RecoveryTerms } from '../ports/job-store.ts';

export function recoveredPage(found: readonly JobRecord[], terms: RecoveryTerms): RecoveredPage {
  const records: JobRecord[] = [];
  const briefs: JobBrief[] = [];
  let stampedMs = 0;
  for (const record of found) {
    const part = partNeeded(record, terms);
    if (part === 'all') records.push(record);
    else stampedMs = Math.max(stampedMs, stampMsOf(record, terms));
    if (part === 'brief') briefs.push(briefOf(record));
  }
  return { records, briefs, stampedMs };
}

/** `none`: the job has ended, and nothing about it is left to be done. */
export function partNeeded(record: JobRecord, { eventsFromMs, isBrief }: RecoveryTerms): 'all' | 'brief' | 'none' {
  const { state, trail, requestKey, spec } = record;
  if (trail.some(({ atMs }) => atMs >= eventsFromMs)) return 'all';
  if (isTerminal(state)) return requestKey === undefined && spec.unique?.windowMs === undefined ? 'none' : 'all';
  const waits = state === 'QUEUED' || state === 'SCHEDULED' || state === 'RETRYING';
  return waits && isBrief ? 'brief' : 'all';
}

/** See `RecoveredPage.stampedMs`. 0 if the record's time is not believed. */
export function stampMsOf({ updatedAtMs, createdAtMs }: JobRecord, { stampMaxMs }: RecoveryTerms): number {
  // New ids must come after all existing ones, also after those of the same ms, because ranks of ids say which job is
  // later.
  const stampMs = Math.max(updatedAtMs, createdAtMs + 1);
  return stampMs <= stampMaxMs ? stampMs : 0;
}
