/**
 * The cluster of a soak: nodes behind a proxy each to NATS (and to Cassandra), on a disk that can be filled if this
 * machine allows it. Everything a fault does to it is a verb here; what a fault leaves behind, `mend` puts right.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { type CassandraProcess, startCassandra } from '../../src/backing/cassandra/cassandra-process.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { migrate } from '../support/cassandra-load.ts';
import { type NodeOptions, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { signalPid } from '../support/cluster-node.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { silentLog } from '../support/stores.ts';
import type { SoakOptions } from './options.ts';

export interface SoakNode {
  readonly name: string;
  /** The process that has this place now. */
  node: TestNode;
  readonly bus: FaultProxy;
  /** Undefined with SQLite, which no network parts from its node. */
  readonly store: FaultProxy | undefined;
  readonly clockFile: string;
}

interface SoakStoreServer {
  kill(): Promise<void>;
  start(): Promise<void>;
  /** It ends when its disk refuses a write: then it is started again, as its supervisor would. */
  revive(): Promise<void>;
  pid(): number;
}

export interface SoakWorld {
  readonly cluster: TestCluster;
  readonly nodes: readonly SoakNode[];
  readonly cassandra: SoakStoreServer | undefined;
  /** Or why there is none. */
  readonly disk: SmallDisk | { readonly reason: string };
  restart(node: SoakNode): Promise<void>;
  stepClock(node: SoakNode, offsetMs: number): void;
  /** What JetStream has on its disk now, while the server stands still for a moment. */
  copyBroker(): Promise<string>;
  /** The server dies, and has that copy on its disk when it is there again. */
  powerCut(copy: string): Promise<void>;
  purgeWork(): Promise<void>;
  stop(): Promise<void>;
}

const diskBytes = 3 * 2 ** 30;
const handlersDir = fileURLToPath(new URL('./handlers', import.meta.url));
const clockModule = fileURLToPath(new URL('./stepped-clock.ts', import.meta.url));

export async function startWorld({ store, nodes: count }: SoakOptions): Promise<SoakWorld> {
  const disk = mountSmallDisk(diskBytes);
  // Whatever the run makes for itself lies on that disk: the store, the files of NATS, the ledgers.
  const formerTmp = process.env['TMPDIR'];
  if ('dir' in disk) process.env['TMPDIR'] = disk.dir;
  const cassandra = store === 'cassandra' ? await startStore() : undefined;
  const cluster = await startCluster();
  const nodes: SoakNode[] = [];
  for (let index = 1; index <= count; index += 1) nodes.push(await startPlace(cluster, `n${index}`, cassandra));
  return {
    cluster,
    nodes,
    cassandra,
    disk,
    async restart(place) {
      place.node = await cluster.restartNode(place.node);
    },
    stepClock(place, offsetMs) {
      writeFileSync(place.clockFile, String(offsetMs));
      signalPid(place.node.pid, 'SIGUSR2');
    },
    async copyBroker() {
      const copy = join(await mkdtemp(join(tmpdir(), 'troupe-broker-')), 'store');
      await cluster.broker.copyStore(copy);
      return copy;
    },
    async powerCut(copy) {
      await cluster.broker.restart({ store: copy });
      await rm(dirname(copy), { recursive: true, force: true });
    },
    async purgeWork() {
      const connection = await connect({ servers: cluster.broker.url });
      const { streams } = await jetstreamManager(connection);
      await streams.purge(await streams.find(`${cluster.root}.work.default.default.2`));
      await connection.close();
    },
    async stop() {
      await cluster.stop();
      for (const { bus, store: link } of nodes) await Promise.all([bus.close(), link?.close()]);
      await cassandra?.discard();
      if (formerTmp === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = formerTmp;
      if ('dir' in disk) disk.unmount();
    },
  };
}

type OwnStore = SoakStoreServer & {
  readonly settings: Readonly<Record<string, string>>;
  readonly contactPoint: string;
  discard(): Promise<void>;
};

async function startPlace(cluster: TestCluster, name: string, cassandra: OwnStore | undefined): Promise<SoakNode> {
  const bus = await startFaultProxy(`127.0.0.1:${cluster.broker.port}`);
  const store = cassandra === undefined ? undefined : await startFaultProxy(cassandra.contactPoint);
  const clockFile = join(cluster.dir, `${name}.clock`);
  const settings = store && { ...cassandra?.settings, 'store.cassandra.contactPoints': store.address };
  const options: NodeOptions = {
    nats: bus.address,
    handlerDirs: [handlersDir],
    env: { NODE_OPTIONS: `--import ${clockModule}`, SOAK_CLOCK_FILE: clockFile },
    ...(settings && { settings }),
  };
  return { name, node: await cluster.startNode(name, options), bus, store, clockFile };
}

async function startStore(): Promise<OwnStore> {
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-soak-cassandra-'));
  const [nativePort, storagePort] = [await freePort(), await freePort()];
  const boot = (): Promise<CassandraProcess> =>
    startCassandra({ install, dataDir, nativePort, storagePort, heapMb: 1_024 });
  let server = await boot();
  let hasEnded = false;
  const watch = (): void => {
    hasEnded = false;
    const watched = server;
    void watched.exited.then(() => {
      if (watched === server) hasEnded = true;
    });
  };
  watch();
  const start = async (): Promise<void> => {
    server = await boot();
    watch();
  };
  const keyspace = 'soak';
  await migrate(server, keyspace, 1);
  return {
    contactPoint: `127.0.0.1:${nativePort}`,
    settings: {
      'store.kind': 'cassandra',
      'store.cassandra.localDataCenter': server.localDataCenter,
      'store.cassandra.keyspace': keyspace,
    },
    pid: () => server.pid,
    kill: () => server.kill(),
    start,
    async revive() {
      if (hasEnded) await start();
    },
    async discard() {
      await server.kill();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
