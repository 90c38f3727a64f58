/**
 * Durations and sizes as people write them: `250ms`, `5m`, `512MiB`. They are parsed once, when a handler is defined.
 */
import { parseDurationMs } from '../domain/duration-text.ts';
import { parseSizeText } from '../domain/size-text.ts';

/** A duration such as `'5m'`, or a number of milliseconds. */
export type Duration = string | number;
/** A size such as `'512MiB'`, or a number of bytes. */
export type Size = string | number;

/** Whole milliseconds. Returns `undefined` if `value` is not a duration. */
export function durationMsOf(value: Duration): number | undefined {
  if (typeof value === 'string') return parseDurationMs(value);
  return Number.isFinite(value) ? Math.round(value) : undefined;
}

/** Whole bytes. Returns `undefined` if `value` is not a size. */
export function parseSizeBytes(value: Size): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.round(value) : undefined;
  return parseSizeText(value);
}
