/**
 * The record of the cluster. Two adapters (`sqlite`, `cassandra`) pass one contract suite.
 *
 * Fencing: a shard has an epoch in the store. Whoever raised it last is the owner; every write of a former owner is
 * refused (`deposed`) or loses. Jobs of a shard lie in partitions of one minute of creation (`bucket`), each with its own
 * copy of the epoch and a count of commits, so that one conditional batch per partition is a whole group commit.
 */
import type { EndedState, FailureReason, JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';

export interface Partition {
  readonly shard: number;
  /** Creation minute: `floor(createdAtMs / 60000)`. */
  readonly bucket: number;
}

/** Which dispatches and events are surely in JetStream. A new owner publishes again what is younger. */
export interface Watermark {
  /** Identity of the streams it speaks of (their creation times); other streams make it worthless. */
  readonly streams: string;
  /** All WORK messages of jobs that became QUEUED before this instant were acknowledged by JetStream. */
  readonly dispatchedThroughMs: number;
  /** All events that happened before this instant were acknowledged by JetStream. */
  readonly eventsThroughMs: number;
}

export interface ShardGrant {
  readonly epoch: number;
  readonly watermark?: Watermark;
}

/**
 * Which job has a key: an idempotency key, or a unique key for its window (then without content). It only repeats what
 * the job's record says, so that it is found once the record is no longer in memory.
 */
export interface IdempotencyEntry {
  /** Scope and key, hashed; at most 64 characters. */
  readonly keyHash: string;
  readonly jobId: JobId;
  readonly contentHash: string;
  readonly expiresAtMs: number;
  /** Of two entries of a key the higher one counts, whoever wrote it and whenever: `jobRank`, µs of the epoch. */
  readonly rank: number;
}

export interface CommitGroup {
  readonly partition: Partition;
  readonly epoch: number;
  /** The count that the partition has now; the commit makes it one more. */
  readonly commits: number;
  /** The newest record of each job that was decided since the last group; at most `commitGroupMax`. */
  readonly records: readonly JobRecord[];
}

/** Entries of one `putKeys`. */
export const keysPutMax = 500;

/** Rows in one group: above it a group gains nothing and only holds others up. */
export const commitGroupMax = 500;

/**
 * `applied`: durable. `deposed`: nothing was written, and this owner must stop.
 * An outcome that is not known is thrown as TroupeError OUTCOME_UNKNOWN; ask `readCommits` before anything else.
 */
export type CommitOutcome = 'applied' | 'deposed';

export type OpenBucketOutcome = { readonly kind: 'opened'; readonly commits: number } | { readonly kind: 'deposed' };

export type ListOrder = 'newest' | 'oldest';

export interface JobListQuery {
  readonly queueNo: number;
  /** Which comes first. */
  readonly order: ListOrder;
  /** Only what comes after this id, in the order of the list. */
  readonly cursor?: JobId;
  /** 1..1000 */
  readonly limit: number;
  readonly nowMs: number;
  readonly createdFromMs?: number;
  /** Not this instant itself. */
  readonly createdBeforeMs?: number;
  /**
   * Only jobs that ended so, for one of these reasons (none: any): what `matches` lets through, told so that the store
   * need not look at the others.
   */
  readonly ended?: { readonly states: readonly EndedState[]; readonly reasons: readonly FailureReason[] };
  /** Absent: all. */
  readonly matches?: (record: JobRecord) => boolean;
}

export interface JobListPage {
  readonly records: readonly JobRecord[];
  /** Continue with `cursor` = this id; absent at the end. */
  readonly next?: JobId;
}

export interface JobStore {
  /** Raises the epoch of the shard by one. From now on nothing that a former owner does can count. */
  takeShard(shard: number, owner: string): Promise<ShardGrant>;
  /** Linearizable: the shard's epoch is still this one. An owner that writes nothing learns only so that it was deposed. */
  ownsShard(shard: number, epoch: number): Promise<boolean>;
  /** Fenced by epoch: the watermark of a deposed owner is ignored. */
  saveWatermark(shard: number, epoch: number, watermark: Watermark): Promise<void>;

  /** Buckets of the shard that may hold unfinished jobs or unpublished events, oldest first. */
  openBuckets(shard: number): Promise<readonly number[]>;
  /**
   * Makes the partition writable by this epoch alone, creating it if need be; call it before reading the partition.
   * The order inside keeps a paused former owner from adding a partition unseen: register the bucket, set its epoch,
   * then check the shard's epoch once more.
   */
  openBucket(partition: Partition, epoch: number): Promise<OpenBucketOutcome>;
  readBucket(partition: Partition): AsyncIterable<JobRecord>;
  /** The bucket holds terminal jobs only and every event of it is published: a new owner need not read it. */
  sealBucket(partition: Partition, epoch: number): Promise<void>;

  commit(group: CommitGroup): Promise<CommitOutcome>;
  /** Linearizable: what the partition says after every commit that was ever acknowledged or is still under way. */
  readCommits(partition: Partition): Promise<{ readonly epoch: number; readonly commits: number }>;

  /**
   * Durable when it resolves, each for itself: after an error some may be there, and it is tried again. At most
   * `keysPutMax`. Only what a durable record says may be written, or what a sure owner answers after that: nothing fences it.
   */
  putKeys(shard: number, entries: readonly IdempotencyEntry[]): Promise<void>;
  /** By hash; those that nobody has are missing. At most as many as a batch of submits holds. */
  findKeys(shard: number, keyHashes: readonly string[]): Promise<ReadonlyMap<string, IdempotencyEntry>>;
  /** Sees every applied commit. Undefined when unknown or past retention. */
  findJob(id: JobId): Promise<JobRecord | undefined>;
  /** Jobs of one queue; work per page is bounded by the partitions it has to open and the rows it looks at. */
  listJobs(query: JobListQuery): Promise<JobListPage>;
}
