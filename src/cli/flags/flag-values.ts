/** Parses the values of flags. Errors name the flag. */
import {
  type FailureReason,
  failureReasons,
  type JobEventType,
  jobEventTypes,
  type JobState,
  jobStates,
} from '../../domain/job.ts';
import { parseDurationMs } from '../../domain/duration-text.ts';
import { parseSizeText, sizeText } from '../../domain/size-text.ts';
import { parseInstantMs } from '../../domain/instant-text.ts';
import { UsageError } from '../errors/exit-code.ts';
import { given } from '../../domain/given.ts';

/** A hundred years. This is longer than any retention, and a time so far ahead can still be encoded. */
const durationMaxMs = 36_500 * 86_400_000;

export function durationFlag(name: string): (text: string) => number {
  return (text) => {
    const ms = parseDurationMs(text);
    if (ms === undefined) throw new UsageError(`--${name} ${text}: write a duration such as 250ms, 90s, 5m, 1h30m, 7d`);
    if (ms > durationMaxMs) throw new UsageError(`--${name} ${text}: must be at most 36500d`);
    return ms;
  };
}

export function countFlag(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new UsageError(`--${name} ${text}: must be a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

/** A size such as `10GiB`, or a number of bytes. */
export function sizeFlag(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const bytes = /^\d+$/.test(text) ? Number(text) : parseSizeText(text);
    if (bytes === undefined || bytes < min || bytes > max) {
      throw new UsageError(`--${name} ${text}: write a size from ${sizeText(min)} to ${sizeText(max)}, such as 10GiB`);
    }
    return bytes;
  };
}

export function timeFlag(name: string): (text: string) => Date {
  return (text) => {
    const atMs = parseInstantMs(text);
    if (atMs !== undefined) return new Date(atMs);
    throw new UsageError(
      `--${name} ${text}: write a time with its zone, such as 2030-01-31T08:00:00Z or 2030-01-31T09:00+01:00`,
    );
  };
}

/** Refuses an empty value, which scripts pass if a variable is not set. The contract would read it as absent. */
export function textFlag(name: string): (text: string) => string {
  return (text) => {
    if (text === '') throw new UsageError(`--${name}: must not be empty`);
    return text;
  };
}

export function numberFlag(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`--${name} ${text}: must be a number`);
    return value;
  };
}

/** Collects `--label team=blue --label urgent=yes`. */
export function labelFlag(
  text: string,
  former: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--label ${text}: write it as name=value`);
  return { ...former, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Collects `--non-retryable-code ENOENT --non-retryable-code NO_CARD`. The value `none` gives the empty list. */
export function codesFlag(text: string, former: readonly string[] = []): readonly string[] {
  return text === 'none' ? [] : [...former, text];
}

/** Collects `--state FAILED --state EXPIRED`. */
export function stateFlag(text: string, former: readonly JobState[] = []): readonly JobState[] {
  const state = jobStates.find((known) => known === text.toUpperCase());
  if (state === undefined) throw new UsageError(`--state ${text}: must be one of ${jobStates.join(', ')}`);
  return [...former, state];
}

/** `10` is ten starts per second. `10:50` also allows a burst of 50. */
export function rateFlag(text: string): { readonly perSecond: number; readonly burst?: number } {
  const [, perSecond, burst] = /^(\d+(?:\.\d+)?)(?::(\d+))?$/.exec(text) ?? [];
  if (perSecond === undefined) throw new UsageError(`--rate ${text}: write starts per second, such as 10 or 10:50`);
  return { perSecond: Number(perSecond), ...given({ burst: burst === undefined ? undefined : Number(burst) }) };
}

/** Collects `--fairness-weight gold=5 --fairness-weight silver=2`. */
export function weightFlag(
  text: string,
  former: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> {
  const [, key, weight] = /^(.+)=(\d+)$/.exec(text) ?? [];
  if (key === undefined) throw new UsageError(`--fairness-weight ${text}: write it as key=weight`);
  return { ...former, [key]: Number(weight) };
}

/** Collects `--event succeeded --event failed`. */
export function eventFlag(text: string, former: readonly JobEventType[] = []): readonly JobEventType[] {
  const event = jobEventTypes.find((known) => known === text.toLowerCase());
  if (event === undefined) throw new UsageError(`--event ${text}: must be one of ${jobEventTypes.join(', ')}`);
  return [...former, event];
}

/** Collects `--reason POISON --reason OUT_OF_MEMORY`. */
export function reasonFlag(text: string, former: readonly FailureReason[] = []): readonly FailureReason[] {
  const reason = failureReasons.find((known) => known === text.toUpperCase());
  if (reason === undefined) throw new UsageError(`--reason ${text}: must be one of ${failureReasons.join(', ')}`);
  return [...former, reason];
}

/** Maps 0 to null, which removes a limit. */
export function orNone(value: number | undefined): number | null | undefined {
  return value === 0 ? null : value;
}
