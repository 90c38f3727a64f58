/**
 * Converts the contract's durations and timestamps to milliseconds, and back. Durations are rounded up and timestamps
 * down.
 */
import { numberOf } from './int64.ts';
import type { Duration, Timestamp } from './messages.ts';

export interface TimeParts {
  readonly seconds: number;
  readonly nanos: number;
}

export function toTime(ms: number): TimeParts {
  const seconds = Math.floor(ms / 1_000);
  const nanos = Math.round((ms - seconds * 1_000) * 1_000_000);
  // rounding may yield a full second
  return nanos === 1_000_000_000 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos };
}

/** Keeps `undefined`, so that optional fields stay absent. */
export function toOptionalTime(ms: number | undefined): TimeParts | undefined {
  return ms === undefined ? undefined : toTime(ms);
}

export function durationMs(duration: Duration | null | undefined): number | undefined {
  if (!duration) return undefined;
  return numberOf(duration.seconds) * 1_000 + Math.ceil(duration.nanos / 1_000_000);
}

export function timestampMs(timestamp: Timestamp | null | undefined): number | undefined {
  if (!timestamp) return undefined;
  return numberOf(timestamp.seconds) * 1_000 + Math.floor(timestamp.nanos / 1_000_000);
}
