/**
 * Computes the digests behind idempotency keys. The content hash covers what the caller requested, before defaults are
 * filled in. So a repeated call has the same content even if the queue's defaults changed in between.
 */
import { hash } from 'node:crypto';
import type { UniqueKey } from '../../domain/job.ts';
import { maxLossesDefault } from '../../domain/retry-policy.ts';
import type { JobRequest } from './job-request.ts';

export interface JobFingerprint {
  /** 43 characters. */
  readonly keyHash: string;
  readonly contentHash: string;
}

/** Determines the shard that decides about a unique key. */
export function uniqueHash(tenant: string, key: string): string {
  return hash('sha256', `${tenant}\0unique\0${key}`, 'base64url');
}

/**
 * Undefined without a key. `streamed` is the SHA-256 of an input that is not in the request. An input of bytes has the
 * same digest either way.
 */
export function fingerprint(tenant: string, request: JobRequest, streamed?: Uint8Array): JobFingerprint | undefined {
  if (request.idempotencyKey === '') return undefined;
  return {
    keyHash: hash('sha256', `${tenant}\0${request.idempotencyKey}`, 'base64url'),
    contentHash: hash('sha256', canonicalText(request, digestOf(request, streamed)), 'base64url'),
  };
}

/** Includes the window only if there is one, so that a repeat of an older version's submit keeps its content hash. */
function uniqueParts({ key, onConflict, windowMs }: UniqueKey): readonly unknown[] {
  return windowMs === undefined ? [key, onConflict] : [key, onConflict, windowMs];
}

/** The kind of the input, and its SHA-256. */
function digestOf({ input }: JobRequest, streamed: Uint8Array | undefined): readonly [kind: string, digest: string] {
  if (streamed !== undefined) return ['bytes', Buffer.from(streamed).toString('base64url')];
  if (input === undefined) return ['json', hash('sha256', 'null', 'base64url')];
  return [input.kind, hash('sha256', input.kind === 'json' ? input.json : input.bytes, 'base64url')];
}

function canonicalText(request: JobRequest, inputDigest: readonly [kind: string, digest: string]): string {
  const { retry } = request;
  const version = request.handlerVersion === undefined ? [] : [request.handlerVersion];
  const labelled = Object.entries(request.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const labels = labelled.length === 0 ? [] : [labelled];
  const codes = retry?.nonRetryableCodes;
  // An explicit default counts as no value, so that a resubmission of a job from an older version keeps its content
  // hash.
  const maxLosses = retry?.maxLosses;
  // A copy states the payload retention of its original. Copies made by older versions did not, so the equal value is
  // left out.
  const isWhole = request.retryOf !== undefined && request.payloadRetentionMs === request.retentionMs;
  const payloadRetentionMs = isWhole ? undefined : request.payloadRetentionMs;
  return JSON.stringify([
    request.handler,
    request.queue === '' ? 'default' : request.queue,
    inputDigest,
    request.runAtMs ?? null,
    request.queueTimeoutMs ?? null,
    request.executionTimeoutMs ?? null,
    request.totalTimeoutMs ?? null,
    request.retentionMs ?? null,
    [retry?.maxAttempts ?? null, retry?.initialMs ?? null, retry?.coefficient ?? null, retry?.maxMs ?? null],
    ...version,
    ...labels,
    ...(request.unique === undefined ? [] : [uniqueParts(request.unique)]),
    ...(request.retryOf === undefined ? [] : [request.retryOf]),
    ...(request.heartbeatTimeoutMs === undefined ? [] : [{ heartbeatTimeoutMs: request.heartbeatTimeoutMs }]),
    ...(codes === undefined ? [] : [{ nonRetryableCodes: codes }]),
    ...(maxLosses === undefined || maxLosses === maxLossesDefault ? [] : [{ maxLosses }]),
    ...(payloadRetentionMs === undefined ? [] : [{ payloadRetentionMs }]),
    ...(request.priority === undefined ? [] : [{ priority: request.priority }]),
    ...(request.refuseLate === true ? [{ refuseLate: true }] : []),
    ...(request.concurrencyKey === undefined ? [] : [{ concurrencyKey: request.concurrencyKey }]),
    ...(request.fairnessKey === undefined ? [] : [{ fairnessKey: request.fairnessKey }]),
  ]);
}
