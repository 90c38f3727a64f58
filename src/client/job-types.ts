/** Jobs and queues as TypeScript programs see them: enums are words, times are Dates, durations are in ms. */
import type { FlowInfo, FlowInput } from './flow.ts';
import type { TroupeClientError } from './client-error.ts';
import type { GoneReason } from '../domain/payload-life.ts';
import type {
  FailureReason,
  JobEventType,
  JobState,
  PublishedEvents,
  RecordedOutcome,
  UniqueConflict,
} from '../domain/job.ts';
import type { WaitingReason } from '../domain/why-waiting.ts';

/** The state of a job. `UNKNOWN` if a newer gateway sent a state that this client does not know. */
export type ClientJobState = JobState | 'UNKNOWN';

/** When an attempt that failed is followed by another. */
export interface RetryInfo {
  /** Attempts that may fail, including the first: 1 to 100. */
  readonly maxAttempts: number;
  /** The longest delay after the first failure, in ms: 1 ms to 1 day. */
  readonly initialDelayMs: number;
  /** Growth of the delay with each further failure: 1 to 10. */
  readonly coefficient: number;
  /** The longest delay, in ms: `initialDelayMs` to 1 day. */
  readonly maxDelayMs: number;
  /** Error codes that are never retried, at most 32. An empty list overrides that of the handler and the queue. */
  readonly nonRetryableCodes?: readonly string[];
  /** Attempts that may be lost with their node or process: 0 to 24. */
  readonly maxLosses?: number;
}

/** A checkpoint that an attempt has saved. Only the handler can read its value. */
export interface JobCheckpointInfo {
  /** The attempt that saved it, from 1. */
  readonly attempt: number;
  /** When it was saved. */
  readonly at: Date;
  /** Size of the saved value in bytes. */
  readonly sizeBytes: number;
}

/** One error behind a failure: a `cause`, or a member of an AggregateError. */
export interface FailureCauseInfo {
  /** The message. The cluster cuts off long messages. */
  readonly message: string;
  /** The `code` of the error, as text. Absent if it had none. */
  readonly code?: string;
}

/** Why an attempt, or the job, failed. */
export interface JobFailureInfo {
  /** The kind of failure. `UNKNOWN` if a newer gateway sent a reason that this client does not know. */
  readonly reason: FailureReason | 'UNKNOWN';
  /** The message of the handler or the cluster. */
  readonly message: string;
  /** The `code` of the error that the handler threw. `retry.nonRetryableCodes` is matched against it. */
  readonly code?: string;
  /** The underlying errors, nearest first: members of an AggregateError, and causes. At most 8. */
  readonly causes?: readonly FailureCauseInfo[];
  /** The stack of the error. Absent if it had none. */
  readonly stack?: string;
}

/** One event in the history of a job. NATS carries the same events. */
export interface JobEventInfo {
  /** Number of the event: 1, 2, 3, … without gaps. */
  readonly seq: number;
  /** What happened. `unknown` if a newer gateway sent a type that this client does not know. */
  readonly type: JobEventType | 'unknown';
  /** When the cluster decided it. */
  readonly at: Date;
  /** Attempts started so far; 0 before the first. */
  readonly attempt: number;
  /** The reason, for events that have one. */
  readonly reason?: FailureReason | 'UNKNOWN';
  /** Id of the node, for `started`. */
  readonly node?: string;
  /** Id of the caller who asked for it, by a cancel, another time, or a retry that made this job. Absent for what the cluster decided. */
  readonly caller?: string;
}

/** One attempt of a job. */
export interface JobAttemptInfo {
  /** Number of the attempt, from 1. */
  readonly number: number;
  /** Id of the node that ran it. Absent if it is not known. */
  readonly node?: string;
  /** When it was started. */
  readonly startedAt: Date;
  /** When it ended. Absent while it runs. */
  readonly endedAt?: Date;
  /**
   * How it ended. Absent while it runs. `given-back` means that its node released it, because it drained or had no
   * thread free.
   */
  readonly outcome?: RecordedOutcome | 'unknown';
  /** Why it failed. Absent if it did not fail. */
  readonly reason?: FailureReason | 'UNKNOWN';
  /** The message of the handler or the cluster. */
  readonly message?: string;
  /** The `code` of the error that the handler threw. */
  readonly code?: string;
}

/** Why a job does not run. Values are estimates at one moment. */
export interface JobWaitingInfo {
  /** What the job waits for. `UNKNOWN` if a newer gateway sent a reason that this client does not know. */
  readonly reason: WaitingReason | 'UNKNOWN';
  /** The reason as a sentence for people. */
  readonly detail: string;
  /** Jobs that start before this one. Absent if not known. */
  readonly ahead?: number;
  /** Estimated time until the start, in ms. Absent if it is not known, or if the job waits for an operator to act. */
  readonly eta?: { readonly p50Ms: number; readonly p90Ms: number };
}

/** A job as it is at one moment. Two views of a job are ordered by `seq`. */
export interface JobInfo {
  /** A UUIDv7. Ids sort by creation time. */
  readonly id: string;
  /** Name of its handler. */
  readonly handler: string;
  /** The version that it needs: exactly (`1.4.0`) or at least (`>=1.4`). If absent, any version matches. */
  readonly handlerVersion?: string;
  /** Name of its queue. */
  readonly queue: string;
  /** The state. `UNKNOWN` if a newer gateway sent a state that this client does not know. */
  readonly state: ClientJobState;
  /** True if the job has ended. Its state never changes again. */
  readonly final: boolean;
  /** Number of the last event. It grows with each change of state. */
  readonly seq: number;
  /** Attempts started so far; 0 before the first. */
  readonly attempt: number;
  /** Attempts that failed by their own fault. Compared with `retry.maxAttempts`. */
  readonly failures: number;
  /** Attempts that were lost with their node or process. Limited by `retry.maxLosses`; they use up no retry. */
  readonly losses: number;
  /** Attempts that ran out of memory and were repeated with more. They use up no retry. */
  readonly oomRetries: number;
  /** When it was accepted. */
  readonly createdAt: Date;
  /** When it last changed. */
  readonly updatedAt: Date;
  /** When the job is due (SCHEDULED, RETRYING), or since when it waits (QUEUED). */
  readonly readyAt: Date;
  /** When its first attempt started. Absent before. */
  readonly firstStartedAt?: Date;
  /** When it ended. Absent before. */
  readonly endedAt?: Date;
  /** When the job expires. A job that is unfinished by then is ended; an ended job is no longer found. */
  readonly expiresAt: Date;
  /** The earliest start that the caller asked for. Absent if none. */
  readonly runAt?: Date;
  /** The longest time from ready to the first start, in ms. Absent if there is no limit. */
  readonly queueTimeoutMs?: number;
  /** The longest time of one attempt, in ms. */
  readonly executionTimeoutMs: number;
  /** The longest time of an attempt without a sign of life, in ms. Absent if there is no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** The longest time from submission to the end, in ms. Absent if only the retention limits it. */
  readonly totalTimeoutMs?: number;
  /** When an attempt that failed is followed by another. */
  readonly retry: RetryInfo;
  /** How long the job is kept after its creation, in ms. */
  readonly retentionMs: number;
  /** How long input and output are kept after the creation of the job, in ms. */
  readonly payloadRetentionMs: number;
  /** The caller's labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Priority, 0 (lowest) to 4. */
  readonly priority: number;
  /** Jobs of the queue with the same key run a limited number at a time. Absent if there is no key. */
  readonly concurrencyKey?: string;
  /** Jobs of the queue with different keys take turns. Absent if there is no key. */
  readonly fairnessKey?: string;
  /** At most one unfinished job of the tenant has this key. Absent if there is no key. */
  readonly uniqueKey?: string;
  /** How long the unique key is held from the submit on, in ms. If absent, it is held until the job ends. */
  readonly uniqueWindowMs?: number;
  /** The running attempt. Absent if none runs. */
  readonly run?: { readonly attempt: number; readonly node: string; readonly startedAt: Date };
  /** The last progress of the running attempt. Absent if it has reported none. `fraction` is 0 to 1. */
  readonly progress?: { readonly fraction: number; readonly note: string };
  /** The newest checkpoint of any attempt. Absent if there is none. */
  readonly checkpoint?: JobCheckpointInfo;
  /** The input: a JSON value, or bytes. Only `get` returns it. */
  readonly input?: unknown;
  /** The output: a JSON value, or bytes. Only `get`, `wait` and the last change of `watch` return it. */
  readonly output?: unknown;
  /** Size of an input that is too large for an answer (16 MiB). `download` returns it. Only `get` returns the size. */
  readonly inputLargeBytes?: number;
  /** Size of an output that is too large for an answer (16 MiB). `download` returns it. Returned where `output` would be. */
  readonly outputLargeBytes?: number;
  /** Size of an input that the caller may not see, for lack of `payloads.read`. Only `get` returns the size. */
  readonly inputWithheldBytes?: number;
  /** Size of an output that the caller may not see. Returned where `output` would be. */
  readonly outputWithheldBytes?: number;
  /**
   * True if the caller lacks `payloads.read`. Then payloads are withheld, and the texts that the handler wrote are empty:
   * messages and stacks of failures, and progress notes.
   */
  readonly withheld: boolean;
  /** Why the input is gone; `keys-away`: it cannot be decrypted now, and comes back. Only `get` returns it. */
  readonly inputGone?: GoneReason | 'keys-away' | 'unknown';
  /** Why the output is gone, if there was one. Returned where `output` would be. */
  readonly outputGone?: GoneReason | 'keys-away' | 'unknown';
  /** When input and output expire. If absent, they are kept as long as the job. */
  readonly payloadsExpireAt?: Date;
  /** When `erasePayloads` erased input and output. Absent if it did not. */
  readonly payloadsErasedAt?: Date;
  /** The last failure. For a FAILED job, the failure that ended it. */
  readonly failure?: JobFailureInfo;
  /** Why it was cancelled. Absent if it was not, or if no reason was given. */
  readonly cancelReason?: string;
  /** Id of the ended job that this one repeats. Absent if it is not a repetition. */
  readonly retryOf?: string;
  /** Why the job waits. Only `get` with `explain` returns it. */
  readonly waiting?: JobWaitingInfo;
  /** The events of the job. Empty unless returned by `get`. */
  readonly history: readonly JobEventInfo[];
  /** The newest attempts, at most 10, oldest first. Empty unless returned by `get`. */
  readonly attempts: readonly JobAttemptInfo[];
}

/** The settings of a queue, with all defaults filled in. */
export interface QueueSettingsInfo {
  /** The longest time of one attempt, in ms, for jobs that set none. */
  readonly executionTimeoutMs: number;
  /** The longest time of an attempt without a sign of life, in ms. Absent if there is no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** The retry policy of jobs that set none. */
  readonly retry: RetryInfo;
  /** How long its jobs are kept after their creation, in ms. */
  readonly retentionMs: number;
  /** How long input and output are kept after the creation of the job, in ms. */
  readonly payloadRetentionMs: number;
  /** Limit of unfinished jobs that do not run. Absent if there is no limit. */
  readonly maxDepth?: number;
  /** Limit of the inputs of these jobs, in bytes. Absent if there is no limit. */
  readonly maxBytes?: number;
  /** Pause, limits, rate and weights. */
  readonly flow: FlowInfo;
  /** Which events of its jobs go to NATS: every one, or only the end of each job. */
  readonly publishedEvents: PublishedEvents;
}

/** A quarantine: one node, or all, do not start jobs of the queue. */
export interface QueueQuarantineInfo {
  /** Id of the node. If absent, the quarantine applies to all nodes. */
  readonly node?: string;
  /** The reason, for people. */
  readonly reason: string;
  /** When the quarantine began. */
  readonly since: Date;
}

/** A queue and its settings. */
export interface QueueInfo {
  /** Unique within the tenant. */
  readonly name: string;
  /** Settings in force. */
  readonly settings: QueueSettingsInfo;
  /** Grows with each change. `update` expects the version that the change is based on. */
  readonly version: number;
  /** When it was created. */
  readonly createdAt: Date;
  /** When its settings last changed. */
  readonly updatedAt: Date;
  /** The quarantines of the queue. Empty if there are none. */
  readonly quarantines: readonly QueueQuarantineInfo[];
}

/**
 * Settings of a queue. At `create`, absent settings get their defaults. At `update`, they keep their values, and null
 * restores the default.
 */
export interface QueueSettingsInput {
  /** The longest time of one attempt, in ms: 1 ms to 7 days, at most the retention. Default: 5 minutes. */
  readonly executionTimeoutMs?: number;
  /**
   * The longest time of an attempt without a sign of life, in ms: 1 s to the execution timeout. Null: no limit.
   * Default: no limit.
   */
  readonly heartbeatTimeoutMs?: number | null;
  /** The retry policy. Absent fields keep their values. */
  readonly retry?: Partial<RetryInfo>;
  /** How long jobs are kept after their creation, in ms: 1 minute to 365 days. Default: 7 days. */
  readonly retentionMs?: number;
  /**
   * How long inputs and outputs are kept after the creation of a job, in ms: 1 minute to the retention. Null: as long
   * as the job.
   */
  readonly payloadRetentionMs?: number | null;
  /**
   * Limit of unfinished jobs that do not run; further submits are refused with QUEUE_FULL. 1 to 100,000,000. Null: no
   * limit.
   */
  readonly maxDepth?: number | null;
  /** Limit of their inputs, in bytes. Null: no limit. */
  readonly maxBytes?: number | null;
  /** Pause, limits, rate and weights. */
  readonly flow?: FlowInput;
  /** Which events of its jobs go to NATS: every one, or only the end of each job. Default: `all`. */
  readonly publishedEvents?: PublishedEvents;
}

/** How to run a job. Absent options come from the handler or the queue. */
export interface JobOptions {
  /**
   * The version that the job needs: exactly (`1.4.0`) or at least (`>=1.4`). Default: any version that accepts the
   * input.
   */
  readonly handlerVersion?: string;
  /** Name of the queue. Default: `default`. */
  readonly queue?: string;
  /** The earliest start, at most 365 days ahead. Default: at once. A time in the past means at once. */
  readonly runAt?: Date;
  /** The longest time from ready to the first start, in ms. After it the job ends as EXPIRED. Default: no limit. */
  readonly queueTimeoutMs?: number;
  /** The longest time of one attempt, in ms: 1 ms to 7 days. Default: that of the handler, otherwise of the queue. */
  readonly executionTimeoutMs?: number;
  /**
   * The longest time of an attempt without a sign of life, in ms: 1 s to the execution timeout. Null: no limit,
   * whatever handler and queue say. Default: that of the handler, otherwise of the queue.
   */
  readonly heartbeatTimeoutMs?: number | null;
  /** The longest time from submission to the end, in ms, over all attempts. Default: the retention. */
  readonly totalTimeoutMs?: number;
  /** The retry policy. Absent fields come from the handler or the queue. */
  readonly retry?: Partial<RetryInfo>;
  /** How long the job is kept after its creation, in ms: 1 minute to 365 days. Default: that of the queue. */
  readonly retentionMs?: number;
  /**
   * How long input and output are kept after creation, in ms: 1 minute to the retention. Default: that of the queue,
   * otherwise the retention.
   */
  readonly payloadRetentionMs?: number;
  /** Priority among the waiting jobs of the queue, 0 (lowest) to 4. Default: 2. */
  readonly priority?: number;
  /**
   * Reject the submit with WOULD_BE_LATE if the job would more likely than not miss its queue timeout or total timeout.
   * Default: false.
   */
  readonly refuseLate?: boolean;
  /**
   * Jobs of the queue with the same key run a limited number at a time: 1, unless the queue sets another number. At
   * most 256 characters. Default: none.
   */
  readonly concurrencyKey?: string;
  /** Jobs of the queue with different keys take turns while they wait. At most 64 characters. Default: none. */
  readonly fairnessKey?: string;
  /** Labels to find the job by, at most 16. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** At most one unfinished job of the tenant has this key. Default: none. */
  readonly uniqueKey?: string;
  /**
   * How long the unique key is held from the submit on, in ms, even if the job ends earlier: 1 s to the retention.
   * Default: until the job ends.
   */
  readonly uniqueWindowMs?: number;
  /** What happens to this submit while another job has the unique key. Default: `reject`. */
  readonly onConflict?: UniqueConflict;
  /**
   * Makes the submit safe to repeat: the same key with the same content returns the same job. 1 to 256 characters.
   * Default: none.
   */
  readonly idempotencyKey?: string;
  /**
   * Generates an idempotency key, so that the client may retry the submit even if it does not know whether the first
   * try arrived. This costs the cluster one more lookup and one more row per job. Default: that of `connect`, otherwise
   * false.
   */
  readonly idempotent?: boolean;
}

/** One job of `submitMany`. */
export interface JobDraft extends JobOptions {
  /** Name of the handler that runs it. */
  readonly handler: string;
  /** The input: a JSON value, or bytes as a Uint8Array. Default: null. */
  readonly input?: unknown;
}

/** The answer to a submit: the job is durable. */
export interface SubmittedJob {
  /** Id of the job. */
  readonly jobId: string;
  /** Its state when it was accepted, or found again. */
  readonly state: ClientJobState;
  /** True if the idempotency key was known and this is the earlier job. */
  readonly duplicate: boolean;
}

/** Which jobs of a queue. A job must match all fields that are given. */
export interface JobFilterOptions {
  /** Name of the queue. Default: `default`. */
  readonly queue?: string;
  /** States to match. Default: any, but see `redrive` and `cancelMany`. */
  readonly states?: readonly JobState[];
  /** Name of the handler. Default: any. */
  readonly handler?: string;
  /** Labels that the job must have, with these values. Default: any. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Created at this instant or later. */
  readonly createdFrom?: Date;
  /** Created before this instant. */
  readonly createdBefore?: Date;
  /** Reasons of the last failure to match. Without `states`, this selects FAILED jobs. */
  readonly failureReasons?: readonly FailureReason[];
  /** Id of a kind of failure (`failureKinds`). Without `states`, this selects FAILED jobs. */
  readonly failureKind?: string;
  /** Ended at this instant or later. */
  readonly endedFrom?: Date;
  /** Ended before this instant. */
  readonly endedBefore?: Date;
}

/** Which jobs to list, and in which order. */
export interface ListOptions extends JobFilterOptions {
  /** The largest number of jobs to list. Default: all. */
  readonly limit?: number;
  /** List the oldest jobs first. Default: false. */
  readonly oldestFirst?: boolean;
}

/** How to submit an ended job again. */
export interface RetryJobOptions {
  /** A new input: a JSON value, or bytes as a Uint8Array. Default: the input of the ended job. */
  readonly input?: unknown;
  /** Makes the call safe to repeat: the same key returns the same new job. Default: none. */
  readonly idempotencyKey?: string;
}

/** Which jobs an operation affects. */
export interface BulkOptions extends JobFilterOptions {
  /** Aborts the operation. What it has done stays done. */
  readonly signal?: AbortSignal;
}

/** Which failed jobs to submit again, and how fast. */
export interface RedriveOptions extends BulkOptions {
  /** Jobs to submit per second: 1 to 10,000. Default: 100. */
  readonly perSecond?: number;
  /** Id of the operation. Operations with the same id submit each job again only once. Default: a generated id. */
  readonly redriveId?: string;
}

/** The progress of an operation since its last report. */
export interface BulkProgress {
  /** Jobs that were submitted again or cancelled. */
  readonly done: number;
  /** Jobs that were refused. */
  readonly refused: number;
  /** The errors of some refused jobs, at most 20. */
  readonly failures: readonly { readonly jobId: string; readonly error: TroupeClientError }[];
}
