/**
 * The contents of the modelled store, with the loose guarantees of a Cassandra ring. Each method is one round trip to
 * the ring, and anything may happen between two round trips of one operation. Plain writes are ordered by the epoch of
 * their writer (watermarks, what ended jobs keep, the register of open buckets) or by the rank of the job (keys). Jobs change only under the
 * condition of their partition.
 */
import {
  type CommitGroup,
  commitGroupMax,
  type CommitOutcome,
  type IdempotencyEntry,
  type Partition,
  type UnfinishedList,
  type Watermark,
} from '../../../src/application/ports/job-store.ts';
import { invariant } from '../../../src/domain/errors.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import type { KeptSlots } from '../../../src/domain/kept-bytes.ts';
import { bucketOf, type JobId, jobIdParts } from '../../../src/domain/job-id.ts';
import { goneAtMs } from '../../../src/domain/record-life.ts';

interface SavedKept {
  readonly epoch: number;
  readonly slots: KeptSlots;
}

export interface StoredRow {
  readonly record: JobRecord;
  readonly queueNo: number;
  readonly expiresAtMs: number;
}

interface StoredPartition {
  epoch: number;
  commits: number;
  readonly rows: Map<JobId, StoredRow>;
}

/** Orders plain writes: by epoch first, then by their order in the client. */
export interface WriteStamp {
  readonly epoch: number;
  readonly order: number;
}

interface Registration {
  readonly stamp: WriteStamp;
  readonly isOpen: boolean;
}

export type CommitListener = (group: CommitGroup, before: ReadonlyMap<JobId, JobRecord>) => void;

export class StoreData {
  readonly #epochs = new Map<number, number>();
  readonly #watermarks = new Map<number, { readonly epoch: number; readonly watermark: Watermark }>();
  readonly #kept = new Map<string, SavedKept>();
  readonly #open = new Map<number, Map<number, Registration>>();
  readonly #partitions = new Map<string, StoredPartition>();
  readonly #keys = new Map<string, IdempotencyEntry>();
  readonly #lists = new Map<string, UnfinishedList>();
  readonly #listeners: CommitListener[] = [];

  /** Calls the listener at every applied commit, before the answer is sent. */
  onCommit(listener: CommitListener): void {
    this.#listeners.push(listener);
  }

  raiseShard(shard: number): number {
    const epoch = (this.#epochs.get(shard) ?? 0) + 1;
    this.#epochs.set(shard, epoch);
    return epoch;
  }

  shardEpoch(shard: number): number {
    return this.#epochs.get(shard) ?? 0;
  }

  watermark(shard: number): Watermark | undefined {
    return this.#watermarks.get(shard)?.watermark;
  }

  putWatermark(shard: number, epoch: number, watermark: Watermark): void {
    if ((this.#watermarks.get(shard)?.epoch ?? 0) <= epoch) this.#watermarks.set(shard, { epoch, watermark });
  }

  kept(shard: number, tenant: string): KeptSlots {
    return this.#kept.get(`${shard}/${tenant}`)?.slots ?? [];
  }

  putKept(shard: number, tenant: string, saved: SavedKept): void {
    const key = `${shard}/${tenant}`;
    if ((this.#kept.get(key)?.epoch ?? 0) <= saved.epoch) this.#kept.set(key, saved);
  }

  /** Opens or seals a bucket. The newer stamp wins, whatever the order of arrival. */
  register({ shard, bucket }: Partition, stamp: WriteStamp, isOpen: boolean): void {
    const buckets = this.#open.get(shard) ?? new Map<number, Registration>();
    this.#open.set(shard, buckets);
    const present = buckets.get(bucket);
    if (present === undefined || isOlder(present.stamp, stamp)) buckets.set(bucket, { stamp, isOpen });
  }

  /** A plain write. What arrives last wins, whoever wrote it. */
  putList(partition: Partition, list: UnfinishedList): void {
    this.#lists.set(keyOf(partition), list);
  }

  /** As after a restore: a list of commits that are to come would count for other ones. */
  dropList(partition: Partition): void {
    this.#lists.delete(keyOf(partition));
  }

  list(partition: Partition): UnfinishedList | undefined {
    return this.#lists.get(keyOf(partition));
  }

  openBuckets(shard: number): readonly number[] {
    const open = [...(this.#open.get(shard) ?? [])].filter(([, { isOpen }]) => isOpen);
    return open.map(([bucket]) => bucket).sort((a, b) => a - b);
  }

  /** Raises the partition's epoch if it is lower, and returns the resulting state. */
  raisePartition(partition: Partition, epoch: number): { readonly epoch: number; readonly commits: number } {
    const key = keyOf(partition);
    const present = this.#partitions.get(key);
    if (present === undefined) this.#partitions.set(key, { epoch, commits: 0, rows: new Map() });
    else if (present.epoch < epoch) present.epoch = epoch;
    return this.partition(partition);
  }

  partition(partition: Partition): { readonly epoch: number; readonly commits: number } {
    const { epoch, commits } = this.#partitions.get(keyOf(partition)) ?? { epoch: 0, commits: 0 };
    return { epoch, commits };
  }

  putKey(shard: number, entry: IdempotencyEntry): void {
    const key = `${shard}/${entry.keyHash}`;
    if ((this.#keys.get(key)?.rank ?? 0) <= entry.rank) this.#keys.set(key, entry);
  }

  key(shard: number, keyHash: string, nowMs: number): IdempotencyEntry | undefined {
    const entry = this.#keys.get(`${shard}/${keyHash}`);
    return entry !== undefined && entry.expiresAtMs > nowMs ? entry : undefined;
  }

  /** The conditional batch. Atomic. */
  commit(group: CommitGroup): CommitOutcome {
    const partition = this.#partitions.get(keyOf(group.partition));
    if (partition === undefined || partition.epoch !== group.epoch) return 'deposed';
    invariant(partition.commits === group.commits, 'the owner of a partition knows its count of commits');
    partition.commits += 1;
    this.write(group);
    return 'applied';
  }

  /** Writes the rows of a group regardless of the condition. */
  write(group: CommitGroup): void {
    const partition = this.#partitions.get(keyOf(group.partition));
    if (partition === undefined) return;
    const before = new Map<JobId, JobRecord>();
    for (const record of group.records) {
      const present = partition.rows.get(record.id)?.record;
      if (present !== undefined) before.set(record.id, present);
      const { queueNo } = jobIdParts(record.id);
      partition.rows.set(record.id, { record, queueNo, expiresAtMs: goneAtMs(record) });
    }
    for (const listener of this.#listeners) listener(group, before);
  }

  /** Rows of the partition that have not expired. */
  rows(partition: Partition, nowMs: number): readonly StoredRow[] {
    const rows = this.#partitions.get(keyOf(partition))?.rows.values() ?? [];
    return [...rows].filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  job(id: JobId, nowMs: number): JobRecord | undefined {
    const row = this.#partitions.get(keyOf({ shard: jobIdParts(id).shard, bucket: bucketOf(id) }))?.rows.get(id);
    return row !== undefined && row.expiresAtMs > nowMs ? row.record : undefined;
  }

  all(): readonly JobRecord[] {
    return [...this.#partitions.values()].flatMap(({ rows }) => [...rows.values()].map(({ record }) => record));
  }

  /** Partitions that hold rows. */
  filled(): readonly Partition[] {
    const filled = [...this.#partitions].filter(([, { rows }]) => rows.size > 0);
    return filled.map(([key]) => partitionOf(key));
  }
}

/** Finds errors of the caller before anything is sent. */
export function checkGroup({ partition, records }: CommitGroup): void {
  invariant(records.length <= commitGroupMax, 'a group has at most commitGroupMax records');
  for (const { id } of records) {
    const isInside = jobIdParts(id).shard === partition.shard && bucketOf(id) === partition.bucket;
    invariant(isInside, 'every record of a group lies in its partition');
  }
}

function keyOf({ shard, bucket }: Partition): string {
  return `${shard}/${bucket}`;
}

function partitionOf(key: string): Partition {
  const [shard, bucket] = key.split('/');
  return { shard: Number(shard), bucket: Number(bucket) };
}

function isOlder(a: WriteStamp, b: WriteStamp): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.order <= b.order);
}
