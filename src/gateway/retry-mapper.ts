/** Maps retry policies of jobs and queues between the contract and the domain. */
import type { RequestedRetry } from '../application/jobs/job-request.ts';
import type { Whole } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, toTime } from '../contract/time.ts';
import type { RetryPolicy } from '../domain/job.ts';
import { maxLossesDefault } from '../domain/retry-policy.ts';

export function fromRetry(retry: wire.RetryPolicy | null | undefined): RequestedRetry | undefined {
  if (!retry) return undefined;
  return {
    maxAttempts: retry.maxAttempts ?? undefined,
    initialMs: durationMs(retry.initialDelay),
    coefficient: retry.coefficient ?? undefined,
    maxMs: durationMs(retry.maxDelay),
    nonRetryableCodes: retry.nonRetryableCodes?.codes,
    maxLosses: retry.maxLosses ?? undefined,
  };
}

export function toRetry(retry: RetryPolicy): Whole<wire.RetryPolicy> {
  return {
    maxAttempts: retry.maxAttempts,
    initialDelay: toTime(retry.initialMs),
    coefficient: retry.coefficient,
    maxDelay: toTime(retry.maxMs),
    nonRetryableCodes: { codes: retry.nonRetryableCodes },
    maxLosses: retry.maxLosses ?? maxLossesDefault,
  };
}
