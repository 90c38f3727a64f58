/**
 * Starts what a cluster on one machine needs besides itself: a nats-server, and with `store.kind: cassandra` a
 * Cassandra. Services that the configuration names are used as they are. The others are found or fetched, started as
 * children, kept running, and stopped at the end.
 */
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { provisionCassandra } from '../backing/cassandra/cassandra-install.ts';
import { type CassandraProcess, startCassandra } from '../backing/cassandra/cassandra-process.ts';
import { findNatsServer } from '../backing/nats/find-nats-server.ts';
import { type NatsServerHandle, startNatsServer } from '../backing/nats/start-nats-server.ts';
import { createSystemClock, createSystemRandom } from '../adapters/system/system-clock.ts';
import type { Logger } from '../application/ports/runtime.ts';
import type { Config } from '../config/index.ts';
import { natsSyncMs, ownSyncInterval } from './nats-sync.ts';
import { KeptService, type KeptServiceOptions } from './kept-service.ts';
import { given } from '../domain/given.ts';

export interface BackingServices {
  /** The configuration, completed with the addresses of the started services. */
  readonly config: Config;
  readonly natsUrl: string;
  /** One line per started service, for the terminal. */
  readonly notes: readonly string[];
  /** Resolves with the reason when a service does not stay up. */
  readonly failed: Promise<string>;
  /** The nats-server, if it was started here. */
  readonly nats: { readonly storeDir: string; restart(why: string): Promise<void> } | undefined;
  stop(): Promise<void>;
}

export interface BackingOptions {
  readonly cacheDir: string;
  readonly log: Logger;
  readonly say: (line: string) => void;
}

/** A started service. If it ends, it is started again on the same ports and with the same store. */
interface Service {
  readonly note: string;
  readonly kept: KeptService;
}

const cassandraHeapMb = 1_024;
/** The port between Cassandra's nodes is this much lower than the port for clients, like 7000 and 9042. */
const storagePortBelow = 2_042;
const probeMs = 1_000;

export async function startBackingServices(config: Config, options: BackingOptions): Promise<BackingServices> {
  const started: Service[] = [];
  const stop = async (): Promise<void> => {
    for (const { kept } of started.reverse()) await kept.stop();
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
    return {
      config: { ...config, nats: { ...config.nats, servers, syncIntervalMs: natsSyncMs(config.nats) } },
      natsUrl,
      notes: started.map(({ note }) => note),
      // Without services this never settles.
      failed: Promise.race(started.map(({ kept }) => kept.failed)),
      nats: natsStarted.value && {
        storeDir: natsStoreDir(config),
        restart: (why) => natsStarted.value?.kept.restart(why) ?? Promise.resolve(),
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function natsStoreDir(config: Config): string {
  return resolve(config.dataDir, 'nats');
}

/**
 * Ports of the Cassandra on this machine: that of the first contact point, and the port between nodes derived from it.
 */
export function cassandraPorts({ store }: Config): { readonly nativePort: number; readonly storagePort: number } {
  const [first = '127.0.0.1:9042'] = store.cassandra.contactPoints;
  const nativePort = Number(first.split(':')[1] ?? '9042');
  return { nativePort, storagePort: nativePort - storagePortBelow };
}

/** Restarts use the port of the first start, because clients know it. */
async function startNats(config: Config, options: BackingOptions): Promise<Service & { readonly url: string }> {
  const { cacheDir, log } = options;
  const { serverPath, port } = config.nats;
  const binary = await findNatsServer({
    ...given({ explicitPath: serverPath }),
    cacheDir: resolve(cacheDir, 'bin'),
    log,
    allowInstall: true,
  });
  const start = (onPort: number, stop?: AbortSignal): Promise<NatsServerHandle> =>
    startNatsServer({
      path: binary.path,
      storeDir: natsStoreDir(config),
      port: onPort,
      syncInterval: ownSyncInterval(config.nats),
      log,
      ...given({ stop }),
    });
  const first = await start(port);
  const kept = keep(options, { name: 'nats-server', first, start: (stop) => start(first.port, stop) });
  return { url: first.url, note: `nats-server ${binary.version} on ${first.url}`, kept };
}

/** Starts Cassandra unless one answers already, or the configuration names one on another machine. */
async function startCassandraIfAway(config: Config, options: BackingOptions): Promise<Service | undefined> {
  const [address = '127.0.0.1:9042'] = config.store.cassandra.contactPoints;
  const [host = '127.0.0.1', port = '9042'] = address.split(':');
  if (host !== '127.0.0.1' || (await answers(host, Number(port)))) return undefined;
  const install = await provisionCassandra({ cacheDir: options.cacheDir, log: options.log });
  options.say(`starting Cassandra ${install.version} (about 15 s) ...`);
  const start = (stop?: AbortSignal): Promise<CassandraProcess> =>
    startCassandra({
      install,
      dataDir: resolve(config.dataDir, 'cassandra'),
      ...cassandraPorts(config),
      heapMb: cassandraHeapMb,
      ...given({ stop }),
    });
  const kept = keep(options, { name: 'Cassandra', first: await start(), start });
  return { note: `Cassandra ${install.version} on ${address}`, kept };
}

function keep(
  { say, log }: BackingOptions,
  service: Pick<KeptServiceOptions, 'name' | 'first' | 'start'>,
): KeptService {
  return new KeptService({ ...service, say, log, clock: createSystemClock(), random: createSystemRandom() });
}

/** Whether something accepts connections at this address. */
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
