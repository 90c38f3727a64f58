/**
 * How long a job keeps what it was given, has saved and returned: until its payload retention is over, or until somebody has
 * them erased. Erasing is not a transition: state, number, history and outcome stay, so a reader sees the same job before
 * and after, only without its payloads.
 */
import { invariant, TroupeError } from './errors.ts';
import { isTerminal, type JobRecord, type JobSpec, terminalStates } from './job.ts';
import { keptAfterEndMs } from './record-life.ts';

const erased = { kind: 'erased' } as const;

/**
 * Why there is no payload any more. `expired`: its retention is over. `missing`: it should be in the store and is not, as
 * after a DeleteJob that was cut off between the payloads and the record.
 */
export const goneReasons = ['erased', 'missing', 'expired'] as const;
export type GoneReason = (typeof goneReasons)[number];

/** From the creation of the job on: by then it must have begun. */
export function payloadsKeptMs(spec: Pick<JobSpec, 'payloadRetentionMs' | 'retentionMs'>): number {
  return spec.payloadRetentionMs ?? spec.retentionMs;
}

/** From the creation of the job on; without a retention of their own they are there for as long as a job that ended in time. */
export function payloadsStoredMs(spec: Pick<JobSpec, 'payloadRetentionMs' | 'retentionMs'>): number {
  return spec.payloadRetentionMs ?? spec.retentionMs + keptAfterEndMs(spec);
}

export function payloadsStoredUntilMs({ createdAtMs, spec }: Pick<JobRecord, 'createdAtMs' | 'spec'>): number {
  return createdAtMs + payloadsStoredMs(spec);
}

/** What lies in the record lives as long as it: with a retention of their own even small payloads lie beside it. */
export function inlineLimit(spec: Pick<JobSpec, 'payloadRetentionMs'>, inlineMaxBytes: number): number {
  return spec.payloadRetentionMs === undefined ? inlineMaxBytes : -1;
}

/** Undefined: as long as the job itself. */
export function payloadsExpireAtMs({ createdAtMs, spec }: JobRecord): number | undefined {
  return spec.payloadRetentionMs === undefined ? undefined : createdAtMs + spec.payloadRetentionMs;
}

/** Why the payloads of a job cannot be erased yet. */
export function notEnded({ id: jobId, state }: JobRecord): TroupeError {
  return new TroupeError('JOB_STATE_FORBIDS', {
    message: `the job is ${state}: cancel it first, only the payloads of an ended job are erased`,
    metadata: { jobId, state, allowedStates: terminalStates.join(',') },
  });
}

export function eraseJob(record: JobRecord, nowMs: number): JobRecord {
  invariant(isTerminal(record.state), 'only the payloads of an ended job are erased');
  return {
    ...record,
    spec: { ...record.spec, input: erased },
    ...(record.output !== undefined && { output: erased }),
    ...(record.checkpoint !== undefined && { checkpoint: { ...record.checkpoint, payload: erased } }),
    ...(record.logs !== undefined && { logs: record.logs.map((log) => ({ ...log, payload: erased })) }),
    payloadsErasedAtMs: Math.max(nowMs, record.updatedAtMs),
  };
}

/** Ids in the payload store of all that the record refers to. */
export function payloadIds({ spec, output, checkpoint, logs = [] }: JobRecord): readonly string[] {
  const payloads = [spec.input, output, checkpoint?.payload, ...logs.map(({ payload }) => payload)];
  return payloads.flatMap((payload) => (payload?.kind === 'ref' ? [payload.id] : []));
}
