/** Views the database file of a cluster from outside, and can lock it so that every writer waits. */
import { DatabaseSync } from 'node:sqlite';
import { watermarkMarginMs } from '../../src/actors/shard/dispatch/watermark-store.ts';
import type { Watermark } from '../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import { jobIdParts } from '../../src/domain/job-id.ts';
import { largePayloads } from './file-payloads.ts';

export interface StoreView {
  /** The durable record of a job. */
  job(id: string): JobRecord | undefined;
  jobs(): readonly JobRecord[];
  /**
   * True if the watermark says that this waiting job was dispatched, so that the next owner does not dispatch it again.
   */
  isBelievedOut(id: string): boolean;
  /** Payloads in the database, and in files beside it. */
  payloads(): number;
  keys(): number;
  /** Makes every write of a key fail until `takeKeys`. Everything else works. */
  refuseKeys(): void;
  takeKeys(): void;
  queues(): number;
  /** Blocks every commit until `unlock`. Reads continue. */
  lock(): void;
  unlock(): void;
  /** True if somebody holds the write lock, in the middle of a commit. */
  isLocked(): boolean;
  close(): void;
}

export function openStoreView(path: string): StoreView {
  const reader = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  const writer = new DatabaseSync(path, { timeout: 10_000 });
  const count = (table: string): number => Number(reader.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
  const parse = (row: { readonly record?: unknown } | undefined): JobRecord | undefined =>
    typeof row?.record === 'string' ? (JSON.parse(row.record) as JobRecord) : undefined;
  return {
    job: (id) => parse(reader.prepare('SELECT record FROM jobs WHERE id = ?').get(id)),
    jobs: () =>
      reader
        .prepare('SELECT record FROM jobs')
        .all()
        .flatMap((row) => parse(row) ?? []),
    isBelievedOut: (id) => {
      const record = parse(reader.prepare('SELECT record FROM jobs WHERE id = ?').get(id));
      if (record === undefined) return false;
      const row = reader.prepare('SELECT watermark FROM shards WHERE shard = ?').get(jobIdParts(record.id).shard);
      return dispatchedThroughMs(row?.['watermark']) - watermarkMarginMs > record.updatedAtMs;
    },
    payloads: () => {
      const row = reader.prepare('SELECT count(DISTINCT id) AS n FROM payload_parts').get();
      return Number(row?.['n']) + largePayloads(path).length;
    },
    keys: () => count('idempotency_keys'),
    refuseKeys: () => {
      writer.exec(
        `CREATE TRIGGER no_keys BEFORE INSERT ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'a test says so'); END`,
      );
    },
    takeKeys: () => {
      writer.exec('DROP TRIGGER no_keys');
    },
    queues: () => count('queues'),
    lock: () => {
      writer.exec('BEGIN IMMEDIATE');
    },
    unlock: () => {
      if (writer.isTransaction) writer.exec('ROLLBACK');
    },
    isLocked: () => {
      writer.exec('PRAGMA busy_timeout = 500');
      try {
        writer.exec('BEGIN IMMEDIATE');
        writer.exec('ROLLBACK');
        return false;
      } catch {
        return true;
      } finally {
        writer.exec('PRAGMA busy_timeout = 10000');
      }
    },
    close: () => {
      reader.close();
      writer.close();
    },
  };
}

function dispatchedThroughMs(watermark: unknown): number {
  return typeof watermark === 'string' ? (JSON.parse(watermark) as Watermark).dispatchedThroughMs : 0;
}
