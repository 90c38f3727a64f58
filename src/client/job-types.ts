/** Jobs and queues as TypeScript programs see them: names as words, times as Dates, durations in milliseconds. */
import type { FlowInfo, FlowInput } from './flow.ts';
import type { TroupeClientError } from './client-error.ts';
import type { GoneReason } from '../domain/payload-life.ts';
import type { AttemptOutcome, FailureReason, JobEventType, JobState, UniqueConflict } from '../domain/job.ts';
import type { WaitingReason } from '../domain/why-waiting.ts';

/** `UNKNOWN`: a state of a newer gateway. */
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

/** That an attempt has saved its work; what it saved is for its handler alone. */
export interface JobCheckpointInfo {
  /** The attempt that saved it; from 1. */
  readonly attempt: number;
  /** When it was saved. */
  readonly at: Date;
  /** Size of the saved value in bytes. */
  readonly sizeBytes: number;
}

/** One error behind a failure: a `cause`, or a member of an AggregateError. */
export interface FailureCauseInfo {
  /** Its message; clipped by the cluster. */
  readonly message: string;
  /** Its `code`, as text; absent if it had none. */
  readonly code?: string;
}

/** Why an attempt, or the job, failed. */
export interface JobFailureInfo {
  /** The kind of failure. `UNKNOWN`: a reason of a newer gateway. */
  readonly reason: FailureReason | 'UNKNOWN';
  /** What the handler or the cluster said. */
  readonly message: string;
  /** The `code` of the error that the handler threw; `retry.nonRetryableCodes` is matched against it. */
  readonly code?: string;
  /** What stands behind it, the nearest first: members of an AggregateError, and causes; at most 8. */
  readonly causes?: readonly FailureCauseInfo[];
  /** The stack of the error; absent if it had none. */
  readonly stack?: string;
}

/** One step of a job. NATS carries the same steps as events. */
export interface JobEventInfo {
  /** Position in the life of the job; from 1, without gaps. */
  readonly seq: number;
  /** What happened. `unknown`: a type of a newer gateway. */
  readonly type: JobEventType | 'unknown';
  /** When it was decided. */
  readonly at: Date;
  /** Attempts granted by then; 0 before the first. */
  readonly attempt: number;
  /** Why, for steps that have a reason. */
  readonly reason?: FailureReason | 'UNKNOWN';
  /** Of `started`: where. */
  readonly node?: string;
}

/** One attempt of a job. */
export interface JobAttemptInfo {
  /** From 1. */
  readonly number: number;
  /** Id of the node that ran it; absent if it is not known. */
  readonly node?: string;
  /** When it was granted. */
  readonly startedAt: Date;
  /** Absent: it runs. */
  readonly endedAt?: Date;
  /** Absent: it runs. `given-back`: by its node, which drains or had no thread for it. */
  readonly outcome?: AttemptOutcome | 'unknown';
  /** Why it failed; absent if it did not. */
  readonly reason?: FailureReason | 'UNKNOWN';
  /** What the handler or the cluster said. */
  readonly message?: string;
  /** The `code` of the error that the handler threw. */
  readonly code?: string;
}

/** Why a job does not run. Estimates of one moment. */
export interface JobWaitingInfo {
  /** What the job waits for. `UNKNOWN`: a reason of a newer gateway. */
  readonly reason: WaitingReason | 'UNKNOWN';
  /** The same in a sentence for people. */
  readonly detail: string;
  /** Jobs that start before it. Absent: not known. */
  readonly ahead?: number;
  /** From now to its start. Absent: not known, or somebody must do something first. */
  readonly eta?: { readonly p50Ms: number; readonly p90Ms: number };
}

/** A job as it is at one moment. Two views of a job are ordered by `seq`. */
export interface JobInfo {
  /** UUIDv7; ids sort by creation. */
  readonly id: string;
  /** Name of its handler. */
  readonly handler: string;
  /** The version it needs: `1.4.0`, or at least: `>=1.4`. Absent: any. */
  readonly handlerVersion?: string;
  /** Name of its queue. */
  readonly queue: string;
  /** `UNKNOWN`: a state of a newer gateway. */
  readonly state: ClientJobState;
  /** Nothing about it changes any more. */
  readonly final: boolean;
  /** Number of the last event; grows with each change of state. */
  readonly seq: number;
  /** Attempts granted so far; 0 before the first. */
  readonly attempt: number;
  /** Attempts that ended by their own fault; compared with `retry.maxAttempts`. */
  readonly failures: number;
  /** Attempts that were lost with their node; they cost no retry. */
  readonly losses: number;
  /** Attempts that ran out of memory and were repeated with more; they cost no retry. */
  readonly oomRetries: number;
  /** When it was accepted. */
  readonly createdAt: Date;
  /** When it last changed. */
  readonly updatedAt: Date;
  /** SCHEDULED and RETRYING: when it is due. QUEUED: since when it waits. */
  readonly readyAt: Date;
  /** When its first attempt was granted; absent before. */
  readonly firstStartedAt?: Date;
  /** When it became final; absent before. */
  readonly endedAt?: Date;
  /** An unfinished job is ended then; an ended one is gone from then on. */
  readonly expiresAt: Date;
  /** The earliest start that the caller asked for; absent: none. */
  readonly runAt?: Date;
  /** Longest time from ready to the first start, in ms; absent: no limit. */
  readonly queueTimeoutMs?: number;
  /** Longest time of one attempt, in ms. */
  readonly executionTimeoutMs: number;
  /** Longest time of an attempt without a sign of life, in ms; absent: no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** Longest time from submission to the end, in ms; absent: only the retention limits it. */
  readonly totalTimeoutMs?: number;
  /** When an attempt that failed is followed by another. */
  readonly retry: RetryInfo;
  /** How long the job is kept after its creation, in ms. */
  readonly retentionMs: number;
  /** How long input and output are kept after creation. */
  readonly payloadRetentionMs: number;
  /** Labels that the caller gave it. */
  readonly labels: Readonly<Record<string, string>>;
  /** 0 (lowest) to 4. */
  readonly priority: number;
  /** Jobs of the queue with the same key run a bounded number at a time; absent: no key. */
  readonly concurrencyKey?: string;
  /** Jobs of the queue with different keys take turns; absent: no key. */
  readonly fairnessKey?: string;
  /** At most one unfinished job has this key; absent: no key. */
  readonly uniqueKey?: string;
  /** How long the unique key is held from the submit on, in ms; absent: until the job ends. */
  readonly uniqueWindowMs?: number;
  /** The attempt that holds it; absent if none does. */
  readonly run?: { readonly attempt: number; readonly node: string; readonly startedAt: Date };
  /** What the running attempt last reported; absent if it reported nothing. `fraction` is 0 to 1. */
  readonly progress?: { readonly fraction: number; readonly note: string };
  /** The newest one of any attempt. */
  readonly checkpoint?: JobCheckpointInfo;
  /** A JSON value, or bytes. Only `get` has it. */
  readonly input?: unknown;
  /** A JSON value, or bytes. `get`, `wait` and the last word of `watch` have it. */
  readonly output?: unknown;
  /** Why there is no input any more. Only `get` has it. */
  readonly inputGone?: GoneReason | 'unknown';
  /** Why there is no output any more, where there was one. Where `output` would be. */
  readonly outputGone?: GoneReason | 'unknown';
  /** From then on input and output are gone. Absent: kept as long as the job. */
  readonly payloadsExpireAt?: Date;
  /** When `delete` erased input and output. */
  readonly payloadsErasedAt?: Date;
  /** The last failure; of a FAILED job the one that ended it. */
  readonly failure?: JobFailureInfo;
  /** Why it was cancelled; absent if it was not, or without a reason. */
  readonly cancelReason?: string;
  /** The ended job that this one repeats. */
  readonly retryOf?: string;
  /** Only `get` with `explain` has it, of a job that waits. */
  readonly waiting?: JobWaitingInfo;
  /** Only `get` has it. */
  readonly history: readonly JobEventInfo[];
  /** The newest, oldest first, at most 10. Only `get` has it. */
  readonly attempts: readonly JobAttemptInfo[];
}

/** Settings of a queue, every default filled in. */
export interface QueueSettingsInfo {
  /** Longest time of one attempt, in ms, for jobs that ask for none. */
  readonly executionTimeoutMs: number;
  /** Longest time of an attempt without a sign of life, in ms; absent: no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** Retry policy of jobs that bring none. */
  readonly retry: RetryInfo;
  /** How long its jobs are kept after their creation, in ms. */
  readonly retentionMs: number;
  /** How long input and output are kept after creation. */
  readonly payloadRetentionMs: number;
  /** Unfinished jobs that do not run. Absent: no limit. */
  readonly maxDepth?: number;
  /** Of the inputs of those. Absent: no limit. */
  readonly maxBytes?: number;
  /** Pause, limits, rate and weights. */
  readonly flow: FlowInfo;
}

/** A node, or all of them, stopped handing out the jobs of a queue. */
export interface QueueQuarantineInfo {
  /** Absent: no node hands the queue out. */
  readonly node?: string;
  /** Why, in a sentence for people. */
  readonly reason: string;
  /** When it was stopped. */
  readonly since: Date;
}

/** A queue and its settings. */
export interface QueueInfo {
  /** Unique within the tenant. */
  readonly name: string;
  /** Settings in force. */
  readonly settings: QueueSettingsInfo;
  /** Grows with each change; `update` may ask for the one it has read. */
  readonly version: number;
  /** When it was created. */
  readonly createdAt: Date;
  /** When its settings last changed. */
  readonly updatedAt: Date;
  /** Why its jobs wait, if they do. */
  readonly quarantines: readonly QueueQuarantineInfo[];
}

/** What is absent keeps its value or gets its default. */
export interface QueueSettingsInput {
  /** Longest time of one attempt, in ms. */
  readonly executionTimeoutMs?: number;
  /** Longest time of an attempt without a sign of life, in ms. Null: no limit. */
  readonly heartbeatTimeoutMs?: number | null;
  /** What is absent keeps its value. */
  readonly retry?: Partial<RetryInfo>;
  /** How long jobs are kept after their creation, in ms. */
  readonly retentionMs?: number;
  /** How long inputs and outputs are kept after creation, in ms; at most the retention. Null: as long as the jobs. */
  readonly payloadRetentionMs?: number | null;
  /** Most unfinished jobs that do not run. Null: no limit. */
  readonly maxDepth?: number | null;
  /** Most bytes of their inputs. Null: no limit. */
  readonly maxBytes?: number | null;
  /** Pause, limits, rate and weights. */
  readonly flow?: FlowInput;
}

/** How a job is to be run. What is absent comes from its handler or its queue. */
export interface JobOptions {
  /** Version of the handler: exactly (`1.4.0`) or at least (`>=1.4`). Default: any that accepts the input. */
  readonly handlerVersion?: string;
  /** Default: `default`. */
  readonly queue?: string;
  /** Not before this time. */
  readonly runAt?: Date;
  /** From ready to the first start. */
  readonly queueTimeoutMs?: number;
  /** One attempt. */
  readonly executionTimeoutMs?: number;
  /** Longest time of an attempt without a sign of life, in ms. Null: no limit, whatever handler and queue say. */
  readonly heartbeatTimeoutMs?: number | null;
  /** From submission to the end. */
  readonly totalTimeoutMs?: number;
  /** What is absent comes from the queue or the handler. */
  readonly retry?: Partial<RetryInfo>;
  /** How long the job is kept after its creation, in ms. Default: of the queue. */
  readonly retentionMs?: number;
  /** How long input and output are kept after creation; at most the retention. Default: of the queue, else the retention. */
  readonly payloadRetentionMs?: number;
  /** 0 (lowest) to 4; default 2. */
  readonly priority?: number;
  /** Refuse it (WOULD_BE_LATE) rather than accept it when it would more likely than not miss its timeout. */
  readonly refuseLate?: boolean;
  /** Jobs of the queue with the same one run a bounded number at a time: one, unless the queue says otherwise. */
  readonly concurrencyKey?: string;
  /** Jobs of the queue with different ones take turns while they wait. */
  readonly fairnessKey?: string;
  /** To find the job by: at most 16. */
  readonly labels?: Readonly<Record<string, string>>;
  /** At most one unfinished job has this key. */
  readonly uniqueKey?: string;
  /** Held so long from the submit on, also when the job ends earlier. 1 s to the retention. Default: until its end. */
  readonly uniqueWindowMs?: number;
  /** What becomes of this submit while another job has it; default `reject`. */
  readonly onConflict?: UniqueConflict;
  /** Same key and same content: same job. Makes the submit safe to repeat. */
  readonly idempotencyKey?: string;
  /**
   * Makes up a key, so that the client may repeat the submit also when it is not known whether the first try arrived.
   * Costs the cluster one more look-up and one more row per job; default false, or what `connect` was told.
   */
  readonly idempotent?: boolean;
}

/** One job of `submitMany`. */
export interface JobDraft extends JobOptions {
  /** Name of the handler that runs it. */
  readonly handler: string;
  /** JSON value, or bytes as Uint8Array; absent: null. */
  readonly input?: unknown;
}

/** The answer to a submit: the job is durable. */
export interface SubmittedJob {
  /** Id of the job. */
  readonly jobId: string;
  /** Its state when it was accepted, or found again. */
  readonly state: ClientJobState;
  /** The key was known: this is the earlier job. */
  readonly duplicate: boolean;
}

/** Which jobs of a queue; what is absent is not asked for. */
export interface JobFilterOptions {
  /** Default: `default`. */
  readonly queue?: string;
  /** In one of these states. */
  readonly states?: readonly JobState[];
  /** Of this handler. */
  readonly handler?: string;
  /** With all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Created at this instant or later. */
  readonly createdFrom?: Date;
  /** Not this instant itself. */
  readonly createdBefore?: Date;
  /** Whose last failure was for one of these; without states: FAILED jobs. */
  readonly failureReasons?: readonly FailureReason[];
  /** Ended at this instant or later. */
  readonly endedFrom?: Date;
  /** Not this instant itself. */
  readonly endedBefore?: Date;
}

/** Which jobs to list, and in which order. */
export interface ListOptions extends JobFilterOptions {
  /** Ends after so many; default: at the end of the queue. */
  readonly limit?: number;
  /** Default: the newest first. */
  readonly oldestFirst?: boolean;
}

/** How an ended job is submitted again. */
export interface RetryJobOptions {
  /** In place of the old input: a JSON value, or bytes as Uint8Array. */
  readonly input?: unknown;
  /** Same key: same new job. Makes the call safe to repeat. */
  readonly idempotencyKey?: string;
}

/** Which jobs an operation reaches. */
export interface BulkOptions extends JobFilterOptions {
  /** Ends the operation; what it has done stays done. */
  readonly signal?: AbortSignal;
}

/** Which failed jobs to submit again, and how fast. */
export interface RedriveOptions extends BulkOptions {
  /** 1 to 10,000; default 100. */
  readonly perSecond?: number;
  /** Name of the operation; with the same one no job is submitted again twice. Default: made up. */
  readonly redriveId?: string;
}

/** What an operation over many jobs has done since it said something the last time. */
export interface BulkProgress {
  /** Jobs that it reached. */
  readonly done: number;
  /** Jobs that it did not reach. */
  readonly refused: number;
  /** Why, for some of those that were refused. */
  readonly failures: readonly { readonly jobId: string; readonly error: TroupeClientError }[];
}
