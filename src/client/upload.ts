/** Submits a job whose input is sent in chunks, so neither this process nor the gateway holds all of it in memory. */
import type { CallParts } from './call-parts.ts';
import { createHash } from 'node:crypto';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import type { CallSettings } from './connection.ts';
import { pastTheCodec } from './job-codec.ts';
import { fromSubmitResponse } from './job-mapper.ts';
import { toSubmitRequest } from './job-requests.ts';
import type { JobOptions, SubmittedJob } from './job-types.ts';
import { withRetries } from './retry.ts';

/** Input bytes per message. */
const chunkBytes = 128 * 1_024;
/** A gateway waits no longer for an input: an hour, or a second for each MiB if that is more. */
function uploadMaxMs(bytes: number): number {
  return Math.max(3_600_000, Math.ceil(bytes / 1_048));
}

/** An input that is read as a stream. */
export interface InputSource {
  /** Size in bytes. The source must deliver exactly this number. */
  readonly bytes: number;
  /** Opens the source at its first byte. It is called again if the upload has to start again. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

export interface Upload {
  readonly handler: string;
  readonly source: InputSource;
  readonly job: JobOptions & CallSettings;
  readonly idempotencyKey: string | undefined;
}

export async function submitStream(parts: CallParts, upload: Upload): Promise<SubmittedJob> {
  const { connection, contract, backoff } = parts;
  const { handler, source, job, idempotencyKey } = upload;
  if (parts.codec !== undefined) throw pastTheCodec('source', 'a streamed input is not encoded');
  const { timeoutMs = uploadMaxMs(source.bytes), signal, traceparent } = job;
  const submit = toSubmitRequest(contract, { ...job, handler }, idempotencyKey);
  const call = (): Promise<wire.SubmitJobStreamResponse> =>
    connection.upload(contract.jobs.SubmitJobStream, messagesOf(submit, source), { timeoutMs, signal, traceparent });
  return fromSubmitResponse(
    await withRetries(backoff, idempotencyKey === undefined ? 'if-not-done' : 'always', signal, call),
  );
}

async function* messagesOf(
  submit: Init<wire.SubmitJobRequest>,
  { bytes, open }: InputSource,
): AsyncGenerator<Init<wire.SubmitJobStreamRequest>, void> {
  yield { open: { submit, inputSizeBytes: bytes } };
  const digest = createHash('sha256');
  for await (const piece of open()) {
    digest.update(piece);
    for (let from = 0; from < piece.byteLength; from += chunkBytes) {
      yield { chunk: piece.subarray(from, from + chunkBytes) };
    }
  }
  yield { sha256: digest.digest() };
}
