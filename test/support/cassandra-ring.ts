/** A real Cassandra of three nodes on loopback addresses. Each node is a process that can be killed and restarted. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, policies, types } from 'cassandra-driver';
import { dataCenter } from '../../src/backing/cassandra/cassandra-config.ts';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { type CassandraProcess, startCassandra } from '../../src/backing/cassandra/cassandra-process.ts';
import { cassandraCacheDir, freePort, type SharedCassandra } from './cassandra-global.ts';
import { waitFor } from './cluster.ts';
import { silentLog } from './stores.ts';

const seedAddress = '127.0.0.11';
/** Each node owns a third of the ring. With three copies every node has every row. */
const places = [
  { address: seedAddress, seedAddress, initialToken: -9_223_372_036_854_775_808n },
  { address: '127.0.0.12', seedAddress, initialToken: -3_074_457_345_618_258_603n },
  { address: '127.0.0.13', seedAddress, initialToken: 3_074_457_345_618_258_602n },
];
/** Three of these run beside two Troupe nodes, and memory is the scarcest resource of test machines. */
const heapMb = 384;

const probe = "CREATE KEYSPACE ring_probe WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}";
const readProbe = 'SELECT name FROM ring_probe.probe';

async function connectTo(contactPoint: string): Promise<Client> {
  const { AllowListPolicy, RoundRobinPolicy } = policies.loadBalancing;
  const driver = new Client({
    contactPoints: [contactPoint],
    localDataCenter: dataCenter,
    policies: { loadBalancing: new AllowListPolicy(new RoundRobinPolicy(), [contactPoint]) },
    monitorReporting: { enabled: false },
  });
  await driver.connect();
  return driver;
}

async function makeProbe(contactPoint: string): Promise<void> {
  const driver = await connectTo(contactPoint);
  await driver.execute(probe);
  await driver.execute('CREATE TABLE ring_probe.probe (name text PRIMARY KEY)');
  await driver.shutdown();
}

export interface CassandraRing extends SharedCassandra {
  kill(node: number): Promise<void>;
  /** Restarts a node on its old data. Resolves when the other nodes see it. */
  start(node: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startCassandraRing(): Promise<CassandraRing> {
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
  const dir = await mkdtemp(join(tmpdir(), 'troupe-ring-'));
  const [nativePort, storagePort] = [await freePort(), await freePort()];
  const running = new Map<number, CassandraProcess>();
  const contactPoint = (node: number): string => `${places[node]?.address ?? ''}:${nativePort}`;

  async function boot(node: number): Promise<void> {
    const ring = places[node];
    if (ring === undefined) throw new Error(`no node ${node}`);
    const dataDir = join(dir, `n${node}`);
    running.set(node, await startCassandra({ install, dataDir, nativePort, storagePort, heapMb, ring }));
  }

  /**
   * Reads with consistency ALL through this node only. That succeeds only if it regards all three as up and each one
   * answers.
   */
  async function seesAll(node: number): Promise<boolean> {
    const driver = await connectTo(contactPoint(node));
    try {
      await driver.execute(readProbe, [], { consistency: types.consistencies.all });
      return true;
    } finally {
      await driver.shutdown();
    }
  }

  const untilWhole = (): Promise<unknown> =>
    waitFor(
      'the ring is whole',
      async () => (await Promise.all([...running.keys()].map(seesAll))).every(Boolean),
      60_000,
    );

  async function stop(): Promise<void> {
    await Promise.all([...running.values()].map((one) => one.kill()));
    await rm(dir, { recursive: true, force: true });
  }

  try {
    await boot(0);
    const others = await Promise.allSettled([boot(1), boot(2)]);
    const failed = others.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await makeProbe(contactPoint(0));
    await untilWhole();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    contactPoints: places.map((_, node) => contactPoint(node)),
    localDataCenter: dataCenter,
    async kill(node) {
      await running.get(node)?.kill();
      running.delete(node);
    },
    async start(node) {
      await boot(node);
      await untilWhole();
    },
    stop,
  };
}
