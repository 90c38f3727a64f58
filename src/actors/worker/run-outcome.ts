/** From what the run pool says about an ended run to what the shard records; large outputs go to the payload store first. */
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { RunOutcome, RunPayload } from '../../application/ports/run-pool.ts';
import type { AttemptOutcome } from '../../application/shard-protocol.ts';
import type { JobSpec, Payload } from '../../domain/job.ts';

export interface OutputLimits {
  readonly inlineMaxBytes: number;
  readonly outputMaxBytes: number;
}

export interface OutputPlace {
  readonly payloads: PayloadStore;
  readonly limits: OutputLimits;
  /** Unique to the attempt: two attempts may return different bytes. */
  readonly payloadId: string;
  readonly expiresAtMs: number;
}

/** Rejects when the payload store does not answer; the caller tries again. */
export async function attemptOutcome(outcome: RunOutcome, place: OutputPlace): Promise<AttemptOutcome> {
  if (outcome.kind !== 'succeeded') return outcome;
  if (outcome.output === undefined) return { kind: 'succeeded' };
  const bytes = outputBytes(outcome.output);
  if (bytes > place.limits.outputMaxBytes) {
    const message = `the output has ${String(bytes)} bytes, ${String(place.limits.outputMaxBytes)} are allowed`;
    return { kind: 'failed', retryable: false, failure: { reason: 'INVALID_OUTPUT', message } };
  }
  if (bytes <= place.limits.inlineMaxBytes) return { kind: 'succeeded', output: inline(outcome.output) };
  await place.payloads.putPayload({
    id: place.payloadId,
    bytes: outcome.output.kind === 'json' ? Buffer.from(outcome.output.json) : outcome.output.bytes,
    expiresAtMs: place.expiresAtMs,
  });
  return { kind: 'succeeded', output: { kind: 'ref', id: place.payloadId, bytes, encoding: outcome.output.kind } };
}

function outputBytes(output: RunPayload): number {
  return output.kind === 'json' ? Buffer.byteLength(output.json) : output.bytes.byteLength;
}

function inline(output: RunPayload): Payload {
  return output.kind === 'json'
    ? { kind: 'json', json: output.json }
    : { kind: 'bytes', base64: Buffer.from(output.bytes).toString('base64') };
}

/** The input as the run pool wants it. Undefined when the payload store no longer has it. */
export async function runInput(spec: JobSpec, payloads: PayloadStore): Promise<RunPayload | undefined> {
  const { input } = spec;
  if (input.kind === 'json') return input;
  if (input.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(input.base64, 'base64') };
  if (input.kind === 'erased') return undefined;
  const bytes = await payloads.getPayload(input.id);
  if (bytes === undefined) return undefined;
  return input.encoding === 'json'
    ? { kind: 'json', json: Buffer.from(bytes).toString('utf8') }
    : { kind: 'bytes', bytes };
}
