// Two nodes on a real Cassandra, under load: one of them is killed, or stalls past its lease.
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type LoadedCassandra, startLoadedCassandra } from '../support/cassandra-load.ts';

const testMs = 180_000;
let loaded: LoadedCassandra;

beforeEach(async () => {
  loaded = await startLoadedCassandra(inject('cassandra'));
}, testMs);
afterEach(() => loaded.stop(), testMs);

describe('on Cassandra', () => {
  it(
    'one of two nodes is killed under load: the other takes its shards over, nothing is lost',
    async () => {
      const { a, b, cluster, accepted, everythingEndedOnce } = loaded;
      await accepted(60);
      const former = [0, 1, 2, 3].filter((shard) => cluster.ownerOf(shard)?.node === a);
      const diedMs = performance.now();
      await a.kill();
      await cluster.waitFor('b owns all', () => former.every((shard) => cluster.ownerOf(shard)?.node === b), 30_000);
      const tookMs = performance.now() - diedMs;
      process.stderr.write(`measured: recovery on Cassandra ${Math.round(tookMs)} ms\n`);
      await accepted(60);
      await everythingEndedOnce([b]);
      expect(tookMs).toBeLessThan(15_000);
    },
    testMs,
  );

  it(
    'one of two nodes stalls past its lease under load: it records nothing afterwards and serves again',
    async () => {
      const { a, b, cluster, accepted, everythingEndedOnce } = loaded;
      await accepted(60);
      const former = [0, 1, 2, 3].filter((shard) => cluster.ownerOf(shard)?.node === a);
      a.freeze();
      await cluster.waitFor('b owns all', () => former.every((shard) => cluster.ownerOf(shard)?.node === b), 30_000);
      const taken = new Map([0, 1, 2, 3].map((shard) => [shard, cluster.ownerOf(shard)?.epoch ?? 0]));
      await accepted(60);
      a.thaw();
      await cluster.waitFor(
        'it owns its share again, under new epochs',
        () =>
          [...taken].filter(([shard, epoch]) => {
            const owner = cluster.ownerOf(shard);
            return owner?.node === a && owner.epoch > epoch;
          }).length === former.length,
        30_000,
      );
      expect(a.lines.filter(({ event }) => event === 'node.rejoined')).toHaveLength(1);
      await accepted(30);
      await everythingEndedOnce([a, b]);
    },
    testMs,
  );
});
