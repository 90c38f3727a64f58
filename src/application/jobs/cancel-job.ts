/** Cancels a job. Only the owner of its shard decides. Its answer is durable. */
import { TroupeError } from '../../domain/errors.ts';
import { isTerminal, type JobRecord } from '../../domain/job.ts';
import { jobIdParts } from '../../domain/job-id.ts';
import { type CallContext, callerText, ensureAwaited } from '../ports/call-context.ts';
import type { JobReader } from './job-reader.ts';
import type { Clock } from '../ports/runtime.ts';
import { callFor, type ShardBatcher } from '../protocol/shard-batcher.ts';
import type { JobView } from '../ports/shard-protocol.ts';

const reasonMax = 256;

export interface CancelJobParts {
  readonly reader: JobReader;
  readonly batcher: ShardBatcher;
  readonly clock: Clock;
}

interface CancelOptions {
  /** Rejects with JOB_STATE_FORBIDS while an attempt is running. */
  readonly unlessRunning: boolean;
}

export type CancelJob = (
  context: CallContext,
  jobId: string,
  reason: string,
  options?: CancelOptions,
) => Promise<JobView>;

export function createCancelJob({ reader, batcher, clock }: CancelJobParts): CancelJob {
  return async (context, jobId, reason, options) => {
    ensureAwaited(context, clock.nowMs());
    if (reason.length > reasonMax) {
      const description = `must have at most ${reasonMax} characters`;
      throw new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'reason', description }] });
    }
    // Read the job first, because the shard does not check which tenant a job belongs to.
    const seen = await reader.read(context, jobId);
    const { id } = seen.record;
    const unlessRunning = options?.unlessRunning === true ? { unlessRunning: true } : {};
    const view = isTerminal(seen.record.state)
      ? seen
      : await batcher.call(
          jobIdParts(id).shard,
          'cancel',
          { jobId: id, reason, by: callerText(context), ...unlessRunning },
          callFor(context),
        );
    refuseEnded(view.record);
    return view;
  };
}

function refuseEnded({ id, state }: JobRecord): void {
  if (!isTerminal(state) || state === 'CANCELLED') return;
  throw new TroupeError('JOB_STATE_FORBIDS', {
    message: `the job is already ${state}`,
    metadata: { jobId: id, state },
  });
}
