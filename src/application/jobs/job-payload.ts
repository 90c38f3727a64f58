/** The input or the output of a job, for calls that hand it out. */
import { TroupeError } from '../../domain/errors.ts';
import type { JobRecord, Payload } from '../../domain/job.ts';
import type { GoneReason } from '../../domain/payload-life.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import type { Clock } from '../ports/runtime.ts';
import { goneSince } from './get-job.ts';
import type { JobReader } from './job-reader.ts';

export interface PayloadOfJob {
  readonly jobId: string;
  readonly which: 'input' | 'output';
}

export interface PayloadReaderParts {
  readonly reader: JobReader;
  readonly clock: Clock;
}

/** Rejects with JOB_STATE_FORBIDS if there is no output yet, and with PAYLOAD_GONE if the job does not have it any more. */
export async function payloadOfJob(
  { reader, clock }: PayloadReaderParts,
  context: CallContext,
  { jobId, which }: PayloadOfJob,
): Promise<{ readonly record: JobRecord; readonly payload: Payload }> {
  ensureAwaited(context, clock.nowMs());
  const { record } = await reader.read(context, jobId);
  const payload = which === 'input' ? record.spec.input : record.output;
  if (payload === undefined) throw noOutput(record);
  const why = goneSince(record, clock.nowMs());
  if (why !== undefined) throw payloadGone(record, which, why);
  return { record, payload };
}

export function payloadGone({ id }: JobRecord, which: PayloadOfJob['which'], why: GoneReason): TroupeError {
  return new TroupeError('PAYLOAD_GONE', {
    message: `the ${which} of the job is gone: ${why}`,
    metadata: { jobId: id, why },
  });
}

function noOutput({ id, state }: JobRecord): TroupeError {
  return new TroupeError('JOB_STATE_FORBIDS', {
    message: `the job is ${state} and has no output`,
    metadata: { jobId: id, state },
  });
}
