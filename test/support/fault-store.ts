/** The database file of a cluster seen from outside, and a lock on it that keeps every writer waiting. */
import { DatabaseSync } from 'node:sqlite';
import { watermarkMarginMs } from '../../src/actors/shard/dispatch/watermark-store.ts';
import type { Watermark } from '../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import { jobIdParts } from '../../src/domain/job-id.ts';

export interface StoreView {
  /** What is durable of a job. */
  job(id: string): JobRecord | undefined;
  jobs(): readonly JobRecord[];
  /** The watermark lies so far behind this waiting job that a next owner takes it for dispatched. */
  isBelievedOut(id: string): boolean;
  payloads(): number;
  keys(): number;
  /** No key can be stored until it may be again; all else goes on. */
  refuseKeys(): void;
  takeKeys(): void;
  queues(): number;
  /** No commit can be made until it is unlocked; readers go on. */
  lock(): void;
  unlock(): void;
  /** Somebody is in the middle of a commit, and stays there. */
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
    payloads: () => Number(reader.prepare('SELECT count(DISTINCT id) AS n FROM payload_parts').get()?.['n']),
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
