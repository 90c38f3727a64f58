/** Payloads piece by piece, over broken connections; what arrived is checked against the checksum of the whole. */
import type { CallParts } from './call-parts.ts';
import { createHash } from 'node:crypto';
import { numberOf } from '../contract/int64.ts';
import { payloadChoiceCodes } from '../contract/job-codes.ts';
import { TroupeClientError } from './client-error.ts';
import { resumedStream } from './resumed-stream.ts';

/** How a payload is read. */
export interface DownloadOptions {
  /** Default: `output`. */
  readonly payload?: 'input' | 'output';
  /** Ends the download. */
  readonly signal?: AbortSignal;
}

export async function* downloadPayload(
  parts: CallParts,
  jobId: string,
  { payload = 'output', signal }: DownloadOptions,
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
    // Empty in the first message; protobufjs then gives an empty array, which is no Uint8Array.
    if (chunk.length === 0) continue;
    digest.update(chunk);
    yield chunk;
  }
  if (expected !== undefined && digest.digest().equals(expected)) return;
  throw new TroupeClientError({
    code: 'UNEXPECTED_STATUS',
    message: 'what was downloaded is not what was stored',
    status: 'DATA_LOSS',
    retryable: false,
    outcome: 'none',
  });
}
