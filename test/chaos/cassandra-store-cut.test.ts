// One of two nodes no longer reaches the store, and everything else works.
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { type LoadedCassandra, startLoadedCassandra } from '../support/cassandra-load.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';

const testMs = 240_000;
let loaded: LoadedCassandra;
let proxy: FaultProxy;

beforeEach(async () => {
  const cassandra = inject('cassandra');
  proxy = await startFaultProxy(cassandra.contactPoints[0] ?? '');
  loaded = await startLoadedCassandra(cassandra, 1, proxy.address);
}, testMs);
afterEach(async () => {
  await loaded.stop();
  await proxy.close();
}, testMs);

it(
  'a node that is cut off from Cassandra alone gives its shards up to one that reaches it, and has its share again later',
  async () => {
    const { a, b, cluster, accepted, everythingEndedOnce } = loaded;
    await accepted(60);
    const former = [0, 1, 2, 3].filter((shard) => cluster.ownerOf(shard)?.node === a);
    expect(former.length).toBeGreaterThan(0);
    const cutMs = performance.now();
    proxy.hold('to-server');
    proxy.hold('to-client');
    await cluster.waitFor('b owns all', () => former.every((shard) => cluster.ownerOf(shard)?.node === b), 60_000);
    const tookMs = performance.now() - cutMs;
    process.stderr.write(
      `measured: shards of a node without its store were taken over after ${Math.round(tookMs)} ms\n`,
    );
    const taken = new Map(former.map((shard) => [shard, cluster.ownerOf(shard)?.epoch ?? 0]));
    await accepted(60);
    proxy.drop();
    await cluster.waitFor(
      'it owns its share again, under new epochs',
      () =>
        [0, 1, 2, 3].filter((shard) => {
          const owner = cluster.ownerOf(shard);
          return owner?.node === a && owner.epoch > (taken.get(shard) ?? 0);
        }).length >= former.length,
      90_000,
    );
    expect(a.lines.map(({ event }) => event).filter((event) => /^store\./.test(event ?? ''))).toEqual([
      'store.away',
      'store.back',
    ]);
    await accepted(30);
    await everythingEndedOnce([a, b]);
    expect(tookMs).toBeLessThan(30_000);
  },
  testMs,
);
