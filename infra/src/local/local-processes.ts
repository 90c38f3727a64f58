/**
 * The processes of a local environment, in the tiers in which they start: NATS and Cassandra, the schema, the nodes,
 * and then the gateway. They stop in reverse order.
 */
import { resolve } from 'node:path';
import { cassandraStoragePortBelow, type LocalConfig } from '../config/machine.ts';
import { natsSyncIntervalMs } from '../config/messaging.ts';
import type { ProcessSpec } from './process-spec.ts';

export interface Installation {
  /** Root of the checkout. */
  readonly rootDir: string;
  /** Base of relative paths in the environment. */
  readonly infraDir: string;
  /** Path of the Node executable that runs Troupe. */
  readonly nodePath: string;
  readonly version: string;
}

export interface LocalTiers {
  readonly backing: readonly ProcessSpec[];
  readonly schema: readonly ProcessSpec[];
  readonly nodes: readonly ProcessSpec[];
  readonly gateways: readonly ProcessSpec[];
}

/** An environment has at most 16 nodes, so each can own a shard. */
const shardCount = 16;
const readySeconds = 120;
const cassandraReadySeconds = 240;
/** Time beyond the drain of a node, in which attempts are stopped, shards released and connections closed. */
const stopMoreSeconds = 20;
const natsStopSeconds = 15;
const cassandraStopSeconds = 60;

export function localTiers(config: LocalConfig, installation: Installation): LocalTiers {
  const context = { config, installation, dataDir: resolve(installation.infraDir, config.dataDir) };
  return {
    backing: config.store === 'cassandra' ? [nats(context), cassandra(context)] : [nats(context)],
    schema: [schema(context)],
    nodes: Array.from({ length: config.nodes }, (_, index) => node(context, index + 1)),
    gateways: [gateway(context)],
  };
}

/**
 * Texts by which the processes of an environment are found: every command line contains one of them. This also finds
 * processes that were left behind.
 */
export function marksOf(dataDir: string): readonly string[] {
  return [serveMark(`${dataDir}/config/`), natsMark(dataDir), cassandraMark(dataDir)];
}

interface Context {
  readonly config: LocalConfig;
  readonly installation: Installation;
  readonly dataDir: string;
}

const serveMark = (configFile: string): string => `serve --config ${configFile}`;
const natsMark = (dataDir: string): string => `-c ${dataDir}/nats/nats-server.conf`;
const cassandraMark = (dataDir: string): string => `-Dcassandra.config=file://${dataDir}/cassandra/conf/cassandra.yaml`;

function troupe({ rootDir, nodePath }: Installation, ...args: readonly string[]): string[] {
  return [nodePath, resolve(rootDir, 'scripts', 'troupe.mjs'), ...args];
}

/**
 * Runs the server directly and not a `troupe` around it. So the recorded pid is that of the server, and a `kill -9` of
 * it is noticed and leaves nothing behind.
 */
function nats({ config, installation, dataDir }: Context): ProcessSpec {
  const { nats: port } = config.ports;
  const sync = ['--set', `nats.syncIntervalMs=${natsSyncIntervalMs}`];
  const settings = ['--data-dir', dataDir, '--set', `nats.port=${port}`, ...sync];
  return {
    name: 'nats',
    dataDir,
    command: { kind: 'prepare', argv: troupe(installation, 'backing', 'nats', ...settings) },
    mark: natsMark(dataDir),
    ports: [{ key: 'ports.nats', port }],
    readiness: { kind: 'nats', port },
    readySeconds,
    stopSeconds: natsStopSeconds,
    version: installation.version,
  };
}

function cassandra({ config, installation, dataDir }: Context): ProcessSpec {
  const { cassandra: port } = config.ports;
  const settings = ['--data-dir', dataDir, '--set', `store.cassandra.contactPoints=127.0.0.1:${port}`];
  const heap = ['--heap-mb', String(config.cassandraHeapMb)];
  return {
    name: 'cassandra',
    dataDir,
    command: { kind: 'prepare', argv: troupe(installation, 'backing', 'cassandra', ...settings, ...heap) },
    mark: cassandraMark(dataDir),
    ports: [
      { key: 'ports.cassandra', port },
      { key: `ports.cassandra - ${cassandraStoragePortBelow}`, port: port - cassandraStoragePortBelow },
    ],
    readiness: { kind: 'cql', port },
    readySeconds: cassandraReadySeconds,
    stopSeconds: cassandraStopSeconds,
    version: installation.version,
  };
}

/** A process of Troupe with its own configuration file, whose path appears on its command line. */
function configured({ installation, dataDir }: Context, name: string, settings: object) {
  const path = `${dataDir}/config/${name}.json`;
  const content = `${JSON.stringify(settings, undefined, 2)}\n`;
  return {
    name,
    dataDir,
    file: { path, content },
    mark: serveMark(path),
    command: { kind: 'run' as const, argv: troupe(installation, 'serve', '--config', path) },
    version: installation.version,
  };
}

function schema(context: Context): ProcessSpec {
  const { installation } = context;
  const base = configured(context, 'migrate', shared(context));
  return {
    ...base,
    command: { kind: 'run', argv: troupe(installation, 'migrate', '--config', base.file.path) },
    mark: `migrate --config ${base.file.path}`,
    ports: [],
    readiness: { kind: 'exit' },
    readySeconds,
    stopSeconds: 1,
  };
}

function node(context: Context, number: number): ProcessSpec {
  const { config, installation, dataDir } = context;
  const name = `node-${number}`;
  const handlerDirs = config.handlerDirs.map((dir) => resolve(installation.infraDir, dir));
  const port = config.ports.http + number;
  const settings = {
    ...shared(context),
    nodeId: name,
    roles: ['shards', 'workers'],
    dataDir: `${dataDir}/${name}`,
    workers: { threads: config.threadsPerNode, handlerDirs },
    http: { port },
  };
  return {
    ...configured(context, name, settings),
    ports: [{ key: `ports.http + ${number}`, port }],
    readiness: { kind: 'http', port },
    readySeconds,
    stopSeconds: config.drainSeconds + stopMoreSeconds,
  };
}

function gateway(context: Context): ProcessSpec {
  const { config, dataDir } = context;
  const { gateway: port, http } = config.ports;
  const settings = {
    ...shared(context),
    nodeId: 'gateway',
    roles: ['gateway'],
    dataDir: `${dataDir}/gateway`,
    gateway: { port, reflection: true },
    http: { port: http },
  };
  return {
    ...configured(context, 'gateway', settings),
    ports: [
      { key: 'ports.gateway', port },
      { key: 'ports.http', port: http },
    ],
    readiness: { kind: 'http', port: http },
    readySeconds,
    stopSeconds: config.drainSeconds + stopMoreSeconds,
  };
}

function shared({ config, dataDir }: Context): object {
  const { nats: natsPort, cassandra: cassandraPort } = config.ports;
  return {
    nats: { servers: [`127.0.0.1:${natsPort}`], syncIntervalMs: natsSyncIntervalMs },
    store:
      config.store === 'cassandra'
        ? { kind: 'cassandra', cassandra: { contactPoints: [`127.0.0.1:${cassandraPort}`] } }
        : { kind: 'sqlite', sqlite: { path: `${dataDir}/store/troupe.db` } },
    shards: { count: shardCount },
    shutdown: { graceMs: config.drainSeconds * 1_000 },
  };
}
