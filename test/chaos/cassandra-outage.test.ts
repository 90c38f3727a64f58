// Two nodes on a real Cassandra: it is killed and started again under load; one of the nodes is killed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { provisionCassandra } from '../../src/adapters/cassandra/process/cassandra-install.ts';
import { startCassandra } from '../../src/adapters/cassandra/process/cassandra-process.ts';
import type { CassandraProcess } from '../../src/adapters/cassandra/process/cassandra-process.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { freshKeyspace } from '../support/cassandra-stores.ts';
import { startCluster } from '../support/cluster.ts';
import type { TestCluster, TestNode } from '../support/cluster.ts';
import { subscribeDurable } from '../support/cluster-events.ts';
import type { EventSubscriber } from '../support/cluster-events.ts';
import { History, readLedger } from '../support/cluster-history.ts';
import { startLoad } from '../support/cluster-load.ts';
import type { Load } from '../support/cluster-load.ts';
import { silentLog } from '../support/stores.ts';

/** What a caller may meet while the store is away; each may be repeated. */
const outageCodes = [
  'STORE_UNAVAILABLE',
  'SHARD_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'CALL_DEADLINE_EXCEEDED',
  'GATEWAY_UNAVAILABLE',
  'MAILBOX_FULL',
  'BROKER_UNAVAILABLE',
];
const testMs = 180_000;

let dataDir: string;
let boot: () => Promise<CassandraProcess>;
let cassandra: CassandraProcess;
let cluster: TestCluster;
let nodes: { readonly a: TestNode; readonly b: TestNode };
let events: EventSubscriber;
let history: History;
let ledger: string;
let load: Load;

beforeAll(async () => {
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
  dataDir = await mkdtemp(join(tmpdir(), 'troupe-cassandra-e2e-'));
  const [nativePort, storagePort] = [await freePort(), await freePort()];
  boot = () => startCassandra({ install, dataDir, nativePort, storagePort, heapMb: 512 });
  cassandra = await boot();
}, testMs);
afterAll(async () => {
  await cassandra.kill();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async () => {
  cluster = await startCluster({
    settings: {
      'store.kind': 'cassandra',
      'store.cassandra.contactPoints': cassandra.contactPoints.join(','),
      'store.cassandra.localDataCenter': cassandra.localDataCenter,
      'store.cassandra.keyspace': freshKeyspace(),
    },
  });
  const a = await cluster.startNode('a');
  const b = await cluster.startNode('b');
  nodes = { a, b };
  events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
  history = new History();
  ledger = join(cluster.dir, 'runs.ledger');
  load = startLoad({
    clients: [b, a].map((node) => node.client({ retry: { maxAttempts: 1 } })),
    history,
    lanes: 4,
    gapMs: 25,
    watchEvery: 7,
    draft: (n) => ({ handler: 'test.work', input: { n, ms: 5, ledger } }),
  });
}, testMs);
afterEach(async () => {
  await load.stop();
  await events.close();
  await cluster.stop();
}, testMs);

function accepted(more: number): Promise<boolean> {
  const goal = load.accepted + more;
  return cluster.waitFor(`${more} more jobs are accepted`, () => load.accepted >= goal, 60_000);
}

async function everythingEndedOnce(readers: readonly TestNode[]): Promise<void> {
  await load.stop();
  const jobs = await load.settle(
    readers.map((node) => node.client()),
    60_000,
  );
  expect(jobs.filter(({ state }) => state !== 'SUCCEEDED')).toEqual([]);
  expect(load.surprises).toEqual([]);
  expect([...load.refusals.keys()].filter((code) => !outageCodes.includes(code))).toEqual([]);
  await cluster.waitFor(
    'every last event',
    () => [...history.acked.keys()].every((id) => events.ofJob(id).some(({ type }) => type === 'succeeded')),
    30_000,
  );
  expect(history.check({ events: events.events, executions: readLedger(ledger) })).toEqual([]);
  process.stderr.write(`measured: ${load.accepted} jobs, refusals ${JSON.stringify([...load.refusals])}\n`);
}

describe('on Cassandra', () => {
  it(
    'the store is killed and started again under load: no accepted job is lost, each ends once',
    async () => {
      await accepted(60);
      await cassandra.kill();
      await cluster.waitFor('callers notice', () => load.refusals.size > 0, 30_000);
      cassandra = await boot();
      const backMs = performance.now();
      await accepted(60);
      process.stderr.write(`measured: serving again ${Math.round(performance.now() - backMs)} ms after\n`);
      await everythingEndedOnce([nodes.a, nodes.b]);
    },
    testMs,
  );

  it(
    'one of two nodes is killed under load: the other takes its shards over, nothing is lost',
    async () => {
      await accepted(60);
      const former = [0, 1, 2, 3].filter((shard) => cluster.ownerOf(shard)?.node === nodes.a);
      const diedMs = performance.now();
      await nodes.a.kill();
      await cluster.waitFor(
        'b owns all',
        () => former.every((shard) => cluster.ownerOf(shard)?.node === nodes.b),
        30_000,
      );
      const tookMs = performance.now() - diedMs;
      process.stderr.write(`measured: take-over on Cassandra ${Math.round(tookMs)} ms\n`);
      await accepted(60);
      await everythingEndedOnce([nodes.b]);
      expect(tookMs).toBeLessThan(15_000);
    },
    testMs,
  );

  it(
    'one of two nodes stalls past its lease under load: it records nothing afterwards and serves again',
    async () => {
      await accepted(60);
      const former = [0, 1, 2, 3].filter((shard) => cluster.ownerOf(shard)?.node === nodes.a);
      nodes.a.freeze();
      await cluster.waitFor(
        'b owns all',
        () => former.every((shard) => cluster.ownerOf(shard)?.node === nodes.b),
        30_000,
      );
      const taken = new Map([0, 1, 2, 3].map((shard) => [shard, cluster.ownerOf(shard)?.epoch ?? 0]));
      await accepted(60);
      nodes.a.thaw();
      await cluster.waitFor(
        'it owns its share again, under new epochs',
        () =>
          [...taken].filter(([shard, epoch]) => {
            const owner = cluster.ownerOf(shard);
            return owner?.node === nodes.a && owner.epoch > epoch;
          }).length === former.length,
        30_000,
      );
      expect(nodes.a.lines.filter(({ event }) => event === 'node.rejoined')).toHaveLength(1);
      await accepted(30);
      await everythingEndedOnce([nodes.a, nodes.b]);
    },
    testMs,
  );
});
