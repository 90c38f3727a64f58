/** Converts payloads between runs and records. A record holds a small payload itself; a large one is in the payload store. */
import type { PayloadStore, StoredPayload } from '../../application/ports/payload-store.ts';
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import type { AttemptOutcome, RunInput, RunOutput, RunPayload } from '../../domain/attempt-outcome.ts';
import type { ClaimResult } from '../../application/ports/shard-protocol.ts';
import type { SealKind } from '../../application/sealing/envelope.ts';
import { payloadOwner } from '../../application/sealing/job-seals.ts';
import {
  type OpeningParts,
  openSealed,
  openSealedParts,
  type PayloadOwner,
} from '../../application/sealing/sealed-payloads.ts';
import { isDamagedPayload, isDamagedSeal } from '../../application/storage/damaged-payload.ts';
import { checkpointMaxBytes, isSealed, type Payload, storedIdOf } from '../../domain/job.ts';
import { inputBytes } from '../../domain/job-brief.ts';
import type { AttemptStreams, StoredRef } from './attempt-streams.ts';
import type { RunSeal } from './run-seal.ts';

export interface PayloadLocation {
  readonly payloads: PayloadStore;
  readonly limits: { readonly outputMaxBytes: number };
  /** A larger payload goes to the payload store. */
  readonly inlineMaxBytes: number;
  /** Unique to the attempt, because two attempts may return different bytes. */
  readonly payloadName: string;
  readonly expiresAtMs: number;
  /** Undefined if the attempt seals nothing. */
  readonly seal: RunSeal | undefined;
}

/** Rejects if the payload store does not answer, or the keys are away. The caller then tries again. */
export async function attemptOutcome(
  outcome: RunOutcome,
  place: PayloadLocation,
  streams: AttemptStreams | undefined,
): Promise<AttemptOutcome> {
  if (outcome.kind === 'failed') return failedOutcome(outcome, place, streams);
  if (outcome.kind !== 'succeeded') return outcome;
  if (outcome.output === undefined) return { kind: 'succeeded' };
  if (outcome.output.kind === 'streamed') return streamedOutcome(streams);
  const bytes = bytesOf(outcome.output);
  if (bytes > place.limits.outputMaxBytes) {
    const message = `the output has ${bytes} bytes, at most ${place.limits.outputMaxBytes} are allowed`;
    return failedOutcome(
      { kind: 'failed', retryable: false, failure: { reason: 'INVALID_OUTPUT', message } },
      place,
      streams,
    );
  }
  return { kind: 'succeeded', output: await stored(outcome.output, place, 'output') };
}

type Failed = Extract<AttemptOutcome, { readonly kind: 'failed' }>;

async function failedOutcome(
  outcome: Failed,
  { seal }: PayloadLocation,
  streams: AttemptStreams | undefined,
): Promise<AttemptOutcome> {
  // The handler saw that its stream broke, and cannot know why.
  const failed = streams?.isDamaged === true ? damagedFor(outcome) : outcome;
  return seal === undefined ? failed : { ...failed, failure: await seal.failure(failed.failure) };
}

function damagedFor({ nextMemoryMb: _, ...outcome }: Failed): Failed {
  return { ...outcome, retryable: false, failure: { ...outcome.failure, reason: 'PAYLOAD_DAMAGED' } };
}

/** A thread may say that it has streamed an output although it has not. */
function streamedOutcome(streams: AttemptStreams | undefined): AttemptOutcome {
  if (streams?.output !== undefined) return { kind: 'succeeded', output: streams.output };
  const message = 'the output was not written';
  return { kind: 'failed', retryable: false, failure: { reason: 'INVALID_OUTPUT', message } };
}

/** Returns the payload in the form that a record can hold. If that is a reference, its bytes are durable. */
export async function stored(
  payload: RunPayload | StoredRef,
  place: PayloadLocation,
  kind: 'output' | 'checkpoint' | 'log',
): Promise<Payload> {
  if (isStored(payload)) return payload;
  if (place.seal !== undefined) return storedSealed(payload, place, { kind, seal: place.seal });
  const bytes = bytesOf(payload);
  if (bytes <= place.inlineMaxBytes) return inline(payload);
  const id = await place.payloads.putPayload({
    name: place.payloadName,
    bytes: payload.kind === 'json' ? Buffer.from(payload.json) : payload.bytes,
    expiresAtMs: place.expiresAtMs,
  });
  return { kind: 'ref', id, bytes, encoding: payload.kind };
}

async function storedSealed(
  payload: RunPayload,
  { payloads, payloadName: name, expiresAtMs, inlineMaxBytes }: PayloadLocation,
  { kind, seal }: { readonly kind: SealKind; readonly seal: RunSeal },
): Promise<Payload> {
  const whole = await seal.whole(payload, { kind, name, inlineMaxBytes });
  if (whole.kind === 'inline') return whole.payload;
  const id = await payloads.putPayload({ name, bytes: whole.bytes, expiresAtMs });
  seal.stored(kind, name);
  return whole.refTo(id);
}

export function isStored(payload: RunPayload | StoredRef): payload is StoredRef {
  return payload.kind === 'ref' || payload.kind === 'sealed-ref';
}

/** What it takes up in the memory of this process. */
export function bytesOf(payload: RunOutput): number {
  if (payload.kind === 'streamed') return 0;
  return payload.kind === 'json' ? Buffer.byteLength(payload.json) : payload.bytes.byteLength;
}

function inline(payload: RunPayload): Payload {
  return payload.kind === 'json'
    ? { kind: 'json', json: payload.json }
    : { kind: 'bytes', base64: Buffer.from(payload.bytes).toString('base64') };
}

/** The payloads that a run receives. */
export interface AttemptPayloads {
  /** Undefined if the payload store no longer has it. */
  readonly input: RunInput | undefined;
  /** An input that is read piece by piece. */
  readonly source?: StoredPayload | undefined;
  readonly checkpoint?: RunInput | undefined;
  /** A checkpoint that is read piece by piece. */
  readonly checkpointSource?: StoredPayload | undefined;
}

type FetchParts = OpeningParts & { readonly jobId: string };

export async function fetchPayloads(
  { spec, checkpoint }: Pick<Extract<ClaimResult, { kind: 'granted' }>, 'spec' | 'checkpoint'>,
  parts: FetchParts,
  isStreamed: (payload: Payload) => boolean,
): Promise<AttemptPayloads> {
  const ownerOf = (kind: SealKind) => payloadOwner({ id: parts.jobId, spec }, kind);
  const [input, saved] = await Promise.all([
    (isStreamed(spec.input) ? streamedInput : wholeInput)(spec.input, parts, ownerOf('input')),
    checkpoint === undefined
      ? undefined
      : savedCheckpoint(checkpoint, parts, ownerOf('checkpoint')).catch(damagedIsUndefined),
  ]);
  return { ...input, checkpoint: saved?.input, checkpointSource: saved?.source };
}

/** One that was too large to be a value was streamed, and is read so. */
async function savedCheckpoint(
  checkpoint: Payload,
  parts: OpeningParts,
  owner: PayloadOwner,
): Promise<AttemptPayloads> {
  const isLarge = storedIdOf(checkpoint) !== undefined && inputBytes(checkpoint) > checkpointMaxBytes;
  return (isLarge ? streamedInput : wholeInput)(checkpoint, parts, owner);
}

async function wholeInput(input: Payload, parts: OpeningParts, owner: PayloadOwner): Promise<AttemptPayloads> {
  return { input: await opened(input, parts, owner) };
}

async function streamedInput(input: Payload, parts: OpeningParts, owner: PayloadOwner): Promise<AttemptPayloads> {
  const source = await openedParts(input, parts, owner);
  if (source === undefined) return { input: undefined };
  const { bytes, sha256 } = source;
  return { input: { kind: 'streamed', bytes, sha256 }, source };
}

async function openedParts(
  input: Payload,
  parts: OpeningParts,
  owner: PayloadOwner,
): Promise<StoredPayload | undefined> {
  if (isSealed(input)) return openSealedParts(parts, owner, input);
  return input.kind === 'ref' ? parts.payloads.openPayload(input.id) : undefined;
}

/** Returns the payload in the form of the run pool, or undefined if the payload store no longer has it. */
async function opened(payload: Payload, parts: OpeningParts, owner: PayloadOwner): Promise<RunPayload | undefined> {
  if (payload.kind === 'json') return payload;
  if (payload.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(payload.base64, 'base64') };
  if (payload.kind === 'erased') return undefined;
  if (isSealed(payload)) return openSealed(parts, owner, payload);
  const bytes = await parts.payloads.getPayload(payload.id);
  if (bytes === undefined) return undefined;
  return payload.encoding === 'json'
    ? { kind: 'json', json: Buffer.from(bytes).toString('utf8') }
    : { kind: 'bytes', bytes };
}

/** The attempt begins anew, as after the loss of its checkpoint. */
function damagedIsUndefined(error: unknown): undefined {
  if (!isDamagedPayload(error)) throw error;
}

/**
 * The outcome of a run whose input could not be fetched. If the payload store or the keys did not answer, that is not the
 * job's fault, so the attempt is released as if nobody had claimed it. An input that is gone or damaged is the same for every attempt.
 */
export function outcomeUnfetched(fetched: PromiseSettledResult<unknown>): RunOutcome {
  if (fetched.status === 'fulfilled') return invalidInput('the input is no longer in the payload store');
  const reason: unknown = fetched.reason;
  if (isDamagedSeal(reason)) {
    const message = `the input cannot be opened: ${reason.message}`;
    return { kind: 'failed', retryable: false, failure: { reason: 'PAYLOAD_DAMAGED', message } };
  }
  return isDamagedPayload(reason) ? invalidInput(`the input cannot be read: ${reason.message}`) : { kind: 'released' };
}

function invalidInput(message: string): RunOutcome {
  return { kind: 'failed', retryable: false, failure: { reason: 'INVALID_INPUT', message } };
}
