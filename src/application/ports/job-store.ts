/**
 * The durable record of the cluster. Two adapters (`sqlite`, `cassandra`) pass the same contract suite.
 *
 * Fencing: each shard has an epoch in the store. The node that raised it last is the owner. Every write of a former
 * owner is refused (`deposed`) or has no effect. The jobs of a shard lie in partitions of one creation minute
 * (`bucket`). Each partition has its own copy of the epoch and a count of commits, so one conditional batch writes a
 * whole group commit.
 */
import type { EndedState, FailureReason, JobRecord } from '../../domain/job.ts';
import type { JobBrief } from '../../domain/job-brief.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { KeptSlots } from '../../domain/kept-bytes.ts';

export interface Partition {
  readonly shard: number;
  /** Minute of creation: `floor(createdAtMs / 60000)`. */
  readonly bucket: number;
}

/** Which dispatches and events JetStream is known to have. A new owner publishes younger events again. */
export interface Watermark {
  /** Identity of the streams (their creation times). If the streams are others by now, the watermark is void. */
  readonly streams: string;
  /**
   * All WORK messages of jobs that became QUEUED before this instant were acknowledged by JetStream. Only owners of
   * earlier versions go by it: the others send the windows of all queues again.
   */
  readonly dispatchedThroughMs: number;
  /** All events that happened before this instant were acknowledged by JetStream. */
  readonly eventsThroughMs: number;
}

export interface ShardGrant {
  readonly epoch: number;
  readonly watermark?: Watermark;
}

/**
 * Maps an idempotency key, or a unique key for its window, to its job. (A unique key has no content hash.) The entry
 * only repeats what the job's record says, so that the job is found when its record is no longer in memory.
 */
export interface IdempotencyEntry {
  /** Hash of scope and key, at most 64 characters. */
  readonly keyHash: string;
  readonly jobId: JobId;
  readonly contentHash: string;
  readonly expiresAtMs: number;
  /**
   * Of two entries for one key the one with the higher rank counts, regardless of who wrote it and when. See `jobRank`;
   * µs since the Unix epoch.
   */
  readonly rank: number;
}

export interface CommitGroup {
  readonly partition: Partition;
  readonly epoch: number;
  /** Number of commits that the partition has now. This commit increments it. */
  readonly commits: number;
  /** The newest record of each job that changed since the last group. At most `commitGroupMax`. */
  readonly records: readonly JobRecord[];
}

/** The ended jobs of a tenant in a shard. */
export interface KeptOf {
  readonly shard: number;
  readonly tenant: string;
}

/** Most entries of one `putKeys`. */
export const keysPutMax = 500;

/**
 * Most jobs of a list of unfinished jobs. A minute with more of them is read as a whole. Such a list has some 40 KB.
 */
export const unfinishedListMax = 1_000;

/** The unfinished jobs of a partition after a number of commits. */
export interface UnfinishedList {
  readonly commits: number;
  /** At most `unfinishedListMax`. */
  readonly ids: readonly JobId[];
}

/** Most ids of one `findJobs`. */
export const findJobsMax = 100;

/** Most rows of one group. A larger group is no more efficient and only delays the next. */
export const commitGroupMax = 500;

/**
 * `applied`: the group is durable. `deposed`: nothing was written, and this owner must stop.
 * An unknown outcome is thrown as OUTCOME_UNKNOWN. The caller must then ask `readCommits` before it does anything else.
 */
export type CommitOutcome = 'applied' | 'deposed';

export type OpenBucketOutcome = { readonly kind: 'opened'; readonly commits: number } | { readonly kind: 'deposed' };

/** What a recovery has to know of the jobs of a partition. */
export interface RecoveryTerms {
  /** All events that happened before are surely in JetStream. */
  readonly eventsFromMs: number;
  /** Briefs suffice for jobs that wait. */
  readonly isBrief: boolean;
  /** A later time on a record is not believed. */
  readonly stampMaxMs: number;
}

export interface RecoveredPage {
  /** Jobs that must be known as they are, or that have ended and have events or keys to be written. */
  readonly records: readonly JobRecord[];
  /** Jobs that wait, if briefs suffice and all their events are in JetStream. */
  readonly briefs: readonly JobBrief[];
  /** The latest believed time that the other jobs of this page and its briefs have. 0: none. */
  readonly stampedMs: number;
}

export type ListOrder = 'newest' | 'oldest';

export interface JobListQuery {
  readonly queueNo: number;
  /** Which end of the time range comes first. */
  readonly order: ListOrder;
  /** Only jobs that come after this id in the order of the listing. */
  readonly cursor?: JobId;
  /** From 1 to 1000. */
  readonly limit: number;
  readonly nowMs: number;
  readonly createdFromMs?: number;
  /** Exclusive. */
  readonly createdBeforeMs?: number;
  /**
   * Only jobs that ended in one of these states for one of these reasons (no reasons: for any). It repeats a part of
   * `matches` in a form that lets the store skip all other jobs.
   */
  readonly ended?: { readonly states: readonly EndedState[]; readonly reasons: readonly FailureReason[] };
  /** If absent, every job matches. */
  readonly matches?: (record: JobRecord) => boolean;
}

export interface JobListPage {
  readonly records: readonly JobRecord[];
  /** The `cursor` of the next page. Absent on the last page. */
  readonly next?: JobId;
}

export interface JobStore {
  /** Raises the shard's epoch by one. From then on no write of a former owner takes effect. */
  takeShard(shard: number, owner: string): Promise<ShardGrant>;
  /**
   * Linearizable check that the shard still has this epoch. An owner that writes nothing has no other way to learn that
   * it was deposed.
   */
  ownsShard(shard: number, epoch: number): Promise<boolean>;
  /** Fenced by the epoch: the watermark of a deposed owner is ignored. */
  saveWatermark(shard: number, epoch: number, watermark: Watermark): Promise<void>;

  /**
   * Saves what ended jobs of a tenant keep, as the owner with this epoch has counted it, in place of what was saved
   * before. What a deposed owner saves changes nothing once a later one has saved. It goes when the last of it does.
   */
  saveKept(of: KeptOf, epoch: number, slots: KeptSlots): Promise<void>;
  /** What was saved last, without what is no longer kept. Empty if nothing was. */
  findKept(of: KeptOf): Promise<KeptSlots>;

  /** Buckets of the shard that may hold unfinished jobs or unpublished events, oldest first. */
  openBuckets(shard: number): Promise<readonly number[]>;
  /**
   * Makes the partition writable by this epoch alone, and creates it if necessary. Call it before you read the
   * partition. It registers the bucket, sets its epoch, and then checks the shard's epoch once more. This order keeps a
   * paused former owner from adding a partition that the new owner does not see.
   */
  openBucket(partition: Partition, epoch: number): Promise<OpenBucketOutcome>;
  /** Every job of the partition that has anything left to do, in pages. `terms` is asked for each page. */
  readBucket(partition: Partition, terms: () => RecoveryTerms): AsyncIterable<RecoveredPage>;
  /**
   * Says that these jobs of the partition are unfinished, and that all others have ended and owe nothing: neither events
   * nor keys. The next commit makes the list void. Nothing has to fence it, because whoever wrote it, it is true while
   * the partition has that number of commits. Whether it is written does not matter for anything but time.
   */
  listUnfinished(partition: Partition, list: UnfinishedList): Promise<void>;
  /**
   * The jobs of the list that was made after exactly this number of commits, if there is one. A list of more commits is
   * of a later state than the store was restored to. It is removed, or it would count once the partition has as many.
   */
  findUnfinished(partition: Partition, commits: number): Promise<readonly JobId[] | undefined>;
  /** Marks a bucket that holds only terminal jobs whose events are all published. A new owner need not read it. */
  sealBucket(partition: Partition, epoch: number): Promise<void>;

  commit(group: CommitGroup): Promise<CommitOutcome>;
  /** Linearizable: the answer includes every acknowledged commit and settles every commit that is still in flight. */
  readCommits(partition: Partition): Promise<{ readonly epoch: number; readonly commits: number }>;

  /**
   * Durable when it resolves. Entries are written one by one, so after an error some of them may exist; the caller
   * retries. At most `keysPutMax` entries. No epoch fences this write. An entry may therefore only repeat what a
   * durable record says, or what a verified owner answers after that record.
   */
  putKeys(shard: number, entries: readonly IdempotencyEntry[]): Promise<void>;
  /**
   * Entries by hash; unknown hashes are missing from the result. Takes at most as many hashes as a batch of submits has
   * jobs.
   */
  findKeys(shard: number, keyHashes: readonly string[]): Promise<ReadonlyMap<string, IdempotencyEntry>>;
  /** Sees every applied commit. Undefined if the job is unknown or past its retention. */
  findJob(id: JobId): Promise<JobRecord | undefined>;
  /**
   * Some records of one partition by id, each once, in any order. Unknown ids, ids of other partitions and jobs past
   * their retention are missing. At most `findJobsMax` ids. Sees every applied commit.
   */
  findJobs(partition: Partition, ids: readonly JobId[]): Promise<readonly JobRecord[]>;
  /** Lists jobs of one queue. The work per page is bounded by the partitions it opens and the rows it looks at. */
  listJobs(query: JobListQuery): Promise<JobListPage>;
}

/**
 * The part of a store that says who owns a shard, which of its partitions are open, what is unfinished in them, and what
 * is kept of the rest.
 */
export type ShardFence = Pick<
  JobStore,
  | 'takeShard'
  | 'ownsShard'
  | 'saveWatermark'
  | 'saveKept'
  | 'findKept'
  | 'openBuckets'
  | 'openBucket'
  | 'listUnfinished'
  | 'findUnfinished'
  | 'sealBucket'
  | 'readCommits'
>;
