/** Tests what only SQLite has: a file that others may lock, fill, replace or leave behind, and space to free. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openInlineSqliteStore, openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import type { Clock } from '../../src/application/ports/runtime.ts';
import type { Store } from '../../src/application/ports/store.ts';
import {
  bucketAgo,
  ended,
  keyEntry,
  makeSqliteHarness,
  PartitionOwner,
  readAll,
  realClock,
  recordIn,
  recordsIn,
  storeRuntime,
} from '../support/stores.ts';

const writerScript = new URL('../support/sqlite-writer.ts', import.meta.url).pathname;
const partition = { shard: 1, bucket: bucketAgo(0) };
/** How long an answer may take on a busy machine. */
const answerMaxMs = 15_000;

describe('a sqlite file', () => {
  let harness: ReturnType<typeof makeSqliteHarness>;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    harness = makeSqliteHarness();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await harness.dispose();
  });

  /** Starts a process that commits groups to `shard` and prints each acknowledged group. */
  function startWriter(shard: number): { readonly child: ChildProcess; readonly acknowledged: string[][] } {
    const child = spawn(process.execPath, [writerScript, harness.path, String(shard), String(partition.bucket)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const acknowledged: string[][] = [];
    createInterface({ input: child.stdout }).on('line', (line) => acknowledged.push(JSON.parse(line) as string[]));
    return { child, acknowledged };
  }

  it('takes commits however many reads wait, and refuses reads past their bound', async () => {
    const store = await harness.open();
    const owner = await PartitionOwner.take(store, partition);
    const reads = Promise.allSettled(Array.from({ length: 20_000 }, () => store.ping(answerMaxMs)));
    expect(await owner.commit([recordIn(partition)])).toBe('applied');
    const refused = (await reads).filter((read) => read.status === 'rejected');
    // The sweep of expired rows may have a step in the same queue, which takes the place of one read.
    expect([5_000, 5_001]).toContain(refused.length);
    for (const { reason } of refused.slice(0, 9)) {
      expect(reason).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: 'too many requests wait for the store',
      });
    }
    await store.ping(answerMaxMs);
  });

  it('leaves the loop to others after each message of its thread, although the next one is there', async () => {
    const store = await harness.open();
    const readers = 4;
    let [sinceTurn, most, open] = [0, 0, readers];
    const turns = (): void => {
      sinceTurn = 0;
      if (open > 0) setImmediate(turns);
    };
    turns();
    const readOn = async (): Promise<void> => {
      for (let n = 0; n < 50; n += 1) {
        await store.ping(1_000);
        sinceTurn += 1;
        most = Math.max(most, sinceTurn);
        // Meanwhile the thread answers the other readers.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
      open -= 1;
    };
    await Promise.all(Array.from({ length: readers }, readOn));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(readers);
  });

  it('writes no key that is there already, and each that differs', async () => {
    const store = await harness.open();
    const entries = recordsIn(partition, 20).map((record) => keyEntry(record));
    await store.jobs.putKeys(partition.shard, entries);
    const other = new DatabaseSync(harness.path, { readOnly: true });
    // It changes with each transaction of another connection that has written something.
    const version = (): unknown => other.prepare('PRAGMA data_version').get();
    const before = version();
    await store.jobs.putKeys(partition.shard, entries);
    expect(version()).toEqual(before);
    const changed = entries.slice(0, 1).map((entry) => ({ ...entry, contentHash: 'given-up' }));
    await store.jobs.putKeys(partition.shard, [...changed, ...entries.slice(1)]);
    expect(version()).not.toEqual(before);
    const hashes = changed.map(({ keyHash }) => keyHash);
    expect([...(await store.jobs.findKeys(partition.shard, hashes)).values()]).toEqual(changed);
    other.close();
  });

  it('keeps every acknowledged group when its writer is killed in the middle', async () => {
    const { child, acknowledged } = startWriter(1);
    await expect.poll(() => acknowledged.length, { timeout: 15_000, interval: 5 }).toBeGreaterThan(20);
    child.kill('SIGKILL');
    await once(child, 'close');

    const store = await harness.open();
    const rows = new Set((await readAll(store, partition)).map((record) => String(record.id)));
    for (const group of acknowledged) expect(group.filter((id) => !rows.has(id))).toEqual([]);
    const { commits } = await store.jobs.readCommits(partition);
    // The last group may have become durable although its line was not printed.
    expect(commits - acknowledged.length).toBeOneOf([0, 1]);
    expect(rows.size).toBe(commits * 10);
  });

  it('has no list that counts but that of the last commit, wherever between the two its writer was killed', async () => {
    for (const shard of [1, 2, 3, 4, 5]) {
      const { child, acknowledged } = startWriter(shard);
      await expect.poll(() => acknowledged.length, { timeout: 15_000, interval: 1 }).toBeGreaterThan(10 * shard);
      child.kill('SIGKILL');
      await once(child, 'close');
      const store = await harness.open();
      const owner = await PartitionOwner.take(store, { ...partition, shard });
      const before = new Set(acknowledged.slice(0, owner.commits - 1).flat());
      const rows = (await readAll(store, owner.partition)).map(({ id }) => id);
      const last = rows.filter((id) => !before.has(id));
      expect(last).toHaveLength(10);
      const listed = await store.jobs.findUnfinished(owner.partition, owner.commits);
      expect(new Set(listed ?? last)).toEqual(new Set(last));
    }
  });

  it('serves several processes that write at once', async () => {
    const writers = [1, 2, 3].map(startWriter);
    const enough = () => Math.min(...writers.map((writer) => writer.acknowledged.length));
    await expect.poll(enough, { timeout: 15_000, interval: 20 }).toBeGreaterThan(10);
    for (const { child } of writers) child.kill('SIGKILL');
    await Promise.all(writers.map(({ child }) => once(child, 'close')));
    const store = await harness.open();
    for (const [n, { acknowledged }] of writers.entries()) {
      const rows = new Set((await readAll(store, { ...partition, shard: n + 1 })).map((record) => String(record.id)));
      expect(acknowledged.flat().filter((id) => !rows.has(id))).toEqual([]);
    }
  });

  it('is given its schema once by clients that open it together, and opened as it is later', async () => {
    const stores = await Promise.all([harness.open(), harness.open(), harness.open()]);
    expect(stores.map((store) => store.kind)).toEqual(['sqlite', 'sqlite', 'sqlite']);
    const file = new DatabaseSync(harness.path);
    expect(file.prepare('PRAGMA user_version').get()).toEqual({ user_version: 11 });
    expect(file.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    file.close();
  });

  it('of version 5 has ranks of keys in ms: they become µs, and a later job still counts', async () => {
    const store = await harness.open();
    const [record, later] = recordsIn(partition, 2);
    if (record === undefined || later === undefined) throw new Error('two records');
    const entry = keyEntry(record);
    await store.jobs.putKeys(1, [entry]);
    await store.close();
    const file = new DatabaseSync(harness.path);
    file.exec(
      'DROP TABLE documents; DROP TABLE audit_rows; DROP TABLE unfinished_lists; ALTER TABLE cluster DROP COLUMN objects_marked; UPDATE idempotency_keys SET rank = rank / 1000;',
    );
    file.exec('DROP TABLE kept_bytes; PRAGMA user_version = 5');
    file.close();
    const { jobs, objectsMark } = await harness.open();
    expect(await objectsMark.isNoted()).toBe(false);
    const rank = Math.floor(entry.rank / 1_000) * 1_000;
    const { keyHash } = entry;
    expect(await jobs.findKeys(1, [keyHash])).toEqual(new Map([[keyHash, { ...entry, rank }]]));
    await jobs.putKeys(1, [keyEntry(later, { keyHash, rank: rank - 1 })]);
    expect((await jobs.findKeys(1, [keyHash])).get(keyHash)?.jobId).toBe(record.id);
    await jobs.putKeys(1, [keyEntry(later, { keyHash, rank: rank + 1 })]);
    expect((await jobs.findKeys(1, [keyHash])).get(keyHash)?.jobId).toBe(later.id);
  });

  it('of version 8 has no documents, audit log and kept bytes: it takes them, and has what it had', async () => {
    const store = await harness.open();
    const entry = keyEntry(recordIn(partition));
    await store.jobs.putKeys(1, [entry]);
    await store.close();
    const file = new DatabaseSync(harness.path);
    file.exec('DROP TABLE documents; DROP TABLE audit_rows; DROP TABLE kept_bytes; PRAGMA user_version = 8');
    file.close();
    const { schema, documents, audit, jobs } = await harness.open();
    expect(schema).toEqual({ from: 8, to: 11 });
    const place = { collection: 'api-keys', scope: 'acme', name: 'ci' } as const;
    const { document } = await documents.createDocument(place, '{}');
    expect(await documents.findDocument(place)).toEqual(document);
    expect(await audit.readRows({ scope: 'cluster', day: '2026-11-30' }, { order: 'oldest-first', most: 9 })).toEqual(
      [],
    );
    expect(await jobs.findKept({ shard: 1, tenant: 'acme' })).toEqual([]);
    expect(await jobs.findKeys(1, [entry.keyHash])).toEqual(new Map([[entry.keyHash, entry]]));
  });

  it('of a newer version is refused and left alone', async () => {
    await (await harness.open()).close();
    const file = new DatabaseSync(harness.path);
    file.exec('PRAGMA user_version = 99');
    file.close();
    await expect(harness.open()).rejects.toThrow(/schema version 99.*use a newer Troupe/);
  });

  it('of another program is refused and left alone', async () => {
    const file = new DatabaseSync(harness.path);
    file.exec('CREATE TABLE other (x)');
    file.close();
    await expect(harness.open()).rejects.toThrow(/another program/);
    rmSync(harness.path);
    writeFileSync(
      harness.path,
      'this is a text file, long enough to be read as a header of one hundred bytes or more.\n'.repeat(4),
    );
    await expect(harness.open()).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  });

  it('that another process holds locked is unavailable, and nothing was done', { timeout: 20_000 }, async () => {
    const store = await harness.open();
    const owner = await PartitionOwner.take(store, partition);
    const other = new DatabaseSync(harness.path);
    other.exec('BEGIN IMMEDIATE');
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 10);
    await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    clearInterval(turning);
    // The wait did not block the process.
    expect(turns).toBeGreaterThan(50);
    other.exec('ROLLBACK');
    other.close();
    expect(await owner.commit([recordIn(partition)])).toBe('applied');
  });

  it('that is full keeps whole groups only, and goes on when there is room', async () => {
    const store = await harness.open();
    const owner = await PartitionOwner.take(store, partition);
    // The limit of pages belongs to the connection. A full disk looks the same to SQLite (SQLITE_FULL).
    const limited = await openSqliteStore({ path: harness.path, ...storeRuntime, maxPages: 200 });
    const writer = await PartitionOwner.open(limited, partition, owner.epoch);
    let applied = 0;
    const fill = async (): Promise<void> => {
      for (; applied < 1_000; applied += 1) await writer.commit(recordsIn(partition, 100));
    };
    await expect(fill()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await limited.close();
    expect(applied).toBeGreaterThan(0);
    expect(await readAll(store, partition)).toHaveLength(applied * 100);
    owner.commits = applied;
    expect(await owner.commit(recordsIn(partition, 100))).toBe('applied');
  });

  it('gets the space of expired rows back, a little at a time', async () => {
    let nowMs = partition.bucket * 60_000;
    const timers: (() => void)[] = [];
    const clock: Clock = {
      ...realClock,
      nowMs: () => nowMs,
      setTimer: (_delayMs, fire) => {
        timers.push(fire);
        return () => undefined;
      },
    };
    const store: Store = await openInlineSqliteStore({ path: harness.path, ...storeRuntime, clock });
    const owner = await PartitionOwner.take(store, partition);
    const lasting = recordIn(partition, { queueNo: 2 });
    const unfinished = recordIn(partition, { queueNo: 3, retentionMs: 60_000 });
    await owner.commit([unfinished]);
    const expiresAtMs = nowMs + 60_000;
    for (let n = 0; n < 3; n += 1) {
      const records = recordsIn(partition, 400, { retentionMs: 60_000 }).map(ended);
      await owner.commit(n === 0 ? [...records, lasting] : records);
      await store.jobs.putKeys(
        partition.shard,
        records.map((record) => keyEntry(record, { expiresAtMs })),
      );
    }
    await store.payloads.putPayload({ name: 'p', bytes: new Uint8Array(3 << 20), expiresAtMs });
    /** Runs the sweep and waits until it has scheduled its next turn. */
    const sweep = async (): Promise<void> => {
      for (const fire of timers.splice(0)) fire();
      await expect.poll(() => timers.length, { interval: 1 }).toBe(1);
    };
    const file = new DatabaseSync(harness.path, { timeout: 5_000 });
    const count = (table: string) => file.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'];

    await sweep();
    expect(count('jobs')).toBe(1_202);
    nowMs += 200_000;
    await sweep();
    expect(count('jobs')).toBe(702);
    for (let n = 0; n < 10; n += 1) await sweep();
    expect(['jobs', 'idempotency_keys', 'payload_parts', 'queue_buckets', 'partitions'].map(count)).toEqual([
      2, 0, 0, 2, 1,
    ]);
    expect(await readAll(store, partition)).toEqual([lasting, unfinished]);
    // The job ends late. It is swept with its minute, an hour after the sweep found that it had not ended.
    await owner.commit([ended(unfinished)]);
    nowMs += 3_600_000;
    for (let n = 0; n < 10; n += 1) await sweep();
    expect(['jobs', 'queue_buckets'].map(count)).toEqual([1, 1]);
    expect(await owner.commit([lasting])).toBe('applied');
    file.close();
    await store.close();
    // A turn that is already due finds the store closed and schedules no other.
    for (const fire of timers.splice(0)) fire();
    await new Promise((resolve) => setImmediate(resolve));
    expect(timers).toEqual([]);
  });
});
