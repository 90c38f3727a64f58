/** Finds the durable record of a job: in memory, among the recently ended jobs, or in the store. */
import { TroupeError } from '../../../domain/errors.ts';
import { isTerminal, type JobRecord } from '../../../domain/job.ts';
import type { Slot } from '../core/batch-reply.ts';
import { storeRetryMs } from '../core/open-replies.ts';
import type { ShardCore } from '../core/shard-core.ts';
import { whenAnswered } from '../services/shard-message.ts';

export function notFound(jobId: string): TroupeError {
  return new TroupeError('JOB_NOT_FOUND', { metadata: { jobId } });
}

/**
 * Undefined if this owner may answer from memory. A former owner that was paused must not, because the store may know
 * better.
 */
export function ownershipDoubt({ services }: ShardCore): TroupeError | undefined {
  if (services.leaseIsSure()) return undefined;
  return new TroupeError('SHARD_UNAVAILABLE', { message: 'the owner is not sure of its lease at the moment' });
}

/**
 * Why nothing may be decided for a caller, who would have to wait for its commit. Undefined unless the store is known to
 * take no commits.
 */
export function storeRefusal({ storeTrouble, shard }: ShardCore): TroupeError | undefined {
  if (storeTrouble === undefined) return undefined;
  const { message } = storeTrouble;
  const metadata = { shard: String(shard) };
  return new TroupeError('STORE_UNAVAILABLE', { message, retryAfterMs: storeRetryMs, metadata });
}

/**
 * Refuses what the memory of this owner forbids. A former owner must not: another owner may have taken the job further,
 * and whoever asked would believe the answer. Its caller asks again.
 */
export function refuse(core: ShardCore, slot: Pick<Slot<never>, 'fail'>, error: TroupeError): void {
  slot.fail(ownershipDoubt(core) ?? error);
}

/** Says that the attempt is not the one that holds the job. A former owner cannot know, as with `refuse`. */
export function sayStale(core: ShardCore, slot: Slot<{ readonly kind: 'stale' }>): void {
  const doubt = ownershipDoubt(core);
  if (doubt === undefined) slot.ok({ kind: 'stale' });
  else slot.fail(doubt);
}

/**
 * Finds the holder of a key, for an answer that only names this job. The holder must be durable: otherwise the answer
 * could name a job that a crash takes back. And this process must still be the owner: otherwise the key could belong to
 * another job by now.
 */
export function withHolder(
  core: ShardCore,
  jobId: JobRecord['id'],
  slot: Pick<Slot<never>, 'fail'>,
  then: (record: JobRecord) => void,
): void {
  const doubt = ownershipDoubt(core);
  if (doubt === undefined) withRecord(core, jobId, slot, then);
  else slot.fail(doubt);
}

/**
 * Continues with the record, or fails the slot. An owner knows every unfinished job of its shard. If the store has one
 * that it does not know, a successor has accepted it, whatever the lease seems to be.
 */
export function withRecord(
  core: ShardCore,
  jobId: JobRecord['id'],
  slot: Pick<Slot<never>, 'fail'>,
  then: (record: JobRecord) => void,
): void {
  if (isKnown(core, jobId, then)) return;
  whenAnswered(core.context, 'store', core.services.store.findJob(jobId), (outcome) => {
    if (outcome.status === 'rejected') slot.fail(TroupeError.from(outcome.reason));
    // A cold job may have become warm while the store was asked.
    else if (isKnown(core, jobId, then)) return;
    else if (outcome.value === undefined) slot.fail(notFound(jobId));
    else if (isTerminal(outcome.value.state) || core.table.cold.find(jobId) !== undefined) then(outcome.value);
    else
      slot.fail(new TroupeError('SHARD_UNAVAILABLE', { message: 'another owner of the shard has accepted the job' }));
  });
}

/** True if the record is in memory. Then it continues. */
function isKnown(core: ShardCore, jobId: JobRecord['id'], then: (record: JobRecord) => void): boolean {
  const entry = core.table.get(jobId);
  if (entry !== undefined) {
    core.whenDurable(entry, then);
    return true;
  }
  const recent = core.table.recent(jobId);
  if (recent === undefined) return false;
  then(recent);
  return true;
}

/**
 * Loads a cold job, so that something can be decided about it. Then it continues with `again`, or fails the slot. False
 * if the job is not cold.
 */
export function isLoadedFirst(
  core: ShardCore,
  jobId: JobRecord['id'],
  slot: Pick<Slot<never>, 'fail'>,
  again: () => void,
): boolean {
  try {
    return core.coldRoom.loadOne(jobId, () => orFail(slot, again));
  } catch (error) {
    slot.fail(TroupeError.from(error));
    return true;
  }
}

function orFail(slot: Pick<Slot<never>, 'fail'>, again: () => void): void {
  try {
    again();
  } catch (error) {
    slot.fail(TroupeError.from(error));
  }
}
