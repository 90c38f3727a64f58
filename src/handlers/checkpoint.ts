/**
 * Encodes what `ctx.checkpoint` receives. This happens during the call, because the handler may change the value right
 * afterwards.
 */
import { checkpointMaxBytes } from '../domain/job.ts';
import { strictJson } from '../domain/strict-json.ts';
import type { RunInput, RunPayload } from '../domain/attempt-outcome.ts';

/** Throws TypeError if JSON cannot express the value, and RangeError if it is too large. */
export function encodeCheckpoint(value: unknown): { readonly payload: RunPayload; readonly bytes: number } {
  if (value instanceof Uint8Array) {
    ensureFits(value.byteLength);
    return { payload: { kind: 'bytes', bytes: new Uint8Array(value) }, bytes: value.byteLength };
  }
  const json = strictJson(value, 'checkpoint');
  if (json === undefined)
    throw new TypeError('checkpoint: undefined cannot be saved; pass a value that JSON can represent, or bytes');
  const bytes = Buffer.byteLength(json);
  ensureFits(bytes);
  return { payload: { kind: 'json', json }, bytes };
}

/** The value as the next attempt receives it. Throws RangeError if it is too large to be a value. */
export function decodeCheckpoint(payload: RunInput | undefined): unknown {
  if (payload?.kind === 'json') return JSON.parse(payload.json) as unknown;
  if (payload?.kind !== 'streamed') return payload?.bytes;
  throw new RangeError(`ctx.lastCheckpoint: has ${payload.bytes} bytes; read ctx.lastCheckpointInput`);
}

/** The error of who gives a stream while another one is being saved. */
export function stillSaved(): Error {
  return new Error('ctx.checkpoint: the stream before is still being saved; await it');
}

function ensureFits(bytes: number): void {
  if (bytes <= checkpointMaxBytes) return;
  throw new RangeError(
    `checkpoint: has ${bytes} bytes, at most ${checkpointMaxBytes} are allowed: give a larger one as a stream`,
  );
}
