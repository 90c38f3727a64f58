/**
 * The job as the cluster remembers it. Records are immutable: each decision makes a new one, so a reader that holds a
 * record holds a state that was true once. Everything here survives `JSON.parse(JSON.stringify(x))` unchanged, because
 * the record is stored as one JSON cell (it cannot tear) and crosses processes as JSON.
 */
import type { JobId } from './job-id.ts';
import type { Labels } from './labels.ts';
import type { Priority } from './priority.ts';

export const jobStates = [
  'SCHEDULED',
  'QUEUED',
  'RUNNING',
  'RETRYING',
  'CANCELLING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'EXPIRED',
] as const;
export type JobState = (typeof jobStates)[number];

export const terminalStates = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED'] as const satisfies readonly JobState[];
export type TerminalState = (typeof terminalStates)[number];
/** Ended without success. */
export const endedStates = ['FAILED', 'CANCELLED', 'EXPIRED'] as const satisfies readonly TerminalState[];
export type EndedState = (typeof endedStates)[number];

const terminal: ReadonlySet<JobState> = new Set(terminalStates);

export function isTerminal(state: JobState): state is TerminalState {
  return terminal.has(state);
}

export const failureReasons = [
  'HANDLER_FAILED',
  'HANDLER_REJECTED',
  'HANDLER_NOT_FOUND',
  'INVALID_INPUT',
  'INVALID_OUTPUT',
  'ATTEMPT_TIMED_OUT',
  'DEADLINE_EXCEEDED',
  'HEARTBEAT_LOST',
  'NODE_LOST',
  'OUT_OF_MEMORY',
  'THREAD_CRASHED',
  'POISON',
] as const;
export type FailureReason = (typeof failureReasons)[number];

/** Causes of one failure that are kept. */
export const failureCausesMax = 8;

/** What stands behind a failure. `message` is bounded to 300 characters by whoever makes it. */
export interface FailureCause {
  readonly message: string;
  readonly code?: string;
}

/** Why an attempt, or the job, did not succeed. `message` is bounded to 1 KiB and `stack` to 4 KiB by whoever makes it. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
  /** The handler's own error code, if it gave one. */
  readonly code?: string;
  /** What stands behind it, the nearest first: members of an AggregateError, and causes; at most `failureCausesMax`. */
  readonly causes?: readonly FailureCause[];
  readonly stack?: string;
}

/**
 * Input or output of a job. `json` is the text of a JSON document; `bytes` is opaque. Small ones lie inline in the
 * record; larger ones are written to the payload store first and referred to (claim check). `erased` is what DeleteJob
 * leaves of either.
 */
export type Payload =
  | { readonly kind: 'json'; readonly json: string }
  | { readonly kind: 'bytes'; readonly base64: string }
  | { readonly kind: 'ref'; readonly id: string; readonly bytes: number; readonly encoding: 'json' | 'bytes' }
  | { readonly kind: 'erased' };

/** Delays between attempts: full jitter over `min(maxMs, initialMs * coefficient^(failures-1))`. */
export interface RetryPolicy {
  /** Attempts that may fail, the first included; 1 means no retry. 1..100 */
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly coefficient: number;
  readonly maxMs: number;
  /** The handler's own error codes that no retry follows. Absent: none. */
  readonly nonRetryableCodes?: readonly string[];
  /** Attempts that may be lost with their node or cell. Absent: `maxLossesDefault`, and those that a drain cut off are free. */
  readonly maxLosses?: number;
}

/** What becomes of a submit whose unique key another job holds. */
export const uniqueConflicts = ['reject', 'return-existing', 'replace-waiting', 'replace'] as const;
export type UniqueConflict = (typeof uniqueConflicts)[number];

/** At most one unfinished job of a tenant has this key, and no other one for a window after it was accepted. */
export interface UniqueKey {
  readonly key: string;
  /** Held for so long also when the job ends earlier, unless it is cancelled. Absent: until the end. */
  readonly windowMs?: number;
  readonly onConflict: UniqueConflict;
}

/** A shorter silence is not told from a busy machine. */
export const heartbeatMinMs = 1_000;

/** What the submitter asked for, with every default already filled in by the gateway. */
export interface JobSpec {
  readonly tenant: string;
  readonly queue: string;
  /** 20-bit number of the queue, issued once at its creation; part of the job's id. */
  readonly queueNo: number;
  readonly handler: string;
  /** The version it needs: `1.4.0`, or at least: `>=1.4`. Absent: any. */
  readonly handlerVersion?: string;
  /** Absent: the default one. */
  readonly priority?: Priority;
  /** Jobs of a queue with the same one run a bounded number at a time. */
  readonly concurrencyKey?: string;
  /** Jobs of a queue with different ones take turns. */
  readonly fairnessKey?: string;
  readonly input: Payload;
  /** Not before this instant (epoch ms). Absent: at once. */
  readonly runAtMs?: number;
  /** From QUEUED to the first start. Absent: no limit. */
  readonly queueTimeoutMs?: number;
  /** One attempt, from the start in its thread. Never infinite. */
  readonly executionTimeoutMs: number;
  /** Longest silence of an attempt, from the first instruction of its handler. Absent: no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** From submit to the end over all attempts. Absent: the retention. */
  readonly totalTimeoutMs?: number;
  readonly retry: RetryPolicy;
  /** How long the record is kept after creation; what has not ended by then is ended (see `record-life.ts`). */
  readonly retentionMs: number;
  /** How long input and output are kept after creation; less than `retentionMs`. Absent: as long as the record. */
  readonly payloadRetentionMs?: number;
  readonly idempotencyKey?: string;
  readonly unique?: UniqueKey;
  /** Absent: none. */
  readonly labels?: Labels;
  /** Refuse it rather than accept it when it would miss its deadline. */
  readonly refuseLate?: true;
  /** The ended job that this one repeats. */
  readonly retryOf?: JobId;
  /** W3C traceparent of the submitter, handed to the events and the handler. */
  readonly traceparent?: string;
}

/** Of one checkpoint, as JSON text or as bytes. */
export const checkpointMaxBytes = 1_048_576;

/** What an attempt saved of its work, for the next attempt to go on from. */
export interface Checkpoint {
  readonly payload: Payload;
  readonly bytes: number;
  readonly attempt: number;
  /** Within its attempt: only a later one takes its place. */
  readonly number: number;
  readonly atMs: number;
}

/** What a repeat of a submit is known by. */
export interface RequestKey {
  /** Tenant and idempotency key, hashed; at most 64 characters. */
  readonly keyHash: string;
  /** Of what was asked for: the same key with another content is a mistake. */
  readonly contentHash: string;
}

/** The attempt that holds the job now. A report without this exact token changes nothing. */
interface RunLease {
  readonly token: string;
  readonly node: string;
  readonly attempt: number;
  readonly startedAtMs: number;
}

export const jobEventTypes = [
  'scheduled',
  'queued',
  'started',
  'retrying',
  'cancelling',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
] as const;
export type JobEventType = (typeof jobEventTypes)[number];

/** How an attempt ended. `given-back`: by its node, which drains, or could not begin it. */
export const attemptOutcomes = ['succeeded', 'failed', 'snoozed', 'cancelled', 'lost', 'given-back'] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

/** One entry of the job's numbered history; `seq` runs 1..n without gaps and is the event's number on NATS. */
export interface TrailEntry {
  readonly seq: number;
  readonly type: JobEventType;
  readonly atMs: number;
  readonly attempt: number;
  readonly reason?: FailureReason;
  /** Of `started`: where. */
  readonly node?: string;
  /** Of the entry that ended an attempt. Absent in records from before it was noted. */
  readonly outcome?: AttemptOutcome;
  /** Of a failure that ended an attempt: the first 200 characters. */
  readonly message?: string;
  readonly code?: string;
}

export interface JobRecord {
  readonly id: JobId;
  readonly spec: JobSpec;
  /** Absent: it was submitted without an idempotency key, or before records told. */
  readonly requestKey?: RequestKey;
  readonly state: JobState;
  /** Number of the last event; grows with each transition, so it orders the versions of a record. */
  readonly seq: number;
  /** Attempts granted so far: 0 before the first. Never decreases. */
  readonly attempt: number;
  /** Attempts that ended by their own fault; compared with `retry.maxAttempts`. */
  readonly failures: number;
  /** Attempts lost with their node or cell; not counted as failures. */
  readonly losses: number;
  /** Those of them that the job may itself have been the reason of: only these are bounded. Absent: none. */
  readonly blamedLosses?: number;
  /** Times this job alone brought its process down; three convict it (POISON). */
  readonly convictions: number;
  /** Heap that its next attempt needs at least, after one ran out of memory in a smaller class. */
  readonly memoryMb?: number;
  /** Attempts that ran out of memory and were repeated in a larger class; not counted as failures. Absent: none. */
  readonly oomRetries?: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** SCHEDULED and RETRYING: when it is due. QUEUED: since when it waits. */
  readonly readyAtMs: number;
  readonly firstStartedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly run?: RunLease;
  /** The newest one, of whichever attempt; absent: none. */
  readonly checkpoint?: Checkpoint;
  /** Of the newest attempts that ended and had said something, oldest first, at most `storedLogsMax`. */
  readonly logs?: readonly { readonly attempt: number; readonly payload: Payload }[];
  readonly output?: Payload;
  /** The last failure; on a terminal FAILED, why. */
  readonly failure?: Failure;
  readonly cancelReason?: string;
  /** When somebody had input and output erased; state, number and outcome stay as they were. */
  readonly payloadsErasedAtMs?: number;
  /**
   * The newest entries: `trailMax`, and those before them that JetStream may still lose, `trailLongestMax` in all. Enough to
   * publish again what a crash may have kept back.
   */
  readonly trail: readonly TrailEntry[];
}

/**
 * Of a QUEUED job: when it became so. What was dispatched is known by this instant, never by `readyAtMs`, which may lie
 * long before: a job that is given back keeps its place among those that wait. Nothing but a move changes a job that
 * waits, and every move notes its time; a later time than the true one would only have it dispatched once more.
 */
export function queuedAtMs({ updatedAtMs }: JobRecord): number {
  return updatedAtMs;
}

/**
 * Entries kept in `trail`. An attempt makes at most 3, so the last ten attempts are whole; with the words of ten failures
 * they take about 6 KB of the record.
 */
export const trailMax = 32;

/** Entries of a job that is quick, while JetStream may lose them; with the words of 32 failures they take about 20 KB. */
export const trailLongestMax = 96;
