/**
 * What gateways and nodes ask of the owner of a shard. Always in batches of one verb; JSON on the wire. An item fails
 * alone: its slot in the reply holds the error.
 */
import type { QuotaLease, QuotaRequest } from '../../domain/quota-lease.ts';
import type { ClusterLoad } from '../../domain/demand.ts';
import type { WireError } from '../../domain/errors.ts';
import type { Checkpoint, Failure, JobRecord, JobSpec, Payload } from '../../domain/job.ts';
import type { LogLine, LogPosition, StoredLog } from '../../domain/job-log.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { QueueClosing } from '../../domain/queue.ts';
import type { QueueStats } from '../../domain/queue-stats.ts';

export interface SubmitItem {
  readonly spec: JobSpec;
  /** Both present when the caller gave an idempotency key. */
  readonly keyHash?: string;
  readonly contentHash?: string;
}
export interface SubmitResult {
  readonly record: JobRecord;
  /** The job existed already under this key. */
  readonly duplicate: boolean;
}

export interface ClaimItem {
  readonly jobId: JobId;
  readonly node: string;
  /** Epoch of the owner that dispatched the WORK message: an owner of a lower one has been deposed. */
  readonly epoch: number;
  /** Reply subject of the WORK message: the shard acknowledges it once the claim is durable. */
  readonly ackTo?: string;
}
/**
 * `drop`: the message has nothing left to do, acknowledge it. `later`: leave it to redelivery. `held`: the queue may start
 * no job now; the shard acknowledges the message itself, and sends another when the job's turn comes.
 */
export type ClaimResult =
  | {
      readonly kind: 'granted';
      readonly token: string;
      readonly attempt: number;
      readonly spec: JobSpec;
      readonly createdAtMs: number;
      /** When it was granted, by the clock of the other times here. Absent: by a shard of before. */
      readonly nowMs?: number;
      /** Absolute end of the whole job, if it has one. */
      readonly deadlineAtMs?: number;
      /** It brought a process down before: run it alone. */
      readonly suspect: boolean;
      /** Heap it needs at least: it ran out of memory with less. */
      readonly memoryMb?: number;
      /** What an earlier attempt saved last. */
      readonly checkpoint?: Payload;
    }
  | { readonly kind: 'drop' }
  | { readonly kind: 'later' }
  | { readonly kind: 'held' };

/**
 * How an attempt ended, as the node saw it. `lost`: with its cell. `suspect`: it was in a thread when the cell died;
 * `convicted`: it was alone in it. `stopped`: ended on request, and its code no longer runs. `returned`: it never began,
 * because the threads were busy for longer than thought.
 */
export type AttemptOutcome =
  | { readonly kind: 'succeeded'; readonly output?: Payload }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      readonly retryable: boolean;
      /** It ran out of memory, and may run again at once with this heap: not a failure. */
      readonly nextMemoryMb?: number;
    }
  /** Its handler asks to run later. */
  | { readonly kind: 'snoozed'; readonly delayMs: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'returned' }
  | { readonly kind: 'lost'; readonly convicted: boolean; readonly suspect?: boolean };

export interface CompleteItem {
  readonly jobId: JobId;
  readonly token: string;
  readonly outcome: AttemptOutcome;
  /** All that the attempt has said; absent: nothing. */
  readonly log?: Payload;
}
/** `stale`: another attempt holds the job, or it has ended; the report changed nothing. */
type CompleteResult = { readonly kind: 'recorded'; readonly state: string } | { readonly kind: 'stale' };

/** Its bytes lie in the payload store already, unless they are few. */
export interface CheckpointItem extends Pick<Checkpoint, 'payload' | 'bytes' | 'number'> {
  readonly jobId: JobId;
  readonly token: string;
}
/** `recorded`: this one, or a later one of the attempt, is durable. */
export interface CheckpointResult {
  readonly kind: 'recorded' | 'stale';
}

/** Lines of one run that its shard does not have yet: all that are kept after number `after`. */
export interface LogItem {
  readonly jobId: JobId;
  readonly token: string;
  readonly after: number;
  readonly lines: readonly LogLine[];
}
/** `through`: the newest line of the attempt that the shard knows of. */
export type LogResult = { readonly kind: 'kept'; readonly through: number } | { readonly kind: 'stale' };

export interface ReadLogItem {
  readonly jobId: JobId;
  readonly seen: LogPosition;
}
export interface ReadLogResult {
  /** Of attempts that have ended. */
  readonly stored: readonly StoredLog[];
  /** Of attempts that are not among those; in order, never a part of an attempt's, not necessarily of all attempts at once. */
  readonly lines: readonly LogLine[];
}

export interface RunPulse {
  readonly jobId: JobId;
  readonly token: string;
  /** 0..1 */
  readonly progress?: number;
  readonly note?: string;
}
export interface HeartbeatItem {
  readonly node: string;
  readonly runs: readonly RunPulse[];
}
export interface HeartbeatResult {
  /** Runs to end: cancelled ones, and those whose token no longer counts. */
  readonly stop: readonly { readonly jobId: JobId; readonly token: string; readonly why: 'cancel' | 'stale' }[];
}

export interface CancelItem {
  readonly jobId: JobId;
  /** Not if an attempt holds it. */
  readonly unlessRunning?: boolean;
  readonly reason: string;
}
/** Of an ended job: takes what lies inline out of the record. Answers the record as it is then. */
export interface EraseItem {
  readonly jobId: JobId;
}
export interface RescheduleItem {
  readonly jobId: JobId;
  /** Absent, or over: now. */
  readonly runAtMs?: number;
}
export interface GetItem {
  readonly jobId: JobId;
}
export interface JobProgress {
  /** 0..1 */
  readonly fraction: number;
  readonly note: string;
}
export interface JobView {
  readonly record: JobRecord;
  /** Of the attempt that runs. */
  readonly progress?: JobProgress;
}

export interface QueueStatsItem {
  readonly tenant: string;
  readonly queue: string;
}

/** What waits and runs in the shard, all queues together. */
type LoadItem = Readonly<Record<string, never>>;

/** Unfinished jobs of a queue in a shard; while one of them is here nothing of it may be removed. */
export interface UnfinishedJobs {
  readonly waiting: number;
  /** SCHEDULED and RETRYING. */
  readonly later: number;
  /** RUNNING and CANCELLING, and those whose end is not durable yet. */
  readonly running: number;
}

export interface PlaceItem {
  readonly jobId: JobId;
}
/** Of a QUEUED job in its shard and priority; empty when it is not there, or not QUEUED. */
export interface PlaceResult {
  /** Jobs that became QUEUED before it; not counted beyond 10,000. */
  readonly before?: number;
  /** Jobs that are QUEUED, itself included. */
  readonly waiting?: number;
  /** What holds it back there; absent: nothing. */
  readonly heldBy?: HeldBy;
}

/** `pause`: its queue. `running`: the most that may run. `rate`: the starts per second. `key`: its concurrency key. */
export type HeldBy = 'pause' | 'running' | 'rate' | 'key';

/** A question of one shard to the home of a limit: how much of it may be used there? See `domain/quota-lease.ts`. */
export interface QuotaItem extends QuotaRequest {
  readonly tenant: string;
  readonly queue: string;
  /** Of a concurrency key. Absent: of the queue. */
  readonly key?: string;
}
export interface QuotaResult {
  readonly lease: QuotaLease;
  /** Of the home: an answer of a former owner counts no more once a later one was heard. */
  readonly epoch: number;
}

/** What a shard uses of limits; a grant that it had of a former home is over with the answer. */
export interface LimitUseItem {
  readonly home: number;
  readonly epoch: number;
}
export interface LimitUse {
  readonly tenant: string;
  readonly queue: string;
  readonly key?: string;
  readonly using: number;
}
interface LimitUseResult {
  readonly uses: readonly LimitUse[];
}

export interface ShardVerbs {
  submit: { item: SubmitItem; result: SubmitResult };
  claim: { item: ClaimItem; result: ClaimResult };
  complete: { item: CompleteItem; result: CompleteResult };
  checkpoint: { item: CheckpointItem; result: CheckpointResult };
  log: { item: LogItem; result: LogResult };
  'read-log': { item: ReadLogItem; result: ReadLogResult };
  heartbeat: { item: HeartbeatItem; result: HeartbeatResult };
  cancel: { item: CancelItem; result: JobView };
  erase: { item: EraseItem; result: JobView };
  reschedule: { item: RescheduleItem; result: JobView };
  get: { item: GetItem; result: JobView };
  queueStats: { item: QueueStatsItem; result: QueueStats };
  load: { item: LoadItem; result: ClusterLoad };
  /** From the answer on no job of the queue is accepted; whoever answers owned the shard after it was asked. */
  closeQueue: { item: QueueClosing; result: UnfinishedJobs };
  openQueue: { item: QueueClosing; result: { readonly kind: 'open' } };
  place: { item: PlaceItem; result: PlaceResult };
  leaseQuota: { item: QuotaItem; result: QuotaResult };
  limitUse: { item: LimitUseItem; result: LimitUseResult };
}
export type ShardVerb = keyof ShardVerbs;
export const shardVerbs = [
  'submit',
  'claim',
  'complete',
  'checkpoint',
  'log',
  'read-log',
  'heartbeat',
  'cancel',
  'erase',
  'reschedule',
  'get',
  'queueStats',
  'load',
  'closeQueue',
  'openQueue',
  'place',
  'leaseQuota',
  'limitUse',
] as const satisfies readonly ShardVerb[];

export type ItemResult<T> = { readonly ok: T } | { readonly error: WireError };

/** Items in one batch; a batch is also bounded to `batchMaxBytes` so that it fits one NATS message. */
export const batchMaxItems = 500;
export const batchMaxBytes = 768 * 1024;
