/**
 * Sends an input or output as a stream, at the pace of the reader, with one part of the stored payload in memory at a
 * time. A reader whose download broke off continues from the byte it has reached.
 */
import { createHash } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import type { Payload } from '../../domain/job.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { payloadGone, type PayloadOfJob, payloadOfJob, type PayloadReaderParts } from './job-payload.ts';
import type { PayloadStore, StoredPayload } from '../ports/payload-store.ts';

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

export interface DownloadPayloadParts extends PayloadReaderParts {
  readonly payloads: PayloadStore;
}

export function createDownloadPayload({ reader, payloads, clock }: DownloadPayloadParts): DownloadPayload {
  return async function* downloadPayload(context, { jobId, which, offset }) {
    const { record, payload } = await payloadOfJob({ reader, clock }, context, { jobId, which });
    const source = await open(payloads, payload);
    if (source === undefined) throw payloadGone(record, which, 'missing');
    if (!Number.isInteger(offset) || offset < 0 || offset > source.bytes) throw badOffset(source.bytes);
    const { bytes, sha256 } = source;
    const encoding = payload.kind === 'ref' ? payload.encoding : payload.kind === 'json' ? 'json' : 'bytes';
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

/** Undefined if the payload is not stored any more. */
async function open(payloads: PayloadStore, payload: Payload): Promise<StoredPayload | undefined> {
  switch (payload.kind) {
    case 'ref':
      return payloads.openPayload(payload.id);
    case 'erased':
      return undefined;
    case 'json':
      return inMemory(Buffer.from(payload.json));
    case 'bytes':
      return inMemory(Buffer.from(payload.base64, 'base64'));
  }
}

/** A payload that is inline in the record, in the form of a stored one. */
function inMemory(whole: Uint8Array): StoredPayload {
  return {
    bytes: whole.byteLength,
    sha256: createHash('sha256').update(whole).digest(),
    async *readFrom(offset) {
      yield whole.subarray(offset);
    },
  };
}

function badOffset(bytes: number): TroupeError {
  const description = `must be 0 to the size of the payload (${bytes} bytes)`;
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'offset', description }] });
}
