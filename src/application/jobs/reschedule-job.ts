/** Gives a job that waits for its time another time, or makes it due now. Only the owner of its shard decides. */
import { TroupeError } from '../../domain/errors.ts';
import { jobIdParts } from '../../domain/job-id.ts';
import type { JobRecord } from '../../domain/job.ts';
import { payloadsKeptMs } from '../../domain/payload-life.ts';
import { type CallContext, callerText, ensureAwaited } from '../ports/call-context.ts';
import type { JobReader } from './job-reader.ts';
import type { Clock } from '../ports/runtime.ts';
import { callFor, type ShardBatcher } from '../protocol/shard-batcher.ts';
import type { JobView } from '../ports/shard-protocol.ts';
import { given } from '../../domain/given.ts';

/** Undefined if the caller gave neither a time nor `now`. */
export type NewTime = { readonly atMs: number } | 'now' | undefined;

export interface RescheduleJobParts {
  readonly reader: JobReader;
  readonly batcher: ShardBatcher;
  readonly clock: Clock;
}

export type RescheduleJob = (context: CallContext, jobId: string, when: NewTime) => Promise<JobView>;

export function createRescheduleJob({ reader, batcher, clock }: RescheduleJobParts): RescheduleJob {
  return async (context, jobId, when) => {
    ensureAwaited(context, clock.nowMs());
    if (when === undefined) throw invalid('or now is required');
    // Read the job first, because the shard does not check which tenant a job belongs to.
    const { record } = await reader.read(context, jobId);
    if (when !== 'now') ensureKept(record, when.atMs);
    const runAtMs = when !== 'now' ? when.atMs : undefined;
    const item = { jobId: record.id, by: callerText(context), ...given({ runAtMs }) };
    return batcher.call(jobIdParts(record.id).shard, 'reschedule', item, callFor(context));
  };
}

/** Refuses a time after the input expires, or after the job itself would. */
function ensureKept({ createdAtMs, spec }: JobRecord, atMs: number): void {
  const expiresAtMs = createdAtMs + payloadsKeptMs(spec);
  if (atMs < expiresAtMs) return;
  const what = spec.payloadRetentionMs === undefined ? 'retention' : 'payload retention';
  throw invalid(`must lie before the end of the job's ${what}, ${new Date(expiresAtMs).toISOString()}`);
}

function invalid(description: string): TroupeError {
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'run_time', description }] });
}
