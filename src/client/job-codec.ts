/** The codec of a client: inputs are encoded before anything is sent, and what came is decoded before the caller gets it. */
import { status as grpc } from '@grpc/grpc-js';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import type { RunPayload } from '../domain/attempt-outcome.ts';
import { decodeFailure } from '../domain/encoded-failure.ts';
import { given } from '../domain/given.ts';
import {
  CodecError,
  type CodecContext,
  decodeValue,
  encodeValue,
  fingerprintOf,
  type PayloadCodec,
} from '../domain/payload-codec.ts';
import { notSayable, TroupeClientError } from './client-error.ts';
import type { CallSettings } from './connection.ts';
import { fromJob } from './job-mapper.ts';
import { toPayload } from './job-requests.ts';
import type { JobFailureInfo, JobInfo } from './job-types.ts';
import { type Patience, whileWaitedFor } from './patience.ts';

/** Values of one call that the codec has at a time. */
export const codecAtOnce = 16;

/** Waits for the codec as long as the caller of a call would: `timeoutMs`, by default that of the client. */
export type ReadJob = (
  job: wire.Job,
  patience?: Pick<CallSettings, 'timeoutMs' | 'signal'> & Pick<Patience, 'untilMs'>,
) => Promise<JobInfo>;
type ParseJson = (text: string) => unknown;

/** Rejects with CODEC_FAILED, and when nobody waits for the codec any more. `timeoutMs` is the default. */
export function jobReader(codec: PayloadCodec | undefined, parseJson: ParseJson, timeoutMs: number): ReadJob {
  if (codec === undefined) return async (job) => fromJob(job, parseJson);
  const read = decodingReader(codec, parseJson);
  // The call is over, whatever becomes of its answer.
  return (job, { timeoutMs: own, signal, untilMs } = {}) =>
    whileWaitedFor(read(job), { timeoutMs: own ?? timeoutMs, signal, untilMs, outcome: 'unknown' });
}

function decodingReader(codec: PayloadCodec, parseJson: ParseJson): (job: wire.Job) => Promise<JobInfo> {
  return async (job) => {
    const { spec } = job;
    const handler = spec?.handler ?? '';
    const [input, output] = await Promise.all([
      decoded(codec, job.id, { field: 'input', handler, jobId: undefined }, spec?.input ?? null),
      decoded(codec, job.id, { field: 'output', handler, jobId: job.id }, job.output),
    ]);
    const info = fromJob({ ...job, spec: spec && { ...spec, input }, output }, parseJson);
    const { failure } = info;
    return failure === undefined ? info : { ...info, failure: await decodedFailure(codec, info, failure) };
  };
}

/** One text that is damaged must not hide the job: its failure says so in its place. */
async function decodedFailure(
  codec: PayloadCodec,
  { id, handler }: JobInfo,
  failure: JobFailureInfo,
): Promise<JobFailureInfo> {
  try {
    return await decodeFailure(codec, { field: 'failure', handler, jobId: id }, failure);
  } catch (error) {
    const { reason, code } = failure;
    const message = `${error instanceof CodecError ? error.message : 'failure: its text is damaged'} (job ${id})`;
    return { reason, message, ...given({ code }) };
  }
}

async function decoded(
  codec: PayloadCodec,
  jobId: string,
  about: CodecContext,
  payload: wire.Payload | null,
): Promise<wire.Payload | null> {
  const value = valueOf(payload);
  if (payload === null || value === undefined) return payload;
  const plain = await decodeValue(codec, about, value).catch((error: unknown) => {
    throw codecFailed(error, jobId);
  });
  return plain.kind === 'json'
    ? { ...payload, kind: 'json', json: plain.json }
    : { ...payload, kind: 'data', data: plain.bytes };
}

/** Undefined if it is not here: gone, too large for an answer, or withheld. */
function valueOf(payload: wire.Payload | null): RunPayload | undefined {
  switch (payload?.kind) {
    case 'data':
      // protobufjs decodes no bytes as an empty array, which is not a Uint8Array.
      return { kind: 'bytes', bytes: Uint8Array.from(payload.data ?? []) };
    case 'json':
      return { kind: 'json', json: payload.json ?? 'null' };
    case 'gone':
    case 'largeBytes':
    case 'withheldBytes':
    case undefined:
      return undefined;
  }
}

/** Collects the whole, because a codec takes whole values. Rejects with CODEC_FAILED. */
export async function* decodedDownload(
  codec: PayloadCodec,
  { jobId, field, handler }: { readonly jobId: string; readonly field: 'input' | 'output'; readonly handler: string },
  pieces: AsyncIterable<Uint8Array>,
  patience: Patience,
): AsyncGenerator<Uint8Array, void> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  const about = { field, handler, jobId: field === 'input' ? undefined : jobId };
  const decoding = decodeValue(codec, about, { kind: 'bytes', bytes: Buffer.concat(all) });
  const plain = await whileWaitedFor(decoding, { ...patience, outcome: 'none' }).catch((error: unknown) => {
    throw codecFailed(error, jobId);
  });
  const bytes = plain.kind === 'json' ? Buffer.from(plain.json) : plain.bytes;
  if (bytes.byteLength > 0) yield bytes;
}

export interface EncodedInput {
  readonly input: Uint8Array;
  /** Undefined if nobody needs it. */
  readonly fingerprint: Uint8Array | undefined;
}

/**
 * Rejects with CODEC_FAILED, and with INVALID_JOB_SPEC for a key that nobody could repeat. `hasKey`: the caller has a key of his
 * own. A key that the client makes is repeated with the same encoded bytes. Nothing is sent before, so it had no effect if
 * nobody waits for the codec any more.
 */
export async function encodeInput(
  codec: PayloadCodec,
  { handler, input }: { readonly handler: string; readonly input?: unknown },
  { hasKey, ...patience }: Patience & { readonly hasKey: boolean },
): Promise<EncodedInput> {
  const value = inputValue(toPayload(input, 'job.input'));
  const about = { field: 'input', handler, jobId: undefined } as const;
  if (hasKey && codec.fingerprint === undefined) throw noFingerprint();
  const encode = async (): Promise<EncodedInput> => {
    const fingerprint = hasKey ? await fingerprintOf(codec, about, value) : undefined;
    return { input: await encodeValue(codec, about, value), fingerprint };
  };
  return whileWaitedFor(encode(), { ...patience, outcome: 'none' }).catch((error: unknown) => {
    throw codecFailed(error, undefined);
  });
}

function inputValue(payload: Init<wire.Payload> | undefined): RunPayload {
  if (payload?.data instanceof Uint8Array) return { kind: 'bytes', bytes: payload.data };
  return { kind: 'json', json: payload?.json ?? 'null' };
}

function noFingerprint(): TroupeClientError {
  const description = 'needs `fingerprint` of the codec: encoded inputs differ each time, so a repeat would be refused';
  return notSayable('INVALID_JOB_SPEC', [{ field: 'idempotency_key', description }]);
}

/** What would pass the codec by is refused. Nothing was sent. */
export function pastTheCodec(field: string, description: string): TroupeClientError {
  return notSayable('INVALID_ARGUMENT', [{ field, description: `${description}, and would pass the codec by` }]);
}

/** Names the job and the field, and never what is in it. The cause is the error of the codec itself. */
function codecFailed(error: unknown, jobId: string | undefined): unknown {
  if (!(error instanceof CodecError)) return error;
  const { field, message, cause } = error;
  return new TroupeClientError({
    code: 'CODEC_FAILED',
    message: jobId === undefined ? message : `${message} (job ${jobId})`,
    status: grpc[grpc.UNKNOWN],
    retryable: false,
    outcome: 'none',
    metadata: { field, ...given({ jobId }) },
    cause,
  });
}
