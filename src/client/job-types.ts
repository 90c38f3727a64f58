/** Jobs and queues as TypeScript programs see them: names as words, times as Dates, durations in milliseconds. */
import type { FlowInfo, FlowInput } from './flow.ts';
import type { TroupeClientError } from './client-error.ts';
import type { GoneReason } from '../domain/payload-life.ts';
import type {
  AttemptOutcome,
  FailureReason,
  JobEventType,
  JobState,
  RetryPolicy,
  UniqueConflict,
} from '../domain/job.ts';
import type { WaitingReason } from '../domain/why-waiting.ts';

/** `UNKNOWN`: a state of a newer gateway. */
export type ClientJobState = JobState | 'UNKNOWN';

/** That an attempt has saved its work; what it saved is for its handler alone. */
export interface JobCheckpointInfo {
  readonly attempt: number;
  readonly at: Date;
  readonly sizeBytes: number;
}

export interface FailureCauseInfo {
  readonly message: string;
  readonly code?: string;
}

export interface JobFailureInfo {
  readonly reason: FailureReason | 'UNKNOWN';
  readonly message: string;
  readonly code?: string;
  /** What stands behind it, the nearest first: members of an AggregateError, and causes; at most 8. */
  readonly causes?: readonly FailureCauseInfo[];
  readonly stack?: string;
}

export interface JobEventInfo {
  readonly seq: number;
  readonly type: JobEventType | 'unknown';
  readonly at: Date;
  readonly attempt: number;
  readonly reason?: FailureReason | 'UNKNOWN';
  /** Of `started`: where. */
  readonly node?: string;
}

export interface JobAttemptInfo {
  readonly number: number;
  readonly node?: string;
  readonly startedAt: Date;
  /** Absent: it runs. */
  readonly endedAt?: Date;
  /** Absent: it runs. `given-back`: by its node, which drains or had no thread for it. */
  readonly outcome?: AttemptOutcome | 'unknown';
  readonly reason?: FailureReason | 'UNKNOWN';
  readonly message?: string;
  readonly code?: string;
}

/** Why a job does not run. Estimates of one moment. */
export interface JobWaitingInfo {
  readonly reason: WaitingReason | 'UNKNOWN';
  readonly detail: string;
  /** Jobs that start before it. Absent: not known. */
  readonly ahead?: number;
  /** From now to its start. Absent: not known, or somebody must do something first. */
  readonly eta?: { readonly p50Ms: number; readonly p90Ms: number };
}

export interface JobInfo {
  readonly id: string;
  readonly handler: string;
  /** The version it needs: `1.4.0`, or at least: `>=1.4`. Absent: any. */
  readonly handlerVersion?: string;
  readonly queue: string;
  readonly state: ClientJobState;
  /** Nothing about it changes any more. */
  readonly final: boolean;
  readonly seq: number;
  readonly attempt: number;
  readonly failures: number;
  readonly losses: number;
  /** Attempts that ran out of memory and were repeated with more; they cost no retry. */
  readonly oomRetries: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly readyAt: Date;
  readonly firstStartedAt?: Date;
  readonly finishedAt?: Date;
  readonly expiresAt: Date;
  readonly runAt?: Date;
  readonly queueTimeoutMs?: number;
  readonly executionTimeoutMs: number;
  readonly heartbeatTimeoutMs?: number;
  readonly totalTimeoutMs?: number;
  readonly retry: RetryPolicy;
  readonly retentionMs: number;
  /** How long input and output are kept after creation. */
  readonly payloadRetentionMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** 0 (lowest) to 4. */
  readonly priority: number;
  readonly concurrencyKey?: string;
  readonly fairnessKey?: string;
  readonly uniqueKey?: string;
  readonly uniqueWindowMs?: number;
  readonly run?: { readonly attempt: number; readonly node: string; readonly startedAt: Date };
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
  readonly failure?: JobFailureInfo;
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

export interface QueueSettingsInfo {
  readonly executionTimeoutMs: number;
  readonly heartbeatTimeoutMs?: number;
  readonly retry: RetryPolicy;
  readonly retentionMs: number;
  /** How long input and output are kept after creation. */
  readonly payloadRetentionMs: number;
  /** Unfinished jobs that do not run. Absent: no limit. */
  readonly maxDepth?: number;
  /** Of the inputs of those. Absent: no limit. */
  readonly maxBytes?: number;
  readonly flow: FlowInfo;
}

export interface QueueQuarantineInfo {
  /** Absent: no node hands the queue out. */
  readonly node?: string;
  readonly reason: string;
  readonly since: Date;
}

export interface QueueInfo {
  readonly name: string;
  readonly settings: QueueSettingsInfo;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Why its jobs wait, if they do. */
  readonly quarantines: readonly QueueQuarantineInfo[];
}

/** What is absent keeps its value or gets its default. */
export interface QueueSettingsInput {
  readonly executionTimeoutMs?: number;
  /** 0: none. */
  readonly heartbeatTimeoutMs?: number;
  readonly retry?: Partial<RetryPolicy>;
  readonly retentionMs?: number;
  /** How long input and output are kept after creation; at most the retention. Default: of the queue, else the retention. */
  readonly payloadRetentionMs?: number;
  /** 0: no limit. */
  readonly maxDepth?: number;
  /** 0: no limit. */
  readonly maxBytes?: number;
  readonly flow?: FlowInput;
}

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
  /** Longest time of an attempt without a sign of life; 0: none, whatever handler and queue say. */
  readonly heartbeatTimeoutMs?: number;
  /** From submission to the end. */
  readonly totalTimeoutMs?: number;
  readonly retry?: Partial<RetryPolicy>;
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
  readonly handler: string;
  /** JSON value, or bytes as Uint8Array; absent: null. */
  readonly input?: unknown;
}

export interface SubmittedJob {
  readonly jobId: string;
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
  readonly handler?: string;
  /** With all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly createdFrom?: Date;
  /** Not this instant itself. */
  readonly createdBefore?: Date;
  /** Whose last failure was for one of these; without states: FAILED jobs. */
  readonly failureReasons?: readonly FailureReason[];
  readonly finishedFrom?: Date;
  /** Not this instant itself. */
  readonly finishedBefore?: Date;
}

export interface ListOptions extends JobFilterOptions {
  /** Ends after so many; default: at the end of the queue. */
  readonly limit?: number;
  readonly oldestFirst?: boolean;
}

export interface RetryJobOptions {
  /** In place of the old input: a JSON value, or bytes as Uint8Array. */
  readonly input?: unknown;
  readonly idempotencyKey?: string;
}

export interface BulkOptions extends JobFilterOptions {
  readonly signal?: AbortSignal;
}

export interface RedriveOptions extends BulkOptions {
  /** 1 to 10,000; default 100. */
  readonly perSecond?: number;
  /** Name of the operation; with the same one no job is submitted again twice. Default: made up. */
  readonly redriveId?: string;
}

/** What an operation over many jobs has done since it said something the last time. */
export interface BulkProgress {
  readonly done: number;
  readonly refused: number;
  /** Why, for some of those that were refused. */
  readonly failures: readonly { readonly jobId: string; readonly error: TroupeClientError }[];
}
