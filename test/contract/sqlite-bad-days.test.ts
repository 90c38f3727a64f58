/** Tests what becomes of the embedded store when its file or its disk is taken away under it. Real files, real disks. */
import { randomUUID } from 'node:crypto';
import { copyFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import type { Store } from '../../src/application/ports/store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import { mountFailingDisk, mountSmallDisk } from '../support/small-disk.ts';
import {
  bucketAgo,
  clockWithoutSweep,
  makeSqliteHarness,
  PartitionOwner,
  readAll,
  recordIn,
  recordsIn,
  type SqlitePlace,
  storeRuntime,
} from '../support/stores.ts';

const partition = { shard: 1, bucket: bucketAgo(0) };
/** How long an answer may take on a busy machine. */
const answerMaxMs = 15_000;
const away = {
  code: 'STORE_UNAVAILABLE',
  message: expect.stringContaining('was moved, deleted or replaced') as string,
};

function ids(records: readonly JobRecord[]): readonly string[] {
  return records.map(({ id }) => String(id)).sort();
}

describe.each<SqlitePlace>(['thread', 'inline'])('a database file under a store (%s)', (place) => {
  let harness: ReturnType<typeof makeSqliteHarness>;
  let store: Store;
  let owner: PartitionOwner;
  let first: JobRecord;

  beforeEach(async () => {
    harness = makeSqliteHarness(place, clockWithoutSweep);
    store = await harness.open();
    owner = await PartitionOwner.take(store, partition);
    first = recordIn(partition);
    await owner.commit([first]);
  });
  afterEach(async () => {
    await harness.dispose();
  });

  const files = (): readonly string[] => ['', '-wal', '-shm'].map((suffix) => harness.path + suffix);

  it('that is moved away: nothing is acknowledged until it is back, and then nothing is lost', async () => {
    for (const file of files()) renameSync(file, `${file}.moved`);
    const second = recordIn(partition);
    await expect(owner.commit([second])).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    // The count would be that of a file which no later start finds.
    await expect(store.jobs.readCommits(partition)).rejects.toMatchObject(away);
    await expect(owner.commit([second])).rejects.toMatchObject(away);
    await expect(store.ping(answerMaxMs)).rejects.toMatchObject(away);

    for (const file of files()) renameSync(`${file}.moved`, file);
    const { commits } = await store.jobs.readCommits(partition);
    expect(commits).toBe(owner.commits + 1);
    owner.commits = commits;
    const third = recordIn(partition);
    expect(await owner.commit([third])).toBe('applied');
    expect(ids(await readAll(await harness.open(), partition))).toEqual(ids([first, second, third]));
  });

  it.each([
    ['the database', ''],
    ['its log', '-wal'],
  ])('of which %s is deleted: nothing more is acknowledged', async (_what, suffix) => {
    rmSync(harness.path + suffix);
    await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    for (let n = 0; n < 3; n += 1) await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject(away);
    await expect(store.jobs.takeShard(2, 'test-node')).rejects.toMatchObject(away);
  });

  it('that is deleted while nothing is written: the next look at the store tells', async () => {
    rmSync(harness.path);
    await expect(store.ping(answerMaxMs)).rejects.toMatchObject(away);
    await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject(away);
  });

  it('that cannot be looked for any more: nothing is acknowledged until it is back', async () => {
    const folder = dirname(harness.path);
    renameSync(folder, `${folder}-moved`);
    symlinkSync(folder, folder);
    const second = recordIn(partition);
    await expect(owner.commit([second])).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await expect(owner.commit([second])).rejects.toMatchObject(away);
    await expect(store.ping(answerMaxMs)).rejects.toMatchObject(away);
    rmSync(folder);
    renameSync(`${folder}-moved`, folder);
    expect((await store.jobs.readCommits(partition)).commits).toBe(owner.commits + 1);
  });

  it('that a copy has replaced: nothing more is acknowledged', async () => {
    const copy = `${harness.path}.copy`;
    copyFileSync(harness.path, copy);
    renameSync(copy, harness.path);
    await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject(away);
  });
});

describe('the log of a store', () => {
  it('that a long reader has held up is cut when it begins anew', async () => {
    const harness = makeSqliteHarness();
    onTestFinished(() => harness.dispose());
    const { payloads } = await harness.open();
    const put = (): Promise<string> =>
      payloads.putPayload({ name: randomUUID(), bytes: new Uint8Array(8 << 20), expiresAtMs: Date.now() + 600_000 });
    await put();
    const backup = new DatabaseSync(harness.path, { readOnly: true });
    backup.exec('BEGIN; SELECT * FROM cluster');
    for (let n = 0; n < 12; n += 1) await put();
    const logBytes = (): number => statSync(`${harness.path}-wal`).size;
    expect(logBytes()).toBeGreaterThan(90 << 20);
    backup.close();
    await expect
      .poll(async () => (await put()) && logBytes(), { timeout: 30_000, interval: 10 })
      .toBeLessThanOrEqual(65 << 20);
  });
});

describe('a disk under a store', () => {
  it('over which another one is mounted, with files of the same numbers: nothing more is acknowledged', async ({
    skip,
  }) => {
    const disk = mountSmallDisk(24 << 20);
    if ('reason' in disk) return skip(disk.reason);
    onTestFinished(disk.unmount);
    const path = join(disk.dir, 'troupe.db');
    const store = await openSqliteStore({ path, ...storeRuntime });
    onTestFinished(() => store.close());
    const owner = await PartitionOwner.take(store, partition);
    await owner.commit([recordIn(partition)]);
    const numbers = (): readonly number[] => ['', '-wal'].map((suffix) => statSync(path + suffix).ino);
    const own = numbers();
    const over = mountSmallDisk(24 << 20, disk.dir);
    if ('reason' in over) return skip(over.reason);
    onTestFinished(over.unmount);
    const other = await openSqliteStore({ path, ...storeRuntime });
    onTestFinished(() => other.close());
    expect(numbers()).toEqual(own);
    // Either the sweep has noticed it before, or this commit does.
    await owner.commit([recordIn(partition)]).catch((error: unknown) => {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(OUTCOME_UNKNOWN|STORE_UNAVAILABLE)$/) as string });
    });
    await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject(away);
  });

  it('that turns read-only: what was acknowledged stays, it says what to do, and a restart on the repaired disk goes on', async ({
    skip,
  }) => {
    const disk = mountFailingDisk(24 << 20);
    if ('reason' in disk) return skip(disk.reason);
    onTestFinished(disk.unmount);
    const path = join(disk.dir, 'troupe.db');
    const open = async (): Promise<Store> => {
      const store = await openSqliteStore({ path, ...storeRuntime, clock: clockWithoutSweep });
      onTestFinished(() => store.close());
      return store;
    };
    const store = await open();
    const owner = await PartitionOwner.take(store, partition);
    const acknowledged = recordsIn(partition, 100);
    await owner.commit(acknowledged);
    disk.turnReadOnly();
    await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    for (let n = 0; n < 2; n += 1) {
      await expect(owner.commit([recordIn(partition)])).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: `the disk under ${path} has become read-only: repair and mount it, then start this process again`,
      });
    }
    expect(await store.jobs.readCommits(partition)).toMatchObject({ commits: owner.commits });
    await store.close();
    disk.mountAgain('ro');
    // The first thing that a process does with its store.
    const readOnly = await open();
    await expect(readOnly.agreeFacts({ clusterId: 'c', shardCount: 4 })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the database file is read-only',
    });
    await readOnly.close();
    disk.mountAgain('rw');
    const again = await open();
    expect(ids(await readAll(again, partition))).toEqual(ids(acknowledged));
    const next = await PartitionOwner.take(again, partition);
    expect(await next.commit([recordIn(partition)])).toBe('applied');
    await again.close();
  });

  it('that is full: what was acknowledged stays, and it goes on when there is room', async ({ skip }) => {
    const disk = mountSmallDisk(24 << 20);
    if ('reason' in disk) return skip(disk.reason);
    try {
      const path = join(disk.dir, 'troupe.db');
      const store = await openSqliteStore({ path, ...storeRuntime });
      const owner = await PartitionOwner.take(store, partition);
      const acknowledged: JobRecord[] = [];
      const commit = async (): Promise<void> => {
        const records = recordsIn(partition, 100);
        await owner.commit(records);
        acknowledged.push(...records);
      };
      await commit();
      disk.fill();
      const fill = async (): Promise<void> => {
        for (let n = 0; n < 1_000; n += 1) await commit();
      };
      await expect(fill()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: 'the disk under the database file is full',
      });
      // Reads are answered meanwhile.
      expect(await store.jobs.readCommits(partition)).toMatchObject({ commits: owner.commits });
      await expect(commit()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      disk.free();
      await commit();
      await store.close();
      const again = await openSqliteStore({ path, ...storeRuntime });
      expect(ids(await readAll(again, partition))).toEqual(ids(acknowledged));
      await again.close();
    } finally {
      disk.unmount();
    }
  });
});
