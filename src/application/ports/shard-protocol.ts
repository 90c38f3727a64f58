/**
 * The verbs by which gateways and nodes address the owner of a shard. Requests are batches of one verb, as JSON on the
 * wire. An item fails on its own: its slot in the reply holds the error.
 */
import type { AttemptOutcome } from '../../domain/attempt-outcome.ts';
import type { QuotaLease, QuotaRequest } from '../../domain/quota-account.ts';
import type { ClusterLoad } from '../../domain/demand.ts';
import type { WireError } from '../../domain/errors.ts';
import type { Checkpoint, JobRecord, JobSpec, Payload } from '../../domain/job.ts';
import type { LogLine, LogPosition, StoredLog } from '../../domain/job-log.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { QueueClosing } from '../../domain/queue.ts';
import type { QueueStats } from '../../domain/queue-stats.ts';
import type { QueueSurvey } from '../../domain/queue-survey.ts';
import type { TenantStats } from '../../domain/tenant-stats.ts';

export interface SubmitItem {
  readonly spec: JobSpec;
  /** Both are present if the caller gave an idempotency key. */
  readonly keyHash?: string;
  readonly contentHash?: string;
  /**
   * Patterns of the queues in which the caller may submit. Keys belong to the whole tenant, and a job of another queue that
   * has one of them is neither named nor replaced. Absent: all queues, or the job has no key.
   */
  readonly onlyIn?: readonly string[];
  /** The tenant has no room for another job. So the answer is the job that has the key already, or QUOTA_EXCEEDED. */
  readonly noneNew?: true;
  /** As in `CancelItem`. Only of a job that repeats another one. */
  readonly by?: string;
}
export interface SubmitResult {
  readonly record: JobRecord;
  /** A job with this key existed before. */
  readonly duplicate: boolean;
}

export interface ClaimItem {
  readonly jobId: JobId;
  readonly node: string;
  /** Epoch of the owner that dispatched the WORK message. An owner with a lower epoch has been deposed. */
  readonly epoch: number;
  /** Number of the WORK message among those of that owner. Absent from nodes of earlier versions. */
  readonly again?: number;
  /** Reply subject of the WORK message. The shard acknowledges the message once the claim is durable. */
  readonly ackTo?: string;
}
/**
 * `drop`: the message has nothing left to do; acknowledge it. If the job waits, the shard sends another one when its
 * turn comes. `later`: leave it to redelivery. `held`: the shard acknowledges the message itself. Only shards of earlier
 * versions say so.
 */
export type ClaimResult =
  | {
      readonly kind: 'granted';
      readonly token: string;
      readonly attempt: number;
      readonly spec: JobSpec;
      readonly createdAtMs: number;
      /** When the claim was granted, by the clock of the other times here. Absent from shards of earlier versions. */
      readonly nowMs?: number;
      /** When the whole job must end, if it has a total timeout. Epoch ms. */
      readonly deadlineAtMs?: number;
      /** The job was in a thread of a cell that died, so the attempt must run isolated. */
      readonly suspect: boolean;
      /** Least heap for the attempt, because the job ran out of memory with less. */
      readonly memoryMb?: number;
      /** The last checkpoint that an earlier attempt saved. */
      readonly checkpoint?: Payload;
    }
  | { readonly kind: 'drop' }
  | { readonly kind: 'later' }
  | { readonly kind: 'held' };

export interface ReportItem {
  readonly jobId: JobId;
  readonly token: string;
  readonly outcome: AttemptOutcome;
  /** The log of the attempt. Absent if it logged nothing. */
  readonly log?: Payload;
}
/** `stale`: another attempt holds the job, or the job has ended. The report changed nothing. */
export type ReportResult = { readonly kind: 'recorded'; readonly state: string } | { readonly kind: 'stale' };

/** A small checkpoint is inline. The bytes of a larger one are in the payload store before it is reported. */
export interface CheckpointItem extends Pick<Checkpoint, 'payload' | 'bytes' | 'number'> {
  readonly jobId: JobId;
  readonly token: string;
}
/** `recorded`: this checkpoint, or a later one of the attempt, is durable. */
export interface CheckpointResult {
  readonly kind: 'recorded' | 'stale';
}

/** Log lines of one attempt that its shard lacks: all kept lines after number `after`. */
export interface LogItem {
  readonly jobId: JobId;
  readonly token: string;
  readonly after: number;
  readonly lines: readonly LogLine[];
}
/** `through` is the newest line of the attempt that the shard has. */
export type LogResult = { readonly kind: 'kept'; readonly through: number } | { readonly kind: 'stale' };

export interface ReadLogItem {
  readonly jobId: JobId;
  readonly seen: LogPosition;
}
export interface ReadLogResult {
  /** Logs of attempts that have ended. */
  readonly stored: readonly StoredLog[];
  /** Lines of the other attempts, in order. An attempt is never cut, but not all attempts need be included at once. */
  readonly lines: readonly LogLine[];
}

export interface AttemptPulse {
  readonly jobId: JobId;
  readonly token: string;
  /** 0..1 */
  readonly progress?: number;
  readonly note?: string;
  /** The note, encrypted (base64). Then `note` is empty. */
  readonly sealedNote?: string;
  /** The attempt has not begun, because its node cannot get the keys of its payloads. */
  readonly waitsForKeys?: true;
}
export interface HeartbeatItem {
  readonly node: string;
  readonly runs: readonly AttemptPulse[];
}
export interface HeartbeatResult {
  /** Attempts to end: cancelled ones, and those whose token is no longer valid. */
  readonly stop: readonly { readonly jobId: JobId; readonly token: string; readonly why: 'cancel' | 'stale' }[];
}

export interface CancelItem {
  readonly jobId: JobId;
  /** Rejects the cancel if an attempt holds the job. */
  readonly unlessRunning?: boolean;
  readonly reason: string;
  /** The id of the caller, for the history of the job. At most `callerMaxBytes`. */
  readonly by?: string;
}
/** Removes the inline payloads from the record of an ended job. Answers with the resulting record. */
export interface EraseItem {
  readonly jobId: JobId;
}
export interface RescheduleItem {
  readonly jobId: JobId;
  /** If absent, or in the past, the job becomes due now. */
  readonly runAtMs?: number;
  /** As in `CancelItem`. */
  readonly by?: string;
}
export interface GetItem {
  readonly jobId: JobId;
}
export interface JobProgress {
  /** 0..1 */
  readonly fraction: number;
  readonly note: string;
  /** As in `AttemptPulse`. */
  readonly sealedNote?: string;
}
export interface JobView {
  readonly record: JobRecord;
  /** Progress of the running attempt. */
  readonly progress?: JobProgress;
  /** As in `AttemptPulse`, of the running attempt. */
  readonly waitsForKeys?: true;
}

export interface QueueStatsItem {
  readonly tenant: string;
  readonly queue: string;
}

/** Asks for the figures of all queues of a tenant. */
export interface SurveyItem {
  readonly tenant: string;
  /** Patterns of the queues that count. Absent: all. */
  readonly onlyIn?: readonly string[];
  /** Only rows of queues with this text in their name, in small letters. The sums are about all. Absent: all. */
  readonly contains?: string;
}

/** Asks for what waits and runs in the shard, over all queues. */
type LoadItem = Readonly<Record<string, never>>;

/** Unfinished jobs of a queue in a shard. While there are any, the queue must not be removed. */
export interface UnfinishedJobs {
  readonly waiting: number;
  /** SCHEDULED and RETRYING. */
  readonly later: number;
  /** RUNNING and CANCELLING, and jobs whose end is not durable yet. */
  readonly running: number;
}

export interface TenantStatsItem {
  readonly tenant: string;
}

export interface PlaceItem {
  readonly jobId: JobId;
}
/** Position of a QUEUED job within its shard and level. Empty if the job is not there or not QUEUED. */
export interface PlaceResult {
  /** Number of jobs that became QUEUED before it. Counted up to 10,000. */
  readonly before?: number;
  /** Number of QUEUED jobs, including this one. */
  readonly waiting?: number;
  /** What holds the job back. Absent if nothing does. */
  readonly heldBy?: HeldBy;
}

/**
 * `pause`: its queue is paused. `running`: the limit of running jobs. `rate`: the rate of starts. `key`: its
 * concurrency key. `tenant`: the quota of running jobs of its tenant.
 */
export type HeldBy = 'pause' | 'running' | 'rate' | 'key' | 'tenant';

/** Asks the home of a limit how much of the limit this shard may use. See `domain/quota-account.ts`. */
export interface QuotaItem extends QuotaRequest {
  readonly tenant: string;
  readonly queue: string;
  /** The concurrency key. Absent for a limit of the whole queue. */
  readonly key?: string;
}
/**
 * The same for the limit of a tenant. It has a verb of its own, because an earlier version would take it for a queue without a
 * limit. Such a home refuses the verb, and the shard that asked may use nothing.
 */
export interface TenantQuotaItem extends QuotaRequest {
  readonly tenant: string;
}
export interface QuotaResult {
  readonly lease: QuotaLease;
  /** Epoch of the home. An answer of a former owner is ignored once a later owner has answered. */
  readonly epoch: number;
}

/**
 * Asks a shard how much it uses of the limits of a home. Quota leases of the home's former owner end with the answer.
 */
export interface LimitUseItem {
  readonly home: number;
  readonly epoch: number;
  /** The home knows limits of tenants. Absent: an earlier version, which takes them for limits of queues. */
  readonly ofTenants?: true;
}
/** Without a queue it is the limit of the tenant. */
export interface LimitUse {
  readonly tenant: string;
  readonly queue?: string;
  readonly key?: string;
  readonly using: number;
}
export interface LimitUseResult {
  readonly uses: readonly LimitUse[];
}

export interface ShardVerbs {
  submit: { item: SubmitItem; result: SubmitResult };
  claim: { item: ClaimItem; result: ClaimResult };
  report: { item: ReportItem; result: ReportResult };
  checkpoint: { item: CheckpointItem; result: CheckpointResult };
  log: { item: LogItem; result: LogResult };
  readLog: { item: ReadLogItem; result: ReadLogResult };
  heartbeat: { item: HeartbeatItem; result: HeartbeatResult };
  cancel: { item: CancelItem; result: JobView };
  erase: { item: EraseItem; result: JobView };
  reschedule: { item: RescheduleItem; result: JobView };
  get: { item: GetItem; result: JobView };
  queueStats: { item: QueueStatsItem; result: QueueStats };
  tenantStats: { item: TenantStatsItem; result: TenantStats };
  survey: { item: SurveyItem; result: QueueSurvey };
  load: { item: LoadItem; result: ClusterLoad };
  /**
   * From the answer on the shard accepts no job of the queue. The answer comes from an owner that has proved its
   * ownership after the request.
   */
  closeQueue: { item: QueueClosing; result: UnfinishedJobs };
  openQueue: { item: QueueClosing; result: { readonly kind: 'open' } };
  place: { item: PlaceItem; result: PlaceResult };
  leaseQuota: { item: QuotaItem; result: QuotaResult };
  leaseTenantQuota: { item: TenantQuotaItem; result: QuotaResult };
  limitUse: { item: LimitUseItem; result: LimitUseResult };
}
export type ShardVerb = keyof ShardVerbs;

interface VerbTraits {
  /** Most bytes of the answer to one item, from the bounds of a record (inline payloads, failure, trail). */
  readonly answerBytes: (itemBytes: number) => number;
}

/** The only list of the verbs at run time. */
export const shardVerbs: Readonly<Record<ShardVerb, VerbTraits>> = {
  submit: { answerBytes: (itemBytes) => itemBytes + 1_024 },
  // A grant that does not fit is lost with its attempt. So this is the size of a spec with every option at its bound.
  claim: { answerBytes: () => 26_624 },
  report: { answerBytes: () => 256 },
  checkpoint: { answerBytes: () => 256 },
  log: { answerBytes: () => 256 },
  readLog: { answerBytes: () => 400_000 },
  // It may name each of its runs again, with a word.
  heartbeat: { answerBytes: (itemBytes) => itemBytes + 1_024 },
  cancel: { answerBytes: () => 34_816 },
  erase: { answerBytes: () => 34_816 },
  reschedule: { answerBytes: () => 34_816 },
  get: { answerBytes: () => 34_816 },
  queueStats: { answerBytes: () => 4_096 },
  tenantStats: { answerBytes: () => 256 },
  // The shard leaves out rows that do not fit.
  survey: { answerBytes: () => 160_000 },
  // The shard leaves out rows that do not fit. This holds 1,000 of each kind with names of usual length.
  load: { answerBytes: () => 700_000 },
  closeQueue: { answerBytes: () => 256 },
  openQueue: { answerBytes: () => 256 },
  place: { answerBytes: () => 256 },
  leaseQuota: { answerBytes: () => 256 },
  leaseTenantQuota: { answerBytes: () => 256 },
  limitUse: { answerBytes: () => 65_536 },
};

export function isShardVerb(verb: string): verb is ShardVerb {
  return Object.hasOwn(shardVerbs, verb);
}

export type ItemResult<T> = { readonly ok: T } | { readonly error: WireError };

/** Most items and bytes of one batch. The bytes are bounded so that a batch fits one NATS message. */
export const batchMaxItems = 500;
export const batchMaxBytes = 768 * 1024;
