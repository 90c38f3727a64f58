/**
 * The part of a record that a shard needs of a job that waits while its record is in the store only. It has no input, no
 * texts of people and no history, so it is far smaller than most records. Pure.
 */
import { assertNever } from './errors.ts';
import { given } from './given.ts';
import type { JobRecord, JobSpec, Payload, UniqueKey } from './job.ts';

export type BriefSpec = Pick<
  JobSpec,
  | 'tenant'
  | 'queue'
  | 'queueNo'
  | 'handler'
  | 'handlerVersion'
  | 'priority'
  | 'fairnessKey'
  | 'concurrencyKey'
  | 'unique'
  | 'queueTimeoutMs'
  | 'totalTimeoutMs'
  | 'retentionMs'
>;

/** What a record and a brief have in common. */
export interface JobOutline extends Pick<
  JobRecord,
  'id' | 'requestKey' | 'state' | 'createdAtMs' | 'readyAtMs' | 'firstStartedAtMs'
> {
  readonly spec: BriefSpec;
}

export interface JobBrief extends JobOutline {
  readonly inputBytes: number;
  /** See `besidesInputBytes`. */
  readonly besidesBytes: number;
}

export function briefOf(record: JobRecord): JobBrief {
  const { id, requestKey, state, createdAtMs, readyAtMs, firstStartedAtMs, spec } = record;
  const bytes = { inputBytes: inputBytes(spec.input), besidesBytes: besidesInputBytes(record) };
  const own = { id, state, createdAtMs, readyAtMs, ...bytes };
  return { ...own, ...given({ requestKey, firstStartedAtMs }), spec: withUnique(sharedSpecOf(spec), spec.unique) };
}

/** The part that many jobs have in common. */
export type SharedSpec = Omit<BriefSpec, 'unique'>;

export function sharedSpecOf(spec: JobSpec): SharedSpec {
  const { tenant, queue, queueNo, handler, retentionMs } = spec;
  const { handlerVersion, priority, fairnessKey, concurrencyKey, queueTimeoutMs, totalTimeoutMs } = spec;
  const chosen = { handlerVersion, priority, fairnessKey, concurrencyKey, queueTimeoutMs, totalTimeoutMs };
  return { tenant, queue, queueNo, handler, retentionMs, ...given(chosen) };
}

export function withUnique(spec: SharedSpec, unique: UniqueKey | undefined): BriefSpec {
  return unique === undefined ? spec : { ...spec, unique };
}

/** Bytes that the job carries besides its input: checkpoint, logs and output. */
export function besidesInputBytes({
  output,
  checkpoint,
  logs,
}: Pick<JobRecord, 'output' | 'checkpoint' | 'logs'>): number {
  let bytes = output === undefined ? 0 : inputBytes(output);
  if (checkpoint !== undefined) bytes += inputBytes(checkpoint.payload);
  if (logs !== undefined) for (const { payload } of logs) bytes += inputBytes(payload);
  return bytes;
}

/** The size of a payload, which may be an input. */
export function inputBytes(input: Payload): number {
  switch (input.kind) {
    case 'json':
      return Buffer.byteLength(input.json);
    case 'bytes':
      return Buffer.byteLength(input.base64, 'base64');
    case 'ref':
    case 'sealed':
    case 'sealed-ref':
      return input.bytes;
    case 'erased':
      return 0;
    default:
      return assertNever(input);
  }
}
