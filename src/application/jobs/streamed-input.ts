/**
 * Turns an input that arrives in pieces into parts for the payload store. The result is complete only if the announced
 * number of bytes arrived and the checksum, if one was sent, is right. Otherwise it throws, and no payload comes into
 * being.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import type { JobRequest } from './job-request.ts';
import { payloadPartBytes } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';

const hourMs = 3_600_000;
const slowestBytesPerMs = 1_048;

/** Longest time from the first to the last byte of an input: an hour, or a second for each MiB if that is more. */
export function uploadMaxMs(bytes: number): number {
  return Math.max(hourMs, Math.ceil(bytes / slowestBytesPerMs));
}

/** What arrives before the bytes. */
export interface StreamedRequest {
  /** Has no input. */
  readonly request: JobRequest;
  readonly inputBytes: number;
}

export type InputPiece =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  /** SHA-256 of the whole input. Nothing may follow it. */
  | { readonly kind: 'sha256'; readonly sha256: Uint8Array };

export function checkStreamed({ request, inputBytes }: StreamedRequest): void {
  if (request.input !== undefined)
    throw invalid('open.submit.job.input', 'must be absent: the input comes in the following messages');
  if (!Number.isInteger(inputBytes) || inputBytes < 0)
    throw invalid('open.input_size_bytes', 'must be a number of bytes');
}

/** Passes the pieces on while the caller waits for the answer, for at most `maxMs`. */
export async function* inTime(
  context: CallContext,
  upload: {
    readonly pieces: AsyncIterable<InputPiece>;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly fromMs: number;
    readonly maxMs: number;
  },
): AsyncGenerator<InputPiece, void> {
  for await (const piece of upload.pieces) {
    const nowMs = upload.clock.nowMs();
    ensureAwaited(context, nowMs);
    if (nowMs - upload.fromMs > upload.maxMs) {
      const message = `the input took longer than ${upload.maxMs} ms`;
      throw new TroupeError('CALL_DEADLINE_EXCEEDED', { message, metadata: { outcome: 'none' } });
    }
    yield piece;
  }
  // A stream that broke off looks like one that has ended, so check once more.
  ensureAwaited(context, upload.clock.nowMs());
}

/** Holds one part in memory at a time. Returns the SHA-256 of the whole input. */
export async function* inputParts(
  pieces: AsyncIterable<InputPiece>,
  announcedBytes: number,
): AsyncGenerator<Uint8Array, Uint8Array> {
  const digest = createHash('sha256');
  let told: Uint8Array | undefined;
  let leftBytes = announcedBytes;
  let part = new Uint8Array(Math.min(leftBytes, payloadPartBytes));
  let filled = 0;
  for await (const piece of pieces) {
    if (told !== undefined) throw invalid('sha256', 'must be the last message');
    if (piece.kind === 'sha256') {
      told = piece.sha256;
      continue;
    }
    const { bytes } = piece;
    if (bytes.byteLength > leftBytes)
      throw invalid('open.input_size_bytes', `is ${announcedBytes}, but more bytes arrived`);
    digest.update(bytes);
    for (let from = 0; from < bytes.byteLength;) {
      const taken = bytes.subarray(from, from + part.byteLength - filled);
      part.set(taken, filled);
      filled += taken.byteLength;
      from += taken.byteLength;
      leftBytes -= taken.byteLength;
      if (filled < part.byteLength) continue;
      yield part;
      part = new Uint8Array(Math.min(leftBytes, payloadPartBytes));
      filled = 0;
    }
  }
  if (leftBytes > 0) {
    throw invalid(
      'open.input_size_bytes',
      `is ${announcedBytes}, but only ${announcedBytes - leftBytes} bytes arrived`,
    );
  }
  const sha256 = digest.digest();
  if (told !== undefined && (told.byteLength !== sha256.byteLength || !timingSafeEqual(told, sha256))) {
    throw invalid('sha256', 'does not match the bytes that arrived');
  }
  return sha256;
}

function invalid(field: string, description: string): TroupeError {
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field, description }] });
}
