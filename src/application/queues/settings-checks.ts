/** Checks and merges the settings that jobs and queues have in common: timeouts, retention, retries. */
import type { RetryPolicy } from '../../domain/job.ts';
import { errorCodePattern, maxLossesDefault, nonRetryableCodesMax } from '../../domain/retry-policy.ts';
import {
  attemptsRange,
  coefficientRange,
  delayRange,
  heartbeatRange,
  lossesRange,
  payloadRetentionRange,
} from '../../domain/setting-ranges.ts';
import type { FieldChecks } from '../calls/field-checks.ts';
import { complete } from '../../domain/given.ts';

/** Fields that are undefined come from the next layer: job, handler, queue. */
export type RetryLayer = { readonly [K in keyof RetryPolicy]?: RetryPolicy[K] | undefined } | undefined;

/** Adds a violation of `field` if payloads would be kept longer than their job. */
export function checkPayloadRetention(
  checks: FieldChecks,
  field: string,
  {
    payloadRetentionMs,
    retentionMs,
  }: { readonly payloadRetentionMs?: number | undefined; readonly retentionMs: number },
): void {
  checks.range(field, payloadRetentionMs, payloadRetentionRange(retentionMs));
}

/** Accepts 0, which switches the timeout off. */
export function checkHeartbeat(checks: FieldChecks, field: string, ms: number | undefined, executionMs: number): void {
  checks.limit(field, ms, heartbeatRange(executionMs));
}

/** The first layer with a value wins. A value longer than the execution timeout has no effect and is dropped. */
export function mergeHeartbeat(layers: readonly (number | undefined)[], executionMs: number): number | undefined {
  const ms = layers.find((layer) => layer !== undefined) ?? 0;
  return ms === 0 || ms > executionMs ? undefined : ms;
}

/** `prefix` is the path of the retry message in the contract. */
export function checkRetry(checks: FieldChecks, prefix: string, retry: RetryLayer): void {
  if (!retry) return;
  checks.range(`${prefix}.max_attempts`, retry.maxAttempts, attemptsRange);
  checks.range(`${prefix}.max_losses`, retry.maxLosses, lossesRange);
  checks.range(`${prefix}.initial_delay`, retry.initialMs, delayRange);
  checks.range(`${prefix}.coefficient`, retry.coefficient, coefficientRange);
  checks.range(`${prefix}.max_delay`, retry.maxMs, delayRange);
  if (retry.initialMs !== undefined && retry.maxMs !== undefined && retry.maxMs < retry.initialMs) {
    checks.add(`${prefix}.max_delay`, 'must not be less than initial_delay');
  }
  checkCodes(checks, `${prefix}.non_retryable_codes.codes`, retry.nonRetryableCodes ?? []);
}

function checkCodes(checks: FieldChecks, field: string, codes: readonly string[]): void {
  if (codes.length > nonRetryableCodesMax) checks.add(field, `must be at most ${nonRetryableCodesMax} codes`);
  else codes.forEach((code, at) => checks.pattern(`${field}[${at}]`, code, errorCodePattern));
}

/**
 * The first layer with a value wins, and an empty list is a value. Of two delays that contradict each other, the one of
 * the earlier layer wins: an initial delay raises an inherited maximum, and a maximum caps an inherited initial delay.
 */
export function mergeRetry(layers: readonly RetryLayer[], base: RetryPolicy): RetryPolicy {
  const pick = <K extends keyof RetryPolicy>(key: K): RetryPolicy[K] =>
    layers.find((layer) => layer?.[key] !== undefined)?.[key] ?? base[key];
  const layerOf = (key: keyof RetryPolicy): number => {
    const index = layers.findIndex((layer) => layer?.[key] !== undefined);
    return index === -1 ? layers.length : index;
  };
  // Nodes of earlier versions publish handlers with wider ranges. Clamp them, because the result must be valid.
  const initialMs = Math.min(pick('initialMs'), delayRange.max);
  const maxMs = Math.min(pick('maxMs'), delayRange.max);
  const isCapped = layerOf('maxMs') < layerOf('initialMs');
  const nonRetryableCodes = pick('nonRetryableCodes') ?? [];
  const maxLosses = pick('maxLosses') ?? maxLossesDefault;
  return complete<RetryPolicy>({
    maxAttempts: pick('maxAttempts'),
    initialMs: isCapped ? Math.min(initialMs, maxMs) : initialMs,
    coefficient: Math.min(pick('coefficient'), coefficientRange.max),
    maxMs: isCapped ? maxMs : Math.max(maxMs, initialMs),
    nonRetryableCodes: nonRetryableCodes.length > 0 ? nonRetryableCodes : undefined,
    maxLosses: maxLosses < maxLossesDefault ? maxLosses : undefined,
  });
}
