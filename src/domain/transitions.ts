/**
 * Decides what a command does to a job: from a record and a command to the next record, or to a refusal. Pure.
 *
 * Invariants:
 * - Every transition is an edge of the table in `state-machine.ts`. Any other is a bug and throws.
 * - A report about an attempt carries the token of that attempt and has no effect unless the token is the current one.
 *   A stale, repeated or reordered report is therefore harmless.
 */
import { nextDeadline } from './deadline.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';
import { assertNever, invariant } from './errors.ts';
import {
  type Checkpoint,
  type Failure,
  isTerminal,
  type JobRecord,
  type JobSpec,
  type JobState,
  type Payload,
  type RequestKey,
  type TrailEntry,
  trailMax,
} from './job.ts';
import type { JobId } from './job-id.ts';
import { withLog } from './job-log.ts';
import { oomRetriesMax } from './memory-class.ts';
import { lastLoss, isNonRetryable, isStartedOnce, retryDelayMs } from './retry-policy.ts';
import { payloadsKeptMs } from './payload-life.ts';
import { endsByMs } from './record-life.ts';
import { type Cause, edgeOf } from './state-machine.ts';
import { failureEntry, recordedOutcome } from './trail.ts';
import { given } from './given.ts';

/** A command to a job. */
export type JobCommand =
  | { readonly kind: 'due' }
  /** Moves a job that waits for its time. A time that has passed by the wall clock (`wallMs`) means now. */
  | {
      readonly kind: 'reschedule';
      readonly readyAtMs: number;
      readonly wallMs: number;
      readonly caller?: string | undefined;
    }
  | { readonly kind: 'claim'; readonly node: string; readonly token: string }
  /** An attempt has ended. `log` refers to what it logged. */
  | {
      readonly kind: 'report';
      readonly token: string;
      readonly outcome: AttemptOutcome;
      readonly log?: Payload;
    }
  | { readonly kind: 'cancel'; readonly reason: string; readonly caller?: string | undefined }
  | { readonly kind: 'expire' }
  | ({ readonly kind: 'checkpoint'; readonly token: string } & Pick<Checkpoint, 'payload' | 'bytes' | 'number'>);

/**
 * Why a command has no effect. `stale`: the token is not the current one. `unchanged`: the job is already as wanted.
 */
type Refusal = 'stale' | 'terminal' | 'not-due' | 'not-waiting' | 'not-claimable' | 'unchanged';

/** The next record, or the reason why there is none. */
export type Decision =
  { readonly kind: 'changed'; readonly record: JobRecord } | { readonly kind: 'refused'; readonly refusal: Refusal };

/** The number of process deaths after which a job that ran alone is convicted (POISON). */
export const convictionsMax = 3;

type Outcome<Kind extends AttemptOutcome['kind']> = Extract<AttemptOutcome, { readonly kind: Kind }>;

/** The time of a decision, and the random number that it may use. */
interface Moment {
  readonly nowMs: number;
  readonly random: number;
}

const refused = (refusal: Refusal): Decision => ({ kind: 'refused', refusal });

/** Creates the first record of a job. It is SCHEDULED if its start lies in the future, and QUEUED otherwise. */
export function acceptJob(input: {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly requestKey?: RequestKey | undefined;
  /** Who repeats another job by it. */
  readonly caller?: string | undefined;
  readonly nowMs: number;
  /** The wall clock, by which `runAtMs` is compared with now. Default: `nowMs`. */
  readonly wallMs?: number;
}): JobRecord {
  const { id, spec, requestKey, caller, nowMs, wallMs = nowMs } = input;
  const scheduled = spec.runAtMs !== undefined && spec.runAtMs > wallMs;
  const type = scheduled ? 'scheduled' : 'queued';
  const entry: TrailEntry = { seq: 1, type, atMs: nowMs, attempt: 0, ...given({ by: caller }) };
  return {
    id,
    spec,
    ...given({ requestKey }),
    state: scheduled ? 'SCHEDULED' : 'QUEUED',
    seq: 1,
    attempt: 0,
    failures: 0,
    losses: 0,
    convictions: 0,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    readyAtMs: scheduled ? (spec.runAtMs ?? nowMs) : nowMs,
    trail: [entry],
  };
}

/** Applies a command to a record. `random` is uniform in [0, 1) and determines the delay before a retry. */
export function decide(record: JobRecord, command: JobCommand, nowMs: number, random: number): Decision {
  if (isTerminal(record.state)) return refused('terminal');
  switch (command.kind) {
    case 'due':
      if (record.state !== 'SCHEDULED' && record.state !== 'RETRYING') return refused('unchanged');
      if (record.readyAtMs > nowMs) return refused('not-due');
      return move(record, { by: 'due', to: 'QUEUED', nowMs }, { readyAtMs: nowMs });
    case 'reschedule':
      return reschedule(record, command, nowMs);
    case 'claim':
      return claim(record, command.node, command.token, nowMs);
    case 'report':
      if (record.run?.token !== command.token) return refused('stale');
      return settle(record, command, { nowMs, random });
    case 'cancel':
      return cancel(record, command, nowMs);
    case 'expire':
      return expire(record, nowMs);
    case 'checkpoint':
      return keepCheckpoint(record, command, nowMs);
    default:
      return assertNever(command);
  }
}

/** A job that already waits for a slot is as early as it can be, so only `now` is accepted, without any change. */
function reschedule(
  record: JobRecord,
  { readyAtMs, wallMs, caller }: Extract<JobCommand, { kind: 'reschedule' }>,
  nowMs: number,
): Decision {
  const isNow = readyAtMs <= wallMs;
  if (record.state === 'QUEUED' && isNow) return refused('unchanged');
  if (record.state !== 'SCHEDULED' && record.state !== 'RETRYING') return refused('not-waiting');
  if (isNow) return move(record, { by: 'reschedule', caller, to: 'QUEUED', nowMs }, { readyAtMs: nowMs });
  if (record.state === 'SCHEDULED' && record.readyAtMs === readyAtMs) return refused('unchanged');
  return move(record, { by: 'reschedule', caller, to: 'SCHEDULED', nowMs }, { readyAtMs });
}

function claim(record: JobRecord, node: string, token: string, nowMs: number): Decision {
  if (record.state !== 'QUEUED') return refused('not-claimable');
  const attempt = record.attempt + 1;
  return move(
    record,
    { by: 'claim', to: 'RUNNING', nowMs },
    {
      attempt,
      run: { token, node, attempt, startedAtMs: nowMs },
      firstStartedAtMs: record.firstStartedAtMs ?? nowMs,
    },
  );
}

function settle(ended: JobRecord, { outcome, log }: Extract<JobCommand, { kind: 'report' }>, at: Moment): Decision {
  const record = withLog(ended, log);
  const { nowMs } = at;
  if (record.state === 'CANCELLING') return move(record, { by: outcome.kind, to: 'CANCELLED', nowMs }, {});
  switch (outcome.kind) {
    case 'succeeded': {
      const { output } = outcome;
      return move(record, { by: 'succeeded', to: 'SUCCEEDED', nowMs }, output === undefined ? {} : { output });
    }
    case 'failed':
      return fail(record, outcome, at);
    case 'snoozed':
      return snooze(record, outcome.delayMs, nowMs);
    case 'stopped':
    case 'lost':
      return lose(record, outcome, at);
    case 'released':
      return release(record, nowMs);
    default:
      return assertNever(outcome);
  }
}

function fail(record: JobRecord, outcome: Outcome<'failed'>, { nowMs, random }: Moment): Decision {
  const { failure, retryable, nextMemoryMb = 0 } = outcome;
  const { retry } = record.spec;
  const oomRetries = (record.oomRetries ?? 0) + 1;
  const larger = nextMemoryMb > (record.memoryMb ?? 0) && { memoryMb: nextMemoryMb };
  if (larger && oomRetries <= oomRetriesMax && !isStartedOnce(retry)) {
    return move(record, { by: 'failed', to: 'RETRYING', nowMs }, { failure, ...larger, oomRetries, readyAtMs: nowMs });
  }
  const failures = record.failures + 1;
  if (!retryable || isNonRetryable(retry, failure) || failures >= retry.maxAttempts)
    return move(record, { by: 'failed', to: 'FAILED', nowMs }, { failures, failure });
  const readyAtMs = nowMs + retryDelayMs(retry, failures, random);
  return move(record, { by: 'failed', to: 'RETRYING', nowMs }, { failures, failure, readyAtMs, ...larger });
}

/** Postpones the job. This does not count as a failure, but the attempt keeps its number. */
function snooze(record: JobRecord, delayMs: number, nowMs: number): Decision {
  const readyAtMs = nowMs + delayMs;
  if (readyAtMs < record.createdAtMs + payloadsKeptMs(record.spec)) {
    return move(record, { by: 'snoozed', to: 'SCHEDULED', nowMs }, { readyAtMs });
  }
  const failure: Failure = {
    reason: 'DEADLINE_EXCEEDED',
    message: 'its handler snoozed it past the retention of its input',
  };
  return move(record, { by: 'snoozed', to: 'FAILED', nowMs }, { failure });
}

/** An attempt that was stopped ended in an orderly way, so nobody is to blame. */
function lose(record: JobRecord, outcome: Outcome<'stopped' | 'lost'>, { nowMs, random }: Moment): Decision {
  const by = outcome.kind;
  const blame = outcome.kind === 'lost' ? outcome.blame : undefined;
  const losses = record.losses + 1;
  const blamed = (record.blamedLosses ?? 0) + (blame === undefined ? 0 : 1);
  const counts = { losses, ...given({ blamedLosses: blamed > 0 ? blamed : undefined }) };
  const convictions =
    blame === 'convicted' ? record.convictions + 1 : Math.max(record.convictions, blame === 'suspect' ? 1 : 0);
  if (convictions >= convictionsMax) {
    const failure: Failure = { reason: 'POISON', message: `brought its process down ${convictions} times` };
    return move(record, { by: 'lost', to: 'FAILED', nowMs }, { ...counts, convictions, failure });
  }
  const failure = lastLoss(record.spec.retry, { losses, blamed }, by);
  if (failure !== undefined) return move(record, { by, to: 'FAILED', nowMs }, { ...counts, convictions, failure });
  if (blame === 'convicted') {
    const readyAtMs = nowMs + retryDelayMs(record.spec.retry, convictions, random);
    return move(record, { by: 'lost', to: 'RETRYING', nowMs }, { ...counts, convictions, readyAtMs });
  }
  return move(record, { by, to: 'QUEUED', nowMs }, { ...counts, convictions, readyAtMs: nowMs });
}

/** Puts the job back as if it had never been claimed. Only the attempt number stays, because it never decreases. */
function release(record: JobRecord, nowMs: number): Decision {
  const { firstStartedAtMs, ...unstarted } = record;
  const beganBefore = firstStartedAtMs !== undefined && firstStartedAtMs < (record.run?.startedAtMs ?? 0);
  return move(beganBefore ? record : unstarted, { by: 'released', to: 'QUEUED', nowMs }, {});
}

function cancel(
  record: JobRecord,
  { reason, caller }: Extract<JobCommand, { kind: 'cancel' }>,
  nowMs: number,
): Decision {
  if (record.state === 'CANCELLING') return refused('unchanged');
  const to = record.state === 'RUNNING' ? 'CANCELLING' : 'CANCELLED';
  return move(record, { by: 'cancel', caller, to, nowMs }, { cancelReason: reason });
}

function expire(record: JobRecord, nowMs: number): Decision {
  const deadline = nextDeadline(record);
  if (deadline === undefined || deadline.command !== 'expire' || deadline.atMs > nowMs) return refused('not-due');
  const isStarted = record.firstStartedAtMs !== undefined;
  const { totalTimeoutMs = Infinity, retentionMs } = record.spec;
  const what = totalTimeoutMs > retentionMs ? 'its retention was over' : 'the total timeout passed';
  const message = `${what} ${isStarted ? 'between attempts' : 'before the first attempt'}`;
  const failure: Failure = { reason: 'DEADLINE_EXCEEDED', message };
  // no failure means that the queue timeout passed
  const change = deadline.atMs < endsByMs(record) ? {} : { failure };
  return move(record, { by: 'expire', to: isStarted ? 'FAILED' : 'EXPIRED', nowMs }, change);
}

/**
 * Not a transition: it has no edge and no event, because an attempt may save often and the trail must keep its
 * transitions. A cancelled job has no next attempt that could use a checkpoint, so it is refused.
 */
function keepCheckpoint(
  record: JobRecord,
  { token, payload, bytes, number }: Extract<JobCommand, { kind: 'checkpoint' }>,
  nowMs: number,
): Decision {
  const { run, attempt, checkpoint: present } = record;
  if (record.state !== 'RUNNING' || run?.token !== token) return refused('stale');
  if (present?.attempt === attempt && present.number >= number) return refused('unchanged');
  const atMs = Math.max(nowMs, record.updatedAtMs);
  const checkpoint = { payload, bytes, attempt, number, atMs };
  return { kind: 'changed', record: { ...record, checkpoint, updatedAtMs: atMs } };
}

type Change = Partial<Omit<JobRecord, 'id' | 'spec' | 'state' | 'seq' | 'createdAtMs' | 'updatedAtMs' | 'trail'>>;

interface Step {
  readonly by: Cause;
  /** Who asked for it. */
  readonly caller?: string | undefined;
  readonly to: JobState;
  readonly nowMs: number;
}

function move(record: JobRecord, { by, caller, to, nowMs }: Step, change: Change): Decision {
  const edge = edgeOf(record.state, by, to);
  invariant(edge !== undefined, `no edge from ${record.state} by ${by} to ${to}`);
  const seq = record.seq + 1;
  // The time of a record never goes back, even if the clock does. Otherwise its history and the watermarks would be
  // wrong.
  const atMs = Math.max(nowMs, record.updatedAtMs);
  const { run, ...kept } = record;
  const holdsRun = to === 'RUNNING' || to === 'CANCELLING';
  const attempt = change.attempt ?? record.attempt;
  const node = to === 'RUNNING' ? change.run?.node : undefined;
  const entry: TrailEntry = {
    seq,
    type: edge.event,
    atMs,
    attempt,
    ...given({ node, by: caller }),
    ...failureEntry(change.failure, recordedOutcome(by, record.state)),
  };
  const next: JobRecord = {
    ...kept,
    ...given({ run: holdsRun && run !== undefined ? run : undefined }),
    ...change,
    state: to,
    seq,
    updatedAtMs: atMs,
    ...given({ finishedAtMs: isTerminal(to) ? atMs : undefined }),
    trail: [...record.trail.slice(-(trailMax - 1)), entry],
  };
  return { kind: 'changed', record: next };
}
