/**
 * Sends an input or output as a stream, at the pace of the reader, with one part of the stored payload in memory at a
 * time. A reader whose download broke off continues from the byte it has reached.
 */
import { TroupeError } from '../../domain/errors.ts';
import { isSealed } from '../../domain/job.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { openParts, type PayloadSource } from './get-job.ts';
import { payloadGone, type PayloadOfJob, payloadOfJob, type PayloadReaderParts } from './job-payload.ts';
import type { StoredPayload } from '../ports/payload-store.ts';

/** Bytes in one message. */
export const chunkBytes = 256 * 1_024;

interface DownloadQuery extends PayloadOfJob {
  /** First byte to send. */
  readonly offset: number;
}

interface PayloadChunk {
  /** Position of the first byte of the chunk in the whole payload. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Facts about the whole payload, in the first chunk only. */
  readonly whole?: Pick<StoredPayload, 'bytes' | 'sha256'> & { readonly encoding: 'json' | 'bytes' };
}

export type DownloadPayload = (context: CallContext, query: DownloadQuery) => AsyncGenerator<PayloadChunk, void>;

export type DownloadPayloadParts = PayloadReaderParts & PayloadSource;

export function createDownloadPayload(parts: DownloadPayloadParts): DownloadPayload {
  const { reader, clock } = parts;
  return async function* downloadPayload(context, { jobId, which, offset }) {
    const { record, payload } = await payloadOfJob({ reader, clock }, context, { jobId, which });
    const source = await openParts(parts, { record, payload, kind: which });
    if (source === undefined) throw payloadGone(record, which, 'missing');
    if (!Number.isInteger(offset) || offset < 0 || offset > source.bytes) throw badOffset(source.bytes);
    const { bytes, sha256 } = source;
    const encoding =
      payload.kind === 'ref' || isSealed(payload) ? payload.encoding : payload.kind === 'json' ? 'json' : 'bytes';
    let at = offset;
    yield { offset, bytes: new Uint8Array(), whole: { bytes, sha256, encoding } };
    for await (const piece of source.readFrom(offset)) {
      for (let from = 0; from < piece.byteLength; from += chunkBytes) {
        ensureAwaited(context, clock.nowMs());
        const chunk = piece.subarray(from, from + chunkBytes);
        yield { offset: at, bytes: chunk };
        at += chunk.byteLength;
      }
    }
  };
}

function badOffset(bytes: number): TroupeError {
  const description = `must be 0 to the size of the payload (${bytes} bytes)`;
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'offset', description }] });
}
