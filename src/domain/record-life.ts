/**
 * How long a job may take and how long its record is kept.
 *
 * The retention counts from creation and bounds both. A job that has not ended by then is ended, as by a total timeout,
 * so no unfinished job ever just disappears. A job that ended late stays readable for a while after its end.
 */
import type { JobOutline } from './job-brief.ts';
import { isTerminal, type JobRecord, type JobSpec } from './job.ts';

/** No record is kept longer, so a listing looks no further back. */
export const retentionMaxMs = 400 * 24 * 3_600_000;
const keptAfterEndMaxMs = 3_600_000;

/** The latest end of the job: its total timeout or the end of its retention, whichever comes first. */
export function endsByMs({ createdAtMs, spec }: Pick<JobOutline, 'createdAtMs' | 'spec'>): number {
  return createdAtMs + Math.min(spec.totalTimeoutMs ?? Infinity, spec.retentionMs);
}

/** The shortest time that a record is kept after its end: one hour, or the retention if that is shorter. */
export function keptAfterEndMs({ retentionMs }: Pick<JobSpec, 'retentionMs'>): number {
  return Math.min(retentionMs, keptAfterEndMaxMs);
}

/** The instant from which the job cannot be found any more. Infinity while it has not ended. */
export function goneAtMs(record: JobRecord): number {
  const { createdAtMs, updatedAtMs, finishedAtMs = updatedAtMs, spec, state } = record;
  if (!isTerminal(state)) return Infinity;
  return Math.max(createdAtMs + spec.retentionMs, finishedAtMs + keptAfterEndMs(spec));
}

/**
 * The expiry reported to readers. An unfinished job reports the end of its retention; it is ended then and is kept a
 * while longer.
 */
export function expiresAtMs(record: JobRecord): number {
  return isTerminal(record.state) ? goneAtMs(record) : record.createdAtMs + record.spec.retentionMs;
}

/**
 * How long the job's list entries are kept. The time covers every job that ends in time; one that ends later is entered
 * again.
 */
export function listedUntilMs(record: JobRecord): number {
  const { createdAtMs, spec } = record;
  return isTerminal(record.state) ? goneAtMs(record) : createdAtMs + spec.retentionMs + keptAfterEndMs(spec);
}
