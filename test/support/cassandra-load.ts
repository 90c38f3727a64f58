/** Two nodes on a Cassandra under load. Everything that callers and subscribers see is recorded. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import type { SharedCassandra } from './cassandra-global.ts';
import { freshKeyspace } from './cassandra-stores.ts';
import { startCluster, type TestCluster, type TestNode } from './cluster.ts';
import { subscribeDurable } from './cluster-events.ts';
import { History, readLedger } from './cluster-history.ts';
import { type Load, startLoad } from './cluster-load.ts';
import { storeRuntime } from './stores.ts';

/** Errors that a caller may meet while the store or a node is unavailable. All of them may be retried. */
const outageCodes = [
  'STORE_UNAVAILABLE',
  'SHARD_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'CALL_DEADLINE_EXCEEDED',
  'GATEWAY_UNAVAILABLE',
  'OVERLOADED',
  'BROKER_UNAVAILABLE',
];

export interface LoadedCassandra {
  readonly cluster: TestCluster;
  readonly a: TestNode;
  readonly b: TestNode;
  readonly load: Load;
  /** Resolves when this many more jobs have been accepted. */
  accepted(more: number): Promise<boolean>;
  /** Ends the load and checks that every accepted job has succeeded, ran exactly once and has all its events. */
  everythingEndedOnce(readers: readonly TestNode[]): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Migrates the schema before the first node starts, as a deployment does. On a ring every schema change waits until all
 * nodes agree.
 */
export async function migrate(cassandra: SharedCassandra, keyspace: string, copies: number): Promise<void> {
  const { contactPoints, localDataCenter } = cassandra;
  const replication = { [localDataCenter]: copies };
  const store = await openCassandraStore({ contactPoints, localDataCenter, keyspace, replication, ...storeRuntime });
  await store.close();
}

/**
 * Starts both nodes with `copies` of every row, if there are enough Cassandra nodes. `storeOfA` is the `host:port` at
 * which node a reaches the store.
 */
export async function startLoadedCassandra(
  cassandra: SharedCassandra,
  copies = 1,
  storeOfA?: string,
): Promise<LoadedCassandra> {
  const keyspace = freshKeyspace();
  await migrate(cassandra, keyspace, copies);
  const cluster = await startCluster({
    settings: {
      'store.kind': 'cassandra',
      'store.cassandra.contactPoints': cassandra.contactPoints.join(','),
      'store.cassandra.localDataCenter': cassandra.localDataCenter,
      'store.cassandra.keyspace': keyspace,
      'store.cassandra.replication': `${cassandra.localDataCenter}=${copies}`,
    },
  });
  const through = storeOfA === undefined ? {} : { settings: { 'store.cassandra.contactPoints': storeOfA } };
  const a = await cluster.startNode('a', through);
  const b = await cluster.startNode('b');
  const events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
  const history = new History();
  const ledger = join(cluster.dir, 'runs.ledger');
  const load = startLoad({
    clients: [b, a].map((node) => node.client({ retry: { maxAttempts: 1 } })),
    history,
    lanes: 4,
    gapMs: 25,
    watchEvery: 7,
    draft: (n) => ({ handler: 'test.work', input: { n, ms: 5, ledger } }),
  });
  return {
    cluster,
    a,
    b,
    load,
    accepted(more) {
      const goal = load.accepted + more;
      return cluster.waitFor(`${more} more jobs are accepted`, () => load.accepted >= goal, 60_000);
    },
    async everythingEndedOnce(readers) {
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
    },
    async stop() {
      await load.stop();
      await events.close();
      await cluster.stop();
    },
  };
}
