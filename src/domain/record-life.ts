/**
 * How long a job may take, and how long its record stays. The retention counts from the creation and bounds both: a job
 * that has not ended by then is ended, as by a total timeout, so nothing unfinished is ever just gone; and one that ended
 * late stays readable for a while after its end.
 */
import { isTerminal, type JobRecord, type JobSpec } from './job.ts';

const keptAfterEndMaxMs = 3_600_000;

/** By when the job has to have ended: its total timeout, at the latest the end of its retention. */
export function endsByMs({ createdAtMs, spec }: Pick<JobRecord, 'createdAtMs' | 'spec'>): number {
  return createdAtMs + Math.min(spec.totalTimeoutMs ?? Infinity, spec.retentionMs);
}

/** A record stays for at least so long after its end: an hour, and no longer than its retention. */
export function keptAfterEndMs({ retentionMs }: Pick<JobSpec, 'retentionMs'>): number {
  return Math.min(retentionMs, keptAfterEndMaxMs);
}

/** From when on nobody finds the job any more. Infinity: it has not ended. */
export function goneAtMs(record: JobRecord): number {
  const { createdAtMs, updatedAtMs, finishedAtMs = updatedAtMs, spec, state } = record;
  if (!isTerminal(state)) return Infinity;
  return Math.max(createdAtMs + spec.retentionMs, finishedAtMs + keptAfterEndMs(spec));
}

/** What its readers are told: an unfinished job is ended then, and stays a while longer. */
export function expiresAtMs(record: JobRecord): number {
  return isTerminal(record.state) ? goneAtMs(record) : record.createdAtMs + record.spec.retentionMs;
}

/** Of the lists that a job that ends in time is in: one that ends later is entered again. */
export function listedUntilMs(record: JobRecord): number {
  const { createdAtMs, spec } = record;
  return isTerminal(record.state) ? goneAtMs(record) : createdAtMs + spec.retentionMs + keptAfterEndMs(spec);
}
