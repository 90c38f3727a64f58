/** The ranges of queue settings. Gateways check requests against them, and `troupe queues apply` checks its file. */
import { heartbeatMinMs } from './job.ts';
import { maxLossesDefault } from './retry-policy.ts';

/** The valid values of a setting. Both bounds are included. */
export interface Range {
  readonly min: number;
  readonly max: number;
  /** The bounds in words, for messages: `1 ms to 7 days`. */
  readonly text: string;
  /** If set, only whole numbers are valid. */
  readonly integer?: boolean;
}

const minuteMs = 60_000;
const dayMs = 24 * 3_600_000;

export const executionTimeoutRange: Range = { min: 1, max: 7 * dayMs, text: '1 ms to 7 days' };
export const retentionRange: Range = { min: minuteMs, max: 365 * dayMs, text: '1 minute to 365 days' };
export const maxDepthRange: Range = {
  min: 1,
  max: 100_000_000,
  text: 'a whole number from 1 to 100,000,000',
  integer: true,
};
export const maxBytesRange: Range = { min: 1, max: 2 ** 50, text: 'a whole number from 1 to 2^50', integer: true };
export const attemptsRange: Range = { min: 1, max: 100, text: 'a whole number from 1 to 100', integer: true };
export const delayRange: Range = { min: 1, max: dayMs, text: '1 ms to 1 day' };
export const lossesRange: Range = {
  min: 0,
  max: maxLossesDefault,
  text: `a whole number from 0 to ${maxLossesDefault}`,
  integer: true,
};
export const coefficientRange: Range = { min: 1, max: 10, text: '1 to 10' };
export const runningRange: Range = { min: 1, max: 1_000_000, text: '1 to 1,000,000', integer: true };
export const perKeyRange: Range = { min: 1, max: 100_000, text: '1 to 100,000', integer: true };
export const rateRange: Range = { min: 0.001, max: 100_000, text: '0.001 to 100,000' };
export const burstRange: Range = { min: 1, max: 100_000, text: '1 to 100,000', integer: true };
export const weightRange: Range = { min: 1, max: 1_000, text: '1 to 1,000', integer: true };

export function heartbeatRange(executionTimeoutMs: number): Range {
  const text = `1 s to the execution timeout (${executionTimeoutMs} ms)`;
  return { min: heartbeatMinMs, max: executionTimeoutMs, text };
}

/** An attempt cannot outlast its job. */
export function executionTimeoutWithin(retentionMs: number): Range {
  if (retentionMs >= executionTimeoutRange.max) return executionTimeoutRange;
  return { min: 1, max: retentionMs, text: `1 ms to the retention (${retentionMs} ms)` };
}

/** Payloads are not kept longer than their job. */
export function payloadRetentionRange(retentionMs: number): Range {
  const max = Math.min(retentionMs, retentionRange.max);
  return { min: retentionRange.min, max, text: `1 minute to the retention (${retentionMs} ms)` };
}

export function isInRange(value: number, range: Range): boolean {
  const wrongKind = !Number.isFinite(value) || (range.integer === true && !Number.isInteger(value));
  return !wrongKind && value >= range.min && value <= range.max;
}
