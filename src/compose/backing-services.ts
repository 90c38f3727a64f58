/**
 * What a cluster on one machine needs beside itself: a nats-server, and with `store.kind: cassandra` a Cassandra. What
 * the configuration names is used; what it leaves open is found or fetched, started as a child and stopped at the end.
 */
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { provisionCassandra } from '../adapters/cassandra/process/cassandra-install.ts';
import { startCassandra } from '../adapters/cassandra/process/cassandra-process.ts';
import { findNatsServer } from '../adapters/nats/server/find-nats-server.ts';
import { startNatsServer } from '../adapters/nats/server/start-nats-server.ts';
import type { Logger } from '../application/ports/runtime.ts';
import type { Config } from '../config/index.ts';

export interface BackingServices {
  /** The configuration with the addresses of what was started. */
  readonly config: Config;
  readonly natsUrl: string;
  /** What was started, for the person who looks on. */
  readonly notes: readonly string[];
  stop(): Promise<void>;
}

interface Service {
  readonly note: string;
  stop(): Promise<void>;
}

const cassandraHeapMb = 1_024;
/** Cassandra's own port among its nodes lies this far below the port for clients, as 7000 does below 9042. */
const storagePortBelow = 2_042;
const probeMs = 1_000;

export async function startBackingServices(
  config: Config,
  options: { readonly cacheDir: string; readonly log: Logger; readonly say: (line: string) => void },
): Promise<BackingServices> {
  const started: Service[] = [];
  const stop = async (): Promise<void> => {
    for (const service of started.reverse()) await service.stop();
  };
  try {
    const cassandra = config.store.kind === 'cassandra' ? startCassandraIfAway(config, options) : undefined;
    const nats = config.nats.servers.length === 0 ? startNats(config, options) : undefined;
    const [natsStarted, cassandraStarted] = await Promise.allSettled([nats, cassandra]);
    if (natsStarted.status === 'fulfilled' && natsStarted.value !== undefined) started.push(natsStarted.value);
    if (cassandraStarted.status === 'fulfilled' && cassandraStarted.value !== undefined) {
      started.push(cassandraStarted.value);
    }
    if (natsStarted.status === 'rejected') throw natsStarted.reason;
    if (cassandraStarted.status === 'rejected') throw cassandraStarted.reason;
    const natsUrl = natsStarted.value?.url ?? config.nats.servers[0] ?? '';
    const servers = natsStarted.value === undefined ? config.nats.servers : [natsStarted.value.url];
    const notes = started.map(({ note }) => note);
    return { config: { ...config, nats: { ...config.nats, servers } }, natsUrl, notes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function natsSyncInterval({ nats }: Config): string {
  return nats.syncIntervalMs === 0 ? 'always' : `${String(nats.syncIntervalMs)}ms`;
}

/** Of the Cassandra of this machine: the port of the first contact point, and the one among nodes that follows from it. */
export function cassandraPorts({ store }: Config): { readonly nativePort: number; readonly storagePort: number } {
  const [first = '127.0.0.1:9042'] = store.cassandra.contactPoints;
  const nativePort = Number(first.split(':')[1] ?? '9042');
  return { nativePort, storagePort: nativePort - storagePortBelow };
}

async function startNats(
  config: Config,
  { cacheDir, log }: { readonly cacheDir: string; readonly log: Logger },
): Promise<Service & { readonly url: string }> {
  const { serverPath, port } = config.nats;
  const binary = await findNatsServer({
    ...(serverPath !== undefined && { explicitPath: serverPath }),
    cacheDir: resolve(cacheDir, 'bin'),
    log,
    allowInstall: true,
  });
  const server = await startNatsServer({
    path: binary.path,
    storeDir: resolve(config.dataDir, 'nats'),
    port,
    syncInterval: natsSyncInterval(config),
    log,
  });
  return { url: server.url, note: `nats-server ${binary.version} on ${server.url}`, stop: () => server.stop() };
}

async function startCassandraIfAway(
  config: Config,
  options: { readonly cacheDir: string; readonly log: Logger; readonly say: (line: string) => void },
): Promise<Service | undefined> {
  const [first = '127.0.0.1:9042'] = config.store.cassandra.contactPoints;
  const [host = '127.0.0.1', port = '9042'] = first.split(':');
  if (host !== '127.0.0.1' || (await answers(host, Number(port)))) return undefined;
  const install = await provisionCassandra({ cacheDir: options.cacheDir, log: options.log });
  options.say(`starting Cassandra ${install.version} (about 15 s) ...`);
  const cassandra = await startCassandra({
    install,
    dataDir: resolve(config.dataDir, 'cassandra'),
    ...cassandraPorts(config),
    heapMb: cassandraHeapMb,
  });
  return { note: `Cassandra ${install.version} on ${first}`, stop: () => cassandra.stop() };
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: probeMs });
    const end = (result: boolean): void => {
      socket.destroy();
      done(result);
    };
    socket.on('connect', () => {
      end(true);
    });
    socket.on('timeout', () => {
      end(false);
    });
    socket.on('error', () => {
      end(false);
    });
  });
}
