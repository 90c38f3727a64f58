/**
 * Cassandra killed with SIGKILL under load and started again: nothing that was acknowledged is lost, the group whose
 * answer never came is whole or absent, and the owner goes on with the same client.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { startCassandra, type CassandraProcess } from '../../src/backing/cassandra/cassandra-process.ts';
import type { IdempotencyEntry } from '../../src/application/ports/job-store.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { bucketAgo, keyEntry, PartitionOwner, readAll, recordsIn, silentLog, storeRuntime } from '../support/stores.ts';

const groupSize = 20;

describe('a Cassandra that is killed', () => {
  let dataDir: string;
  let start: () => Promise<CassandraProcess>;
  let node: CassandraProcess | undefined;

  beforeAll(async () => {
    const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
    dataDir = await mkdtemp(join(tmpdir(), 'troupe-cassandra-kill-'));
    const [nativePort, storagePort] = [await freePort(), await freePort()];
    start = () => startCassandra({ install, dataDir, nativePort, storagePort, heapMb: 512 });
    node = await start();
  });
  afterAll(async () => {
    await node?.kill();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('has every acknowledged group when it is back', async () => {
    if (node === undefined) throw new Error('not started');
    const { contactPoints, localDataCenter } = node;
    const options = { contactPoints, localDataCenter, keyspace: 'durable', ...storeRuntime };
    const store = await openCassandraStore({ ...options, requestTimeoutMs: 3_000 });

    /** Commits groups until the store fails; the last group is the one that nobody answered for. */
    const load = async (owner: PartitionOwner) => {
      const acknowledged: JobRecord[] = [];
      const keys: IdempotencyEntry[] = [];
      for (;;) {
        let group = recordsIn(owner.partition, groupSize);
        try {
          expect(await owner.commit(group)).toBe('applied');
          acknowledged.push(...group);
          const entries = group.slice(0, 2).map((record) => keyEntry(record));
          group = [];
          await store.jobs.putKeys(owner.partition.shard, entries);
          keys.push(...entries);
          groups += 1;
        } catch (error) {
          return { owner, acknowledged, keys, unanswered: group, error };
        }
      }
    };
    let groups = 0;
    const owners = await Promise.all(
      [1, 2, 3].map((shard) => PartitionOwner.take(store, { shard, bucket: bucketAgo(0) })),
    );
    const loads = Promise.all(owners.map(load));
    await expect.poll(() => groups, { timeout: 30_000, interval: 10 }).toBeGreaterThan(60);
    await node.kill();
    const results = await loads;
    for (const { error } of results) {
      expect(error).toBeInstanceOf(TroupeError);
      expect(['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE']).toContain((error as TroupeError).code);
    }
    await expect(store.ping(1_000)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });

    node = await start();
    const answers = async () =>
      store.ping(2_000).then(
        () => true,
        () => false,
      );
    // The driver's own client finds the server again; nobody has to open a new one.
    await expect.poll(answers, { timeout: 30_000, interval: 200 }).toBe(true);
    for (const { owner, acknowledged, keys, unanswered } of results) {
      const { epoch, commits } = await store.jobs.readCommits(owner.partition);
      expect(epoch).toBe(owner.epoch);
      const applied = unanswered.length > 0 && commits === owner.commits + 1;
      if (!applied) expect(commits).toBe(owner.commits);
      const expected = [...acknowledged, ...(applied ? unanswered : [])].map(({ id }) => id);
      expect((await readAll(store, owner.partition)).map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
      const asked = keys.map(({ keyHash }) => keyHash);
      const stored = new Map(keys.map((key) => [key.keyHash, key]));
      expect(await store.jobs.findKeys(owner.partition.shard, asked)).toEqual(stored);
      owner.commits = commits;
      expect(await owner.commit(recordsIn(owner.partition, groupSize))).toBe('applied');
    }
    await store.close();
  });
});
