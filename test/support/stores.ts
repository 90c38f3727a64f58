/** The surroundings that store tests need: real time, no log, no metrics, and records for a given shard and minute. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sweepPauseMs } from '../../src/adapters/sqlite/expiry-sweep.ts';
import { openInlineSqliteStore, openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import type { DocumentStore } from '../../src/application/ports/document-store.ts';
import type { CommitGroup, IdempotencyEntry, JobStore, Partition } from '../../src/application/ports/job-store.ts';
import type { Clock, Logger, Telemetry } from '../../src/application/ports/runtime.ts';
import type { ObjectsMark, Store } from '../../src/application/ports/store.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import type { JobRecord, JobSpec } from '../../src/domain/job.ts';
import { bucketMs, jobRank } from '../../src/domain/job-id.ts';
import { testRecord } from './jobs.ts';
import { wholeRecords } from './simulation/recovered-pages.ts';

export const realClock: Clock = {
  nowMs: () => Date.now(),
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

export const silentLog: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

export const noTelemetry: Telemetry = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined, remove: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
};

export const storeRuntime = { clock: realClock, log: silentLog, telemetry: noTelemetry };

/** Of one cluster, without a store: its id, and whether its large payloads have a place. */
export function clusterMark(clusterId = 'the-cluster'): {
  readonly clusterId: string;
  readonly objectsMark: ObjectsMark;
} {
  let isNoted = false;
  const objectsMark: ObjectsMark = {
    isNoted: async () => isNoted,
    async note() {
      isNoted = true;
    },
  };
  return { clusterId, objectsMark };
}

/** A store whose network a test can cut. */
export interface LossyStore {
  readonly store: Store;
  /** Until `heal`, `reply` delivers requests but no responses, and `request` delivers nothing. */
  lose(what: 'reply' | 'request'): void;
  heal(): Promise<void>;
}

/** Looks at payloads behind the back of their store. */
export interface PayloadHarness {
  /** Damages a stored payload. */
  damagePayload(id: string, how: 'drop-last-part' | 'change-last-part'): Promise<void>;
  /** Whether a reader would find a payload that was written under this name. */
  hasPayload(name: string): Promise<boolean>;
}

/** Two processes that share payloads. */
export interface PayloadsUnderTest {
  readonly harness: PayloadHarness;
  readonly first: Pick<Store, 'payloads'>;
  readonly second: Pick<Store, 'payloads'>;
}

/** A set of data and ways to open it. */
export interface StoreHarness extends PayloadHarness {
  /** Opens another client on the same data. The harness closes it. */
  open(): Promise<Store>;
  openLossy(): Promise<LossyStore>;
  dispose(): Promise<void>;
}

/** Two processes of a cluster, and the harness to start more. */
export interface StoreUnderTest {
  readonly harness: StoreHarness;
  readonly first: Store;
  readonly second: Store;
}

/** SQLite has no network in between, so messages are lost where a network would be: around the port. */
export function lossyWrites(store: Store): LossyStore {
  let losing: 'reply' | 'request' | undefined;
  const lossy = async <T>(send: () => Promise<T>): Promise<T> => {
    const lost = losing;
    if (lost === 'request') throw new TroupeError('OUTCOME_UNKNOWN');
    const outcome = await send();
    if (lost === 'reply') throw new TroupeError('OUTCOME_UNKNOWN');
    return outcome;
  };
  const jobs: JobStore = { ...store.jobs, commit: (group) => lossy(() => store.jobs.commit(group)) };
  const documents: DocumentStore = {
    ...store.documents,
    replaceDocument: (place, change) => lossy(() => store.documents.replaceDocument(place, change)),
    removeDocument: (place, change) => lossy(() => store.documents.removeDocument(place, change)),
  };
  return {
    store: { ...store, jobs, documents },
    lose(what) {
      losing = what;
    },
    async heal() {
      losing = undefined;
    },
  };
}

/** The database in a thread of its own, as in production, or in the thread of the test. */
export type SqlitePlace = 'thread' | 'inline';

/** For a test that must be the first who looks at the file: its stores sweep nothing, and so write nothing by themselves. */
export const clockWithoutSweep: Clock = {
  ...realClock,
  setTimer: (delayMs, fire) => (delayMs === sweepPauseMs ? () => undefined : realClock.setTimer(delayMs, fire)),
};

export function makeSqliteHarness(
  place: SqlitePlace = 'thread',
  clock: Clock = realClock,
): StoreHarness & { readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-sqlite-'));
  const path = join(folder, 'troupe.db');
  const stores: Store[] = [];
  const open = async (): Promise<Store> => {
    const store = await (place === 'thread' ? openSqliteStore : openInlineSqliteStore)({
      path,
      ...storeRuntime,
      clock,
    });
    stores.push(store);
    return store;
  };
  return {
    path,
    open,
    openLossy: async () => lossyWrites(await open()),
    async damagePayload(id, how) {
      const file = new DatabaseSync(path, { timeout: 5_000 });
      const last = 'id = ? AND part = (SELECT max(part) FROM payload_parts WHERE id = ?)';
      if (how === 'drop-last-part') file.prepare(`DELETE FROM payload_parts WHERE ${last}`).run(id, id);
      else file.prepare(`UPDATE payload_parts SET bytes = zeroblob(length(bytes)) WHERE ${last}`).run(id, id);
      file.close();
    },
    hasPayload: async (name) => (await stores[0]?.payloads.openPayload(name)) !== undefined,
    async dispose() {
      for (const store of stores) await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let lastShard = 0;
/** Number 1 is for records whose queue does not matter. */
let lastQueueNo = 1;
let lastUnique = 0n;

/** Returns a shard that no other test of this file uses. */
export function freshShard(): number {
  lastShard += 1;
  return lastShard;
}

export function freshQueueNo(): number {
  lastQueueNo += 1;
  return lastQueueNo;
}

export function bucketAgo(minutes: number): number {
  return Math.floor(Date.now() / bucketMs) - minutes;
}

/** Makes a QUEUED job of this partition. Ids are strictly increasing within a millisecond. */
export function recordIn(
  { shard, bucket }: Partition,
  { atMs = 0, ...spec }: Partial<JobSpec> & { readonly atMs?: number } = {},
): JobRecord {
  lastUnique += 1n;
  return testRecord(
    { retentionMs: 7 * 24 * 3_600_000, ...spec },
    { nowMs: bucket * bucketMs + atMs, shard, unique: lastUnique },
  );
}

export function recordsIn(
  partition: Partition,
  count: number,
  options?: Parameters<typeof recordIn>[1],
): readonly JobRecord[] {
  return Array.from({ length: count }, () => recordIn(partition, options));
}

/** The record as if the job had ended at its creation. */
export function ended(record: JobRecord): JobRecord {
  return { ...record, state: 'SUCCEEDED', finishedAtMs: record.createdAtMs };
}

/** The owner of one partition in a test. It knows its epoch and counts its commits. */
export class PartitionOwner {
  readonly store: Store;
  readonly partition: Partition;
  readonly epoch: number;
  commits: number;

  private constructor(store: Store, partition: Partition, epoch: number, commits: number) {
    this.store = store;
    this.partition = partition;
    this.epoch = epoch;
    this.commits = commits;
  }

  static async take(store: Store, partition: Partition): Promise<PartitionOwner> {
    const { epoch } = await store.jobs.takeShard(partition.shard, 'test-node');
    return PartitionOwner.open(store, partition, epoch);
  }

  static async open(store: Store, partition: Partition, epoch: number): Promise<PartitionOwner> {
    const opened = await store.jobs.openBucket(partition, epoch);
    if (opened.kind !== 'opened') throw new Error('deposed while opening');
    return new PartitionOwner(store, partition, epoch, opened.commits);
  }

  group(records: readonly JobRecord[]): CommitGroup {
    return { partition: this.partition, epoch: this.epoch, commits: this.commits, records };
  }

  async commit(records: readonly JobRecord[]): Promise<'applied' | 'deposed'> {
    const outcome = await this.store.jobs.commit(this.group(records));
    if (outcome === 'applied') this.commits += 1;
    return outcome;
  }
}

/** An idempotency entry that matches the record of a job, valid for ten minutes. */
export function keyEntry(record: JobRecord, more: Partial<IdempotencyEntry> = {}): IdempotencyEntry {
  const { id: jobId } = record;
  return {
    keyHash: `k.${jobId}`,
    jobId,
    contentHash: `c.${jobId}`,
    expiresAtMs: Date.now() + 600_000,
    rank: jobRank(jobId),
    ...more,
  };
}

export async function readAll(store: Store, partition: Partition): Promise<readonly JobRecord[]> {
  const records: JobRecord[] = [];
  for await (const page of store.jobs.readBucket(partition, () => wholeRecords)) records.push(...page.records);
  return records;
}
