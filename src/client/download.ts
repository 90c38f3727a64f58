/**
 * Downloads payloads in chunks. A download continues after a lost connection, and is verified against the checksum of
 * the whole payload.
 */
import type { CallParts } from './call-parts.ts';
import { createHash } from 'node:crypto';
import { payloadChoiceCodes } from '../contract/codes.ts';
import { numberOf } from '../contract/int64.ts';
import { TroupeClientError } from './client-error.ts';
import { decodedDownload } from './job-codec.ts';
import { resumedStream } from './resumed-stream.ts';
import { withRetries } from './retry.ts';

/** How to read a payload. */
export interface DownloadOptions {
  /** Which payload. Default: `output`. */
  readonly payload?: 'input' | 'output';
  /** Aborts the download, which then throws CALL_CANCELLED. */
  readonly signal?: AbortSignal;
}

/** With a codec as a whole, decoded. */
export async function* downloadPayload(
  parts: CallParts,
  jobId: string,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array, void> {
  const { codec, connection, contract, backoff, timeoutMs } = parts;
  const { payload = 'output', signal } = options;
  const pieces = storedPayload(parts, jobId, { payload, signal });
  if (codec === undefined) {
    yield* pieces;
    return;
  }
  const call = () => connection.unary(contract.jobs.GetJob, { jobId }, { signal });
  const { job } = await withRetries(backoff, 'always', signal, call);
  const about = { jobId, field: payload, handler: job?.spec?.handler ?? '' };
  yield* decodedDownload(codec, about, pieces, { timeoutMs, signal });
}

async function* storedPayload(
  parts: CallParts,
  jobId: string,
  { payload, signal }: { readonly payload: 'input' | 'output'; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void> {
  const { connection, contract, backoff } = parts;
  const choice = payloadChoiceCodes[payload];
  const messages = resumedStream(backoff, {
    open: (token) =>
      connection.stream(contract.jobs.DownloadPayload, { jobId, payload: choice, offset: Number(token) }, { signal }),
    tokenOf: ({ offset, chunk }) => String(numberOf(offset) + chunk.length),
    signal,
  });
  const digest = createHash('sha256');
  let expected: Uint8Array | undefined;
  for await (const { summary, chunk } of messages) {
    expected = summary?.sha256 ?? expected;
    // The first message has an empty chunk. protobufjs decodes it as an empty array, which is not a Uint8Array.
    if (chunk.length === 0) continue;
    digest.update(chunk);
    yield chunk;
  }
  if (expected !== undefined && digest.digest().equals(expected)) return;
  throw new TroupeClientError({
    code: 'UNEXPECTED_STATUS',
    message: 'the downloaded bytes do not match the stored checksum; download them again',
    status: 'DATA_LOSS',
    retryable: false,
    outcome: 'none',
  });
}
