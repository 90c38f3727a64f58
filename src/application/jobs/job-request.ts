/**
 * What a caller requests, before it is validated. Options that are undefined get their defaults later. Every option has
 * to be named, so that a place that passes requests on cannot forget one silently.
 */
import type { JobState, RetryPolicy, UniqueKey } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { Labels } from '../../domain/labels.ts';

export type RequestPayload =
  { readonly kind: 'json'; readonly json: string } | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/** Fields that are undefined come from the handler or the queue. */
export type RequestedRetry = { readonly [K in keyof RetryPolicy]-?: RetryPolicy[K] | undefined };

export interface JobRequest {
  readonly handler: string;
  /**
   * An exact version such as `1.4.0`, or a minimum such as `>=1.4`. If absent, any version that accepts the input will
   * do.
   */
  readonly handlerVersion: string | undefined;
  /** If empty, the queue `default`. */
  readonly queue: string;
  /** If absent, the JSON document `null`. */
  readonly input: RequestPayload | undefined;
  readonly runAtMs: number | undefined;
  readonly queueTimeoutMs: number | undefined;
  readonly executionTimeoutMs: number | undefined;
  /** 0 switches the timeout off, whatever handler and queue define. */
  readonly heartbeatTimeoutMs: number | undefined;
  readonly totalTimeoutMs: number | undefined;
  readonly retry: RequestedRetry | undefined;
  readonly retentionMs: number | undefined;
  readonly payloadRetentionMs: number | undefined;
  /** If absent, the default level. */
  readonly priority: number | undefined;
  readonly concurrencyKey: string | undefined;
  readonly fairnessKey: string | undefined;
  readonly labels: Labels | undefined;
  readonly unique: UniqueKey | undefined;
  readonly refuseLate: boolean | undefined;
  /** The ended job that this one repeats. */
  readonly retryOf: JobId | undefined;
  /** Empty without a key. */
  readonly idempotencyKey: string;
  /** Compared in place of the input by the idempotency key. */
  readonly inputFingerprint: Uint8Array | undefined;
}

export const noRetryOptions: RequestedRetry = {
  maxAttempts: undefined,
  initialMs: undefined,
  coefficient: undefined,
  maxMs: undefined,
  nonRetryableCodes: undefined,
  maxLosses: undefined,
};

/** A request that leaves everything open. The handler is required, so it is refused. */
export const emptyJobRequest: JobRequest = {
  handler: '',
  handlerVersion: undefined,
  queue: '',
  input: undefined,
  runAtMs: undefined,
  queueTimeoutMs: undefined,
  executionTimeoutMs: undefined,
  heartbeatTimeoutMs: undefined,
  totalTimeoutMs: undefined,
  retry: undefined,
  retentionMs: undefined,
  payloadRetentionMs: undefined,
  priority: undefined,
  concurrencyKey: undefined,
  fairnessKey: undefined,
  labels: undefined,
  unique: undefined,
  refuseLate: undefined,
  retryOf: undefined,
  idempotencyKey: '',
  inputFingerprint: undefined,
};

export interface AcceptedJob {
  readonly jobId: string;
  readonly state: JobState;
  readonly duplicate: boolean;
}

export function payloadBytes(payload: RequestPayload): number {
  return payload.kind === 'json' ? Buffer.byteLength(payload.json) : payload.bytes.byteLength;
}
