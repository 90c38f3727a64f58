/**
 * A job's numbered history: what each step writes into it, and the attempts that can be read from it. Nothing else is
 * kept about an attempt that has ended, so what is shown of it is what was recorded when it ended.
 */
import { clipped } from './clipped-text.ts';
import { assertNever } from './errors.ts';
import {
  type AttemptOutcome,
  type Failure,
  type FailureReason,
  type JobRecord,
  type JobState,
  type TrailEntry,
  trailLongestMax,
  trailMax,
} from './job.ts';
import type { CommandKind } from './state-machine.ts';

/** Attempts that can be read from a trail, the newest: three entries each at most. */
export const attemptsMax = Math.floor(trailMax / 3);

/** Of a failure that is kept in the trail; the newest is whole in the record. */
const messageMaxChars = 200;

export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /** Absent: of a record from before nodes were noted. */
  readonly node?: string;
  /** When it was granted. */
  readonly startedAtMs: number;
  /** When its end was recorded. Absent: it runs. */
  readonly endedAtMs?: number;
  /** Absent: it runs. */
  readonly outcome?: AttemptOutcome;
  readonly reason?: FailureReason;
  readonly message?: string;
  readonly code?: string;
}

/** How an attempt ends by a command, if it ends by it. */
export function outcomeBy(command: CommandKind, from: JobState): AttemptOutcome | undefined {
  switch (command) {
    case 'succeed':
      return from === 'CANCELLING' ? 'cancelled' : 'succeeded';
    case 'fail':
      return from === 'CANCELLING' ? 'cancelled' : 'failed';
    case 'snooze':
      return from === 'CANCELLING' ? 'cancelled' : 'snoozed';
    case 'stopped':
      return from === 'CANCELLING' ? 'cancelled' : 'given-back';
    case 'return':
      return from === 'CANCELLING' ? 'cancelled' : 'given-back';
    case 'lose':
      return 'lost';
    case 'accept':
    case 'due':
    case 'reschedule':
    case 'claim':
    case 'cancel':
    case 'expire':
      return undefined;
    default:
      return assertNever(command);
  }
}

/** What an entry says of a failure: all of it only where an attempt has ended by it. */
export function failureEntry(
  failure: Failure | undefined,
  outcome: AttemptOutcome | undefined,
): Pick<TrailEntry, 'outcome' | 'reason' | 'message' | 'code'> {
  return {
    ...(outcome !== undefined && { outcome }),
    ...(failure !== undefined && { reason: failure.reason }),
    ...(failure !== undefined && outcome !== undefined && { message: clipped(failure.message, messageMaxChars) }),
    ...(failure?.code !== undefined && outcome !== undefined && { code: failure.code }),
  };
}

/**
 * The record after a decision, with the entries that it has let go of though they may have to be told again: those from an
 * instant on, the newest that fit.
 */
export function withOwedEntries(before: JobRecord, after: JobRecord, fromMs: number): JobRecord {
  const firstSeq = after.trail[0]?.seq ?? Infinity;
  const owed = before.trail.filter(({ seq, atMs }) => seq < firstSeq && atMs >= fromMs);
  const kept = owed.slice(-(trailLongestMax - after.trail.length));
  return kept.length === 0 ? after : { ...after, trail: [...kept, ...after.trail] };
}

/** The newest, oldest first; one whose start has left the trail is not among them. */
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
  return { number: attempt, ...(node !== undefined && { node }), startedAtMs: atMs };
}

function endedBy(entry: TrailEntry): Partial<Attempt> {
  const { atMs, reason, message, code } = entry;
  return {
    endedAtMs: atMs,
    outcome: entry.outcome ?? outcomeOfOld(entry),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
    ...(code !== undefined && { code }),
  };
}

/** Of an entry from before outcomes were noted: as far as its type tells. */
function outcomeOfOld({ type }: TrailEntry): AttemptOutcome {
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
