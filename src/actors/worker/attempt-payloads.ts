/** Payloads on their way to and from a run: small ones lie in the record, large ones go to the payload store first. */
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import type { AttemptOutcome, RunPayload } from '../../domain/attempt-outcome.ts';
import type { ClaimResult } from '../../application/protocol/shard-protocol.ts';
import type { Payload } from '../../domain/job.ts';

export interface PayloadLocation {
  readonly payloads: PayloadStore;
  readonly limits: { readonly outputMaxBytes: number };
  /** What is larger lies in the store. */
  readonly inlineMaxBytes: number;
  /** Unique to the attempt: two attempts may return different bytes. */
  readonly payloadId: string;
  readonly expiresAtMs: number;
}

/** Rejects when the payload store does not answer; the caller tries again. */
export async function attemptOutcome(outcome: RunOutcome, place: PayloadLocation): Promise<AttemptOutcome> {
  if (outcome.kind !== 'succeeded') return outcome;
  if (outcome.output === undefined) return { kind: 'succeeded' };
  const bytes = bytesOf(outcome.output);
  if (bytes > place.limits.outputMaxBytes) {
    const message = `the output has ${bytes} bytes, at most ${place.limits.outputMaxBytes} are allowed`;
    return { kind: 'failed', retryable: false, failure: { reason: 'INVALID_OUTPUT', message } };
  }
  return { kind: 'succeeded', output: await stored(outcome.output, place) };
}

/** In the form that a record can hold; durable where it is only referred to. */
export async function stored(payload: RunPayload, place: PayloadLocation): Promise<Payload> {
  const bytes = bytesOf(payload);
  if (bytes <= place.inlineMaxBytes) return inline(payload);
  await place.payloads.putPayload({
    id: place.payloadId,
    bytes: payload.kind === 'json' ? Buffer.from(payload.json) : payload.bytes,
    expiresAtMs: place.expiresAtMs,
  });
  return { kind: 'ref', id: place.payloadId, bytes, encoding: payload.kind };
}

export function bytesOf(payload: RunPayload): number {
  return payload.kind === 'json' ? Buffer.byteLength(payload.json) : payload.bytes.byteLength;
}

function inline(payload: RunPayload): Payload {
  return payload.kind === 'json'
    ? { kind: 'json', json: payload.json }
    : { kind: 'bytes', base64: Buffer.from(payload.bytes).toString('base64') };
}

/** What a run is given. */
export interface AttemptPayloads {
  /** Undefined: the payload store no longer has it. */
  readonly input: RunPayload | undefined;
  readonly checkpoint?: RunPayload | undefined;
}

export async function fetchPayloads(
  { spec, checkpoint }: Pick<Extract<ClaimResult, { kind: 'granted' }>, 'spec' | 'checkpoint'>,
  payloads: PayloadStore,
): Promise<AttemptPayloads> {
  const [input, saved] = await Promise.all([
    opened(spec.input, payloads),
    checkpoint === undefined ? undefined : opened(checkpoint, payloads),
  ]);
  return { input, checkpoint: saved };
}

/** As the run pool wants it. Undefined when the payload store no longer has it. */
async function opened(payload: Payload, payloads: PayloadStore): Promise<RunPayload | undefined> {
  if (payload.kind === 'json') return payload;
  if (payload.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(payload.base64, 'base64') };
  if (payload.kind === 'erased') return undefined;
  const bytes = await payloads.getPayload(payload.id);
  if (bytes === undefined) return undefined;
  return payload.encoding === 'json'
    ? { kind: 'json', json: Buffer.from(bytes).toString('utf8') }
    : { kind: 'bytes', bytes };
}

/** Of a run without its input. A store that does not answer is not the job's fault: it is released as if never claimed. */
export function outcomeUnfetched(answered: boolean): RunOutcome {
  if (!answered) return { kind: 'released' };
  const failure = { reason: 'INVALID_INPUT', message: 'the input is no longer in the payload store' } as const;
  return { kind: 'failed', retryable: false, failure };
}
