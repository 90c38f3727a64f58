/** Payloads that the caller reads and writes at the object store itself, with any HTTP client. */
import type { CallParts } from './call-parts.ts';
import { payloadChoiceCodes } from '../contract/codes.ts';
import { numberOf } from '../contract/int64.ts';
import type { Timestamp } from '../contract/messages.ts';
import { timestampMs } from '../contract/time.ts';
import { given } from '../domain/given.ts';
import { incompleteAnswer } from './client-error.ts';
import type { CallSettings } from './connection.ts';
import { pastTheCodec } from './job-codec.ts';
import { fromSubmitResponse } from './job-mapper.ts';
import { keyGiven, toSubmitRequest } from './job-requests.ts';
import type { JobOptions, SubmittedJob } from './job-types.ts';
import { withRetries } from './retry.ts';

/** A link to a payload, for a GET. */
export interface PayloadLink {
  /** Who has it needs no other right. */
  readonly url: string;
  /** A request must begin before that. */
  readonly expires: Date;
  /** Size of the payload. */
  readonly bytes: number;
  /** SHA-256 of the payload: compare it with what came. */
  readonly sha256: Uint8Array;
  /** Whether it is the text of a JSON document, in UTF-8. */
  readonly json: boolean;
}

/** What is known of an input before it is uploaded. */
export interface UploadFacts {
  /** Size in bytes, at most 5 GiB. */
  readonly bytes: number;
  /** SHA-256 of the whole, 32 bytes. */
  readonly sha256: Uint8Array;
}

/** An upload that was begun. */
export interface BegunUpload {
  /** For `submitUploaded`. */
  readonly uploadId: string;
  /** For one PUT whose body is the input. It may be sent again. Who has it needs no other right. */
  readonly url: string;
  /** The headers that the PUT must have. */
  readonly headers: Readonly<Record<string, string>>;
  /** The PUT must begin before that. */
  readonly linkExpires: Date;
  /** `submitUploaded` must be called before that. Later the upload is removed. */
  readonly submitBefore: Date;
}

/** Payloads that the caller reads and writes at the object store itself. */
export interface LinksClient {
  /**
   * Returns a link by which the output or the input of a job can be read at the object store. Rejects with NO_PAYLOAD_LINK if
   * the payload does not lie in a bucket; then use `download`.
   */
  payloadLink(jobId: string, options?: CallSettings & { readonly payload?: 'input' | 'output' }): Promise<PayloadLink>;
  /**
   * Checks a job, and returns a link by which its input can be written to the object store. Then call `submitUploaded`. Rejects
   * with NO_PAYLOAD_LINK if large payloads do not lie in a bucket; then use `submitStream`.
   */
  beginUpload(handler: string, input: UploadFacts, options?: JobOptions & CallSettings): Promise<BegunUpload>;
  /**
   * Submits a job whose input was uploaded. Handler and options are those of `beginUpload`. It is safe to repeat until
   * `submitBefore`, with and without an idempotency key: an upload is the input of one job. Default timeout: 10 minutes, because a store that keeps no
   * checksums is read by the gateway.
   */
  submitUploaded(uploadId: string, handler: string, options?: JobOptions & CallSettings): Promise<SubmittedJob>;
}

const submitTimeoutMs = 600_000;

export function createLinksClient(parts: CallParts): LinksClient {
  const { connection, contract, backoff } = parts;
  const { jobs } = contract;

  const payloadLink: LinksClient['payloadLink'] = async (jobId, { payload = 'output', ...settings } = {}) => {
    const request = { jobId, payload: payloadChoiceCodes[payload] };
    const { url, expireTime, summary } = await withRetries(backoff, 'always', settings.signal, () =>
      connection.unary(jobs.GetPayloadLink, request, settings),
    );
    if (!summary) throw incompleteAnswer('the gateway answered without the facts of the payload');
    const { sizeBytes, sha256, json } = summary;
    return { url, expires: dateOf(expireTime), bytes: numberOf(sizeBytes), sha256: new Uint8Array(sha256), json };
  };

  const beginUpload: LinksClient['beginUpload'] = async (handler, { bytes, sha256 }, options = {}) => {
    if (parts.codec !== undefined) throw pastTheCodec('input', 'an uploaded input is not encoded');
    const submit = toSubmitRequest(contract, { ...options, handler }, keyGiven(options.idempotencyKey));
    const request = { submit, inputSizeBytes: bytes, inputSha256: sha256 };
    // An upload that was begun and not used costs nothing, so the call may be repeated.
    const answer = await withRetries(backoff, 'always', options.signal, () =>
      connection.unary(jobs.BeginUpload, request, callSettings(options)),
    );
    const { uploadId, url, headers, linkExpireTime, submitBeforeTime } = answer;
    return {
      uploadId,
      url,
      headers: { ...headers },
      linkExpires: dateOf(linkExpireTime),
      submitBefore: dateOf(submitBeforeTime),
    };
  };

  const submitUploaded: LinksClient['submitUploaded'] = async (uploadId, handler, options = {}) => {
    const submit = toSubmitRequest(contract, { ...options, handler }, keyGiven(options.idempotencyKey));
    const settings = { timeoutMs: submitTimeoutMs, ...callSettings(options) };
    const call = () => connection.unary(jobs.SubmitUploadedJob, { submit, uploadId }, settings);
    return fromSubmitResponse(await withRetries(backoff, 'always', options.signal, call));
  };

  return { payloadLink, beginUpload, submitUploaded };
}

function callSettings({ timeoutMs, signal, traceparent }: CallSettings): CallSettings {
  return given({ timeoutMs, signal, traceparent });
}

function dateOf(time: Timestamp | null): Date {
  const ms = timestampMs(time);
  if (ms === undefined) throw incompleteAnswer('the gateway answered without a time');
  return new Date(ms);
}
