/**
 * The job as the cluster stores it. Records are immutable: each decision creates a new one, so whoever holds a record
 * holds a state that was once true.
 * Everything here survives `JSON.parse(JSON.stringify(x))` unchanged, because a record is stored as one JSON cell (so
 * it is never partially written) and crosses processes as JSON.
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
/** The terminal states other than success. */
export const endedStates = ['FAILED', 'CANCELLED', 'EXPIRED'] as const satisfies readonly TerminalState[];
export type EndedState = (typeof endedStates)[number];

const terminal: ReadonlySet<JobState> = new Set(terminalStates);

export function isTerminal(state: JobState): state is TerminalState {
  return terminal.has(state);
}

/** Why an attempt or a job failed, as clients see it. */
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
  'PAYLOAD_DAMAGED',
] as const;
export type FailureReason = (typeof failureReasons)[number];

/** The number of causes that are kept for a failure. */
export const failureCausesMax = 8;

/** An error behind a failure. Whoever creates it cuts `message` to 300 characters. */
export interface FailureCause {
  readonly message: string;
  readonly code?: string;
}

/** Most characters of the texts of a failure. Whoever creates one cuts them, and so does a node that is told of one. */
export const failureMaxChars = { message: 1_000, code: 100, causeMessage: 300, stack: 4_000 } as const;

/** Why an attempt, or the job, did not succeed. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
  /** The handler's own error code, if it has one. */
  readonly code?: string;
  /** The errors behind it, nearest first: members of an AggregateError, and causes. At most `failureCausesMax`. */
  readonly causes?: readonly FailureCause[];
  readonly stack?: string;
  /** Message, causes and stack, encrypted (base64). Then `message` says only that, and the other two are absent. */
  readonly sealed?: string;
}

/**
 * Input or output of a job. `json` is the text of a JSON document and `bytes` is opaque. Small payloads are inline in
 * the record. Larger ones are stored in the payload store first and referred to (claim check). `erased` is what
 * EraseJobPayloads leaves of either.
 */
export type Payload =
  | { readonly kind: 'json'; readonly json: string }
  | { readonly kind: 'bytes'; readonly base64: string }
  | { readonly kind: 'ref'; readonly id: string; readonly bytes: number; readonly encoding: 'json' | 'bytes' }
  | SealedPayload
  | { readonly kind: 'erased' };

/** `bytes` and `encoding` are those of the payload itself. */
interface SealedFacts {
  readonly bytes: number;
  readonly encoding: 'json' | 'bytes';
}

/** A small payload that was encrypted before it left the process that knows it. */
export interface InlineSealed extends SealedFacts {
  readonly kind: 'sealed';
  /** Base64. */
  readonly envelope: string;
}

/**
 * The same in the payload store. It has no field `id`: a node of a version that knows no sealed payloads would take what it
 * finds there for the payload. Without it, it fails to fetch the payload and releases the attempt.
 */
export interface SealedRef extends SealedFacts {
  readonly kind: 'sealed-ref';
  /** The id in the payload store. */
  readonly storedAs: string;
  /** Base64. */
  readonly summary: string;
}

export type SealedPayload = InlineSealed | SealedRef;

export function isSealed(payload: Payload): payload is SealedPayload {
  return payload.kind === 'sealed' || payload.kind === 'sealed-ref';
}

/** The id of what lies in the payload store. Undefined if nothing does. */
export function storedIdOf(payload: Payload): string | undefined {
  if (payload.kind === 'ref') return payload.id;
  return payload.kind === 'sealed-ref' ? payload.storedAs : undefined;
}

/** Delays between attempts, with full jitter: a random part of `min(maxMs, initialMs * coefficient^(failures-1))`. */
export interface RetryPolicy {
  /** Attempts that may fail, including the first: 1 to 100. With 1 there is no retry. */
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly coefficient: number;
  readonly maxMs: number;
  /** The handler's own error codes after which there is no retry. Default: none. */
  readonly nonRetryableCodes?: readonly string[];
  /**
   * Attempts that may be lost with their node or cell. Default: `maxLossesDefault`, and attempts stopped by a drain do
   * not count.
   */
  readonly maxLosses?: number;
}

/** What happens to a submit if another job holds its unique key. */
export const uniqueConflicts = ['reject', 'return-existing', 'replace-waiting', 'replace'] as const;
export type UniqueConflict = (typeof uniqueConflicts)[number];

/**
 * At most one unfinished job of a tenant holds a unique key. With a window, no other job gets the key for that long
 * after the submit was accepted.
 */
export interface UniqueKey {
  readonly key: string;
  /**
   * Keeps the key reserved for this long even if the job ends earlier, unless it is cancelled. Default: until the job
   * ends.
   */
  readonly windowMs?: number;
  readonly onConflict: UniqueConflict;
}

/** A shorter silence cannot be distinguished from a busy machine. */
export const heartbeatMinMs = 1_000;

/** What the submitter asked for, with all defaults filled in by the gateway. */
export interface JobSpec {
  readonly tenant: string;
  readonly queue: string;
  /** 20-bit number of the queue, issued once when it is created. It is part of the job's id. */
  readonly queueNo: number;
  readonly handler: string;
  /** The required version: exact (`1.4.0`) or at least (`>=1.4`). Default: any. */
  readonly handlerVersion?: string;
  /** Default: `defaultPriority`. */
  readonly priority?: Priority;
  /** Only a bounded number of jobs of a queue with the same concurrency key run at a time. */
  readonly concurrencyKey?: string;
  /** Jobs of a queue with different fairness keys take turns. */
  readonly fairnessKey?: string;
  readonly input: Payload;
  /** Do not start before this instant (epoch ms). Default: start at once. */
  readonly runAtMs?: number;
  /** Time limit from QUEUED to the first start. Default: no limit. */
  readonly queueTimeoutMs?: number;
  /** Time limit of one attempt, from its start in the thread. Never infinite. */
  readonly executionTimeoutMs: number;
  /** Longest silence of an attempt, from the first instruction of its handler. Default: no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** Time limit from the submit to the end, over all attempts. Default: the retention. */
  readonly totalTimeoutMs?: number;
  readonly retry: RetryPolicy;
  /** How long the record is kept after creation. A job that has not ended by then is ended, see `record-life.ts`. */
  readonly retentionMs: number;
  /** How long input and output are kept after creation. Less than `retentionMs`. Default: as long as the record. */
  readonly payloadRetentionMs?: number;
  readonly idempotencyKey?: string;
  readonly unique?: UniqueKey;
  /** Default: none. */
  readonly labels?: Labels;
  /** Refuse the job instead of accepting it if it would miss its deadline. */
  readonly refuseLate?: true;
  /** The ended job that this job repeats. */
  readonly retryOf?: JobId;
  /** W3C traceparent of the submitter, passed on to events and to the handler. */
  readonly traceparent?: string;
  /** Only the end of the job is published. Default: every event. */
  readonly publishedEvents?: 'ends';
}

/** Which events of a job are published: every one, or only its end. */
export type PublishedEvents = 'all' | 'ends';

/** The largest size of a checkpoint, as JSON text or bytes. */
export const checkpointMaxBytes = 1_048_576;

/** What an attempt saved for the next attempt to continue from. */
export interface Checkpoint {
  readonly payload: Payload;
  readonly bytes: number;
  readonly attempt: number;
  /** Counts within its attempt. Only a higher number replaces a checkpoint. */
  readonly number: number;
  readonly atMs: number;
}

/** Identifies a repeated submit. */
export interface RequestKey {
  /** A hash of the tenant and the idempotency key, at most 64 characters. */
  readonly keyHash: string;
  /** A hash of the request. The same key with different content is a mistake of the caller. */
  readonly contentHash: string;
}

/** The attempt that holds the job now. A report without this exact token changes nothing. */
interface AttemptLease {
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

/**
 * How an attempt ended, in the words of stored records. `given-back` means that its node stopped it, or released it
 * before it started.
 */
export type RecordedOutcome = 'succeeded' | 'failed' | 'snoozed' | 'cancelled' | 'lost' | 'given-back';

/** Of the id of a caller in the history of a job: no more than an entry about a failure takes. */
export const callerMaxBytes = 96;

/** One entry of the job's history. `seq` counts from 1 without gaps and is also the number of the event on NATS. */
export interface TrailEntry {
  readonly seq: number;
  readonly type: JobEventType;
  readonly atMs: number;
  readonly attempt: number;
  readonly reason?: FailureReason;
  /** Only on `started`: the node that claimed the attempt. */
  readonly node?: string;
  /** Only on an entry that ended an attempt. Absent in records that were written before outcomes were recorded. */
  readonly outcome?: RecordedOutcome;
  /** Only on a failure that ended an attempt: the first 200 characters. */
  readonly message?: string;
  readonly code?: string;
  /**
   * Only if somebody asked for it: the id of the caller, at most `callerMaxBytes`. Absent if a peer of an earlier version
   * took part.
   */
  readonly by?: string;
}

/** The durable state of a job. Each transition creates a new record. */
export interface JobRecord {
  readonly id: JobId;
  readonly spec: JobSpec;
  /** Absent if the job was submitted without an idempotency key, or if an older version wrote the record. */
  readonly requestKey?: RequestKey;
  readonly state: JobState;
  /** The number of the last event. It grows with each transition, so it orders the versions of a record. */
  readonly seq: number;
  /** Attempts granted so far, 0 before the first. Never decreases. */
  readonly attempt: number;
  /** Attempts that ended by their own fault. Compared with `retry.maxAttempts`. */
  readonly failures: number;
  /** Attempts lost with their node or cell, or stopped by their node. They do not count as failures. */
  readonly losses: number;
  /** Those losses that the job itself may have caused. Only these are limited by default. Default: none. */
  readonly blamedLosses?: number;
  /** How often this job alone brought its process down. Three times convict it (POISON). */
  readonly convictions: number;
  /** The heap that the next attempt needs at least, set after an attempt ran out of memory in a smaller class. */
  readonly memoryMb?: number;
  /**
   * Attempts that ran out of memory and were repeated in a larger class. They do not count as failures. Default: none.
   */
  readonly oomRetries?: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** For SCHEDULED and RETRYING, when the job is due. For QUEUED, since when it waits. */
  readonly readyAtMs: number;
  readonly firstStartedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly run?: AttemptLease;
  /** The newest checkpoint of any attempt. Absent if there is none. */
  readonly checkpoint?: Checkpoint;
  /** Logs of the newest completed attempts that logged anything, oldest first. At most `storedLogsMax`. */
  readonly logs?: readonly { readonly attempt: number; readonly payload: Payload }[];
  readonly output?: Payload;
  /** The last failure. In a FAILED job, the reason for its end. */
  readonly failure?: Failure;
  readonly cancelReason?: string;
  /** When input and output were erased on request. State, sequence number and outcome are unchanged. */
  readonly payloadsErasedAtMs?: number;
  /**
   * The newest entries: `trailMax`, and older ones that JetStream may still lose, up to `trailLongestMax` in all. They
   * suffice to publish again whatever a crash may have prevented.
   */
  readonly trail: readonly TrailEntry[];
}

/**
 * When a QUEUED job became QUEUED. This instant, and not `readyAtMs`, decides whether the job counts as dispatched: a
 * released job keeps its place in the queue, so its `readyAtMs` may be much older.
 * Only a transition changes a waiting job, and every transition records its time. A time later than the true one would
 * merely dispatch the job once more.
 */
export function queuedAtMs({ updatedAtMs }: JobRecord): number {
  return updatedAtMs;
}

/**
 * Entries kept in `trail`. An attempt creates at most 3, so the last ten attempts are complete. With the texts of ten
 * failures they take about 6 KB of the record.
 */
export const trailMax = 32;

/**
 * The limit for quick jobs while JetStream may still lose their entries. With the texts of 32 failures they take about
 * 20 KB.
 */
export const trailLongestMax = 96;
