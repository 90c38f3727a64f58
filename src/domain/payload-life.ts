/**
 * How long a job keeps its input, checkpoint, output and logs: until its payload retention is over or somebody erases
 * them.
 * Erasing is not a state transition. State, sequence number, history and outcome stay, so a reader sees the same job
 * before and after, only without its payloads.
 */
import { invariant, TroupeError } from './errors.ts';
import { isTerminal, type JobRecord, type JobSpec, storedIdOf, terminalStates } from './job.ts';
import { keptAfterEndMs } from './record-life.ts';
import { given } from './given.ts';

const erased = { kind: 'erased' } as const;

/**
 * Why a payload is no longer available. `erased`: somebody erased it. `expired`: its retention is over. `missing`: it
 * should be in the store but is not, as after an EraseJobPayloads that was interrupted between the payloads and the
 * record.
 */
export type GoneReason = 'erased' | 'missing' | 'expired';

/** How long payloads can be read, from the creation of the job. The job must have started by then. */
export function payloadsKeptMs(spec: Pick<JobSpec, 'payloadRetentionMs' | 'retentionMs'>): number {
  return spec.payloadRetentionMs ?? spec.retentionMs;
}

/**
 * How long payloads are stored, from the creation of the job. Without their own retention they are kept for as long as
 * the record of a job that ends in time.
 */
export function payloadsStoredMs(spec: Pick<JobSpec, 'payloadRetentionMs' | 'retentionMs'>): number {
  return spec.payloadRetentionMs ?? spec.retentionMs + keptAfterEndMs(spec);
}

export function payloadsStoredUntilMs({ createdAtMs, spec }: Pick<JobRecord, 'createdAtMs' | 'spec'>): number {
  return createdAtMs + payloadsStoredMs(spec);
}

/**
 * Payloads in the record live as long as the record. With their own retention, even small payloads must be stored
 * outside.
 */
export function inlineLimit(spec: Pick<JobSpec, 'payloadRetentionMs'>, inlineMaxBytes: number): number {
  return spec.payloadRetentionMs === undefined ? inlineMaxBytes : -1;
}

/** When the payloads expire. Undefined if they live as long as the job. */
export function payloadsExpireAtMs({ createdAtMs, spec }: JobRecord): number | undefined {
  return spec.payloadRetentionMs === undefined ? undefined : createdAtMs + spec.payloadRetentionMs;
}

/** The error for erasing payloads of a job that has not ended. */
export function notEnded({ id: jobId, state }: JobRecord): TroupeError {
  return new TroupeError('JOB_STATE_FORBIDS', {
    message: `the job is ${state}, and only payloads of ended jobs can be erased: cancel it first`,
    metadata: { jobId, state, allowedStates: terminalStates.join(',') },
  });
}

export function eraseJob(record: JobRecord, nowMs: number): JobRecord {
  invariant(isTerminal(record.state), 'only the payloads of an ended job are erased');
  return {
    ...record,
    spec: { ...record.spec, input: erased },
    ...given({
      output: record.output === undefined ? undefined : erased,
      checkpoint: record.checkpoint === undefined ? undefined : { ...record.checkpoint, payload: erased },
      logs: record.logs?.map((log) => ({ ...log, payload: erased })),
    }),
    payloadsErasedAtMs: Math.max(nowMs, record.updatedAtMs),
  };
}

/** The ids of all payloads in the payload store that the record refers to. */
export function payloadIds({ spec, output, checkpoint, logs = [] }: JobRecord): readonly string[] {
  const payloads = [spec.input, output, checkpoint?.payload, ...logs.map(({ payload }) => payload)];
  return payloads.flatMap((payload) => (payload && storedIdOf(payload)) ?? []);
}
