/**
 * Computes the digests behind idempotency keys. The content hash covers what the caller requested, before defaults are
 * filled in. So a repeated call has the same content even if the queue's defaults changed in between.
 */
import { createHmac, hash } from 'node:crypto';
import type { RetryPolicy, UniqueKey } from '../../domain/job.ts';
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

export interface PrintOptions {
  /** The SHA-256 of an input that is not in the request. An input of bytes has the same digest either way. */
  readonly streamed?: Uint8Array;
  /** Of a tenant whose inputs are sealed: without it nobody can tell from the hash whether he has guessed an input. */
  readonly key?: Uint8Array;
}

/** Undefined without an idempotency key. */
export function fingerprint(
  tenant: string,
  request: JobRequest,
  options: PrintOptions = {},
): JobFingerprint | undefined {
  return request.idempotencyKey === '' ? undefined : keyed(tenant, request, options);
}

/**
 * A submit of an upload is always known by a key: without one of its own, by that of the upload. So an upload is the input of
 * one job, however often its submit is repeated.
 */
export function uploadFingerprint(
  tenant: string,
  request: JobRequest,
  { id, sha256 }: { readonly id: string; readonly sha256: Uint8Array },
): JobFingerprint {
  const idempotencyKey = request.idempotencyKey === '' ? `\0upload\0${id}` : request.idempotencyKey;
  return keyed(tenant, { ...request, idempotencyKey }, { streamed: sha256 });
}

function keyed(tenant: string, request: JobRequest, { streamed, key }: PrintOptions): JobFingerprint {
  const text = canonicalText(request, digestOf(request, streamed));
  return {
    keyHash: hash('sha256', `${tenant}\0${request.idempotencyKey}`, 'base64url'),
    contentHash:
      key === undefined
        ? hash('sha256', text, 'base64url')
        : createHmac('sha256', key).update(text).digest('base64url'),
  };
}

/** Includes the window only if there is one, so that a repeat of an older version's submit keeps its content hash. */
function uniqueParts({ key, onConflict, windowMs }: UniqueKey): readonly unknown[] {
  return windowMs === undefined ? [key, onConflict] : [key, onConflict, windowMs];
}

/** The kind of the input and its SHA-256, or the fingerprint that the caller gave. */
function digestOf(
  { input, inputFingerprint }: JobRequest,
  streamed: Uint8Array | undefined,
): readonly [kind: string, digest: string] {
  if (inputFingerprint !== undefined) return ['fingerprint', Buffer.from(inputFingerprint).toString('base64url')];
  if (streamed !== undefined) return ['bytes', Buffer.from(streamed).toString('base64url')];
  if (input === undefined) return ['json', hash('sha256', 'null', 'base64url')];
  return [input.kind, hash('sha256', input.kind === 'json' ? input.json : input.bytes, 'base64url')];
}

/** What each field adds to the text, in the order of the text. The fields of the retry policy count one by one. */
type ContentParts = Readonly<Record<Exclude<keyof JobRequest, 'retry'> | keyof RetryPolicy, readonly unknown[]>>;

/**
 * The text must not change between versions, or the repeat of an older version's submit would be refused. So the first
 * fields stand at fixed places, and each later one adds something only if it has a value.
 */
function canonicalText(request: JobRequest, inputDigest: readonly [kind: string, digest: string]): string {
  return JSON.stringify(Object.values(contentParts(request, inputDigest)).flat(1));
}

function contentParts(request: JobRequest, inputDigest: readonly [kind: string, digest: string]): ContentParts {
  const { retry } = request;
  const labels = Object.entries(request.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const codes = retry?.nonRetryableCodes;
  // An explicit default counts as no value, so that a resubmission of a job from an older version keeps its content
  // hash.
  const maxLosses = retry?.maxLosses === maxLossesDefault ? undefined : retry?.maxLosses;
  // A copy states the payload retention of its original. Copies made by older versions did not, so the equal value is
  // left out.
  const isWhole = request.retryOf !== undefined && request.payloadRetentionMs === request.retentionMs;
  return {
    handler: [request.handler],
    queue: [request.queue === '' ? 'default' : request.queue],
    input: [inputDigest],
    runAtMs: [request.runAtMs ?? null],
    queueTimeoutMs: [request.queueTimeoutMs ?? null],
    executionTimeoutMs: [request.executionTimeoutMs ?? null],
    totalTimeoutMs: [request.totalTimeoutMs ?? null],
    retentionMs: [request.retentionMs ?? null],
    maxAttempts: [
      [retry?.maxAttempts ?? null, retry?.initialMs ?? null, retry?.coefficient ?? null, retry?.maxMs ?? null],
    ],
    // These three are in the list above.
    initialMs: [],
    coefficient: [],
    maxMs: [],
    handlerVersion: ifGiven(request.handlerVersion),
    labels: labels.length === 0 ? [] : [labels],
    unique: request.unique === undefined ? [] : [uniqueParts(request.unique)],
    retryOf: ifGiven(request.retryOf),
    heartbeatTimeoutMs: named({ heartbeatTimeoutMs: request.heartbeatTimeoutMs }),
    nonRetryableCodes: named({ nonRetryableCodes: codes }),
    maxLosses: named({ maxLosses }),
    payloadRetentionMs: isWhole ? [] : named({ payloadRetentionMs: request.payloadRetentionMs }),
    priority: named({ priority: request.priority }),
    refuseLate: request.refuseLate === true ? [{ refuseLate: true }] : [],
    concurrencyKey: named({ concurrencyKey: request.concurrencyKey }),
    fairnessKey: named({ fairnessKey: request.fairnessKey }),
    // The key identifies the request. It is not part of the content.
    idempotencyKey: [],
    // It stands where that of the input does.
    inputFingerprint: [],
  };
}

function ifGiven(value: unknown): readonly unknown[] {
  return value === undefined ? [] : [value];
}

/** For a new field: its name is in the text, so that no two fields can be mixed up. */
function named(field: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Object.values(field).includes(undefined) ? [] : [field];
}
