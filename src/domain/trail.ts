/**
 * The history of a job: what each transition writes into it, and the attempts that can be read from it.
 * Nothing else is kept about an attempt that has ended, so what readers see is what was recorded at its end.
 */
import { clipped } from './clipped-text.ts';
import { assertNever } from './errors.ts';
import {
  type RecordedOutcome,
  type Failure,
  type FailureReason,
  type JobRecord,
  type JobState,
  type TrailEntry,
  trailLongestMax,
  trailMax,
} from './job.ts';
import type { Cause } from './state-machine.ts';
import { given } from './given.ts';

/** The number of attempts that can be read from a trail. Each has at most three entries. */
export const attemptsMax = Math.floor(trailMax / 3);

/** Length of a failure's message in the trail. The record keeps the newest failure in full. */
const messageMaxChars = 200;

/** One attempt of a job, as far as the trail shows it. */
export interface Attempt {
  /** Counts from 1. */
  readonly number: number;
  /** Absent in records from before nodes were recorded. */
  readonly node?: string;
  /** When the attempt was granted. */
  readonly startedAtMs: number;
  /** When its end was recorded. Absent while it runs. */
  readonly endedAtMs?: number;
  /** Absent while it runs. */
  readonly outcome?: RecordedOutcome;
  readonly reason?: FailureReason;
  readonly message?: string;
  readonly code?: string;
}

/**
 * The outcome of an attempt as the trail records it, or `undefined` if this cause ends no attempt. For a cancelled job
 * the trail does not show how the code of the attempt ended.
 */
export function recordedOutcome(by: Cause, from: JobState): RecordedOutcome | undefined {
  switch (by) {
    case 'lost':
      return by;
    case 'succeeded':
    case 'failed':
    case 'snoozed':
      return from === 'CANCELLING' ? 'cancelled' : by;
    case 'stopped':
    case 'released':
      return from === 'CANCELLING' ? 'cancelled' : 'given-back';
    case 'accept':
    case 'due':
    case 'reschedule':
    case 'claim':
    case 'cancel':
    case 'expire':
      return undefined;
    default:
      return assertNever(by);
  }
}

/**
 * The fields of an entry about a failure. Message and code are included only if an attempt ended by the failure. A sealed
 * message is left out: the record keeps that of the newest failure.
 */
export function failureEntry(
  failure: Failure | undefined,
  outcome: RecordedOutcome | undefined,
): Pick<TrailEntry, 'outcome' | 'reason' | 'message' | 'code'> {
  return given({
    outcome,
    reason: failure?.reason,
    message:
      failure !== undefined && outcome !== undefined && failure.sealed === undefined
        ? clipped(failure.message, messageMaxChars)
        : undefined,
    code: failure?.code !== undefined && outcome !== undefined ? failure.code : undefined,
  });
}

/**
 * Puts back entries that the last decision dropped from the trail but that may have to be published again: those since
 * `fromMs`, and if they are too many, the newest.
 */
export function withOwedEntries(before: JobRecord, after: JobRecord, fromMs: number): JobRecord {
  const firstSeq = after.trail[0]?.seq ?? Infinity;
  const owed = before.trail.filter(({ seq, atMs }) => seq < firstSeq && atMs >= fromMs);
  const kept = owed.slice(-(trailLongestMax - after.trail.length));
  return kept.length === 0 ? after : { ...after, trail: [...kept, ...after.trail] };
}

/** The newest attempts, oldest first. An attempt whose start is no longer in the trail is left out. */
export function attemptsOf({ trail }: Pick<JobRecord, 'trail'>): readonly Attempt[] {
  const attempts: Attempt[] = [];
  for (const entry of trail) {
    const last = attempts.at(-1);
    if (entry.type === 'started') attempts.push(startedBy(entry));
    else if (last?.endedAtMs === undefined && last !== undefined && entry.type !== 'cancelling')
      attempts[attempts.length - 1] = { ...last, ...endedBy(entry) };
  }
  return attempts.slice(-attemptsMax);
}

function startedBy({ attempt, node, atMs }: TrailEntry): Attempt {
  return { number: attempt, ...given({ node }), startedAtMs: atMs };
}

function endedBy(entry: TrailEntry): Partial<Attempt> {
  const { atMs, reason, message, code } = entry;
  return {
    endedAtMs: atMs,
    outcome: entry.outcome ?? outcomeOfOld(entry),
    ...given({ reason, message, code }),
  };
}

/** Derives the outcome of an old entry, written before outcomes were recorded, as far as its type allows. */
function outcomeOfOld({ type }: TrailEntry): RecordedOutcome {
  switch (type) {
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return type;
    case 'retrying':
      return 'failed';
    case 'scheduled':
      return 'snoozed';
    case 'queued':
    case 'started':
    case 'cancelling':
    case 'expired':
      return 'lost';
    default:
      return assertNever(type);
  }
}
