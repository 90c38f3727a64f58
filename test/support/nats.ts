/** A real nats-server per test file, on a free port and with its own store, and buses connected to it. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats, type ConnectNatsOptions, type NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { findNatsServer } from '../../src/backing/nats/find-nats-server.ts';
import { type NatsServerHandle, startNatsServer } from '../../src/backing/nats/start-nats-server.ts';
import type { Clock, Logger, Telemetry } from '../../src/application/ports/runtime.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { createJobIdGenerator, type JobId } from '../../src/domain/job-id.ts';
import { stopProcess } from './stopped-process.ts';

export { eventually } from './eventually.ts';

export const natsTestClock: Clock = {
  nowMs: () => Date.now(),
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

const ignore = (): void => undefined;

/** Silent unless TROUPE_TEST_LOG is set. */
export const natsTestLog: Logger = {
  debug: ignore,
  info: ignore,
  warn: (fields, message) => note('warn', message, fields),
  error: (fields, message) => note('error', message, fields),
  child: () => natsTestLog,
};

function note(level: string, message: string, fields: object): void {
  if (process.env['TROUPE_TEST_LOG'] !== undefined)
    process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
}

export const natsTestTelemetry: Telemetry = {
  counter: () => ({ add: ignore }),
  gauge: () => ({ set: ignore, remove: ignore }),
  histogram: () => ({ observe: ignore }),
};

/**
 * Resolves when a standard connection has reconnected. Call it before stopping the server.
 * While such a connection is away, it discards queued requests when it dials again, so a request made too early is
 * never answered.
 */
export async function linkedAgain(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'reconnect') return;
  }
  throw new Error('closed for good');
}

/**
 * What this bus has sent before, such as a subscription, has been taken by the server when this resolves. A bus that is
 * connected may not have been heard yet, and what others send meanwhile meets nobody.
 */
export async function roundTrip({ shardClient }: NatsBus): Promise<void> {
  const nobody = shardClient.call(98, 'get', [], 30_000);
  const refusal: unknown = await nobody.catch((error: unknown) => error);
  if (!(refusal instanceof TroupeError) || refusal.code !== 'SHARD_UNAVAILABLE') throw refusal;
}

/** Shared by all tests and by `troupe dev`, so that the binary is built only once per machine. */
export function natsCacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'troupe', 'bin');
}

export async function natsServerPath(): Promise<string> {
  const explicitPath = process.env['TROUPE_NATS_SERVER'];
  const binary = await findNatsServer({
    cacheDir: natsCacheDir(),
    log: natsTestLog,
    allowInstall: true,
    ...(explicitPath !== undefined && { explicitPath }),
  });
  return binary.path;
}

export interface TestNats {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  /** The process id of the running server. A restart changes it. */
  pid(): number;
  kill(): Promise<void>;
  /** Copies the store. The server is stopped meanwhile, so the copy is consistent. */
  copyStore(to: string): Promise<void>;
  /** Restarts the server on the same port. `wipe` deletes the JetStream data, and `store` replaces it with a copy. */
  restart(options?: { readonly wipe?: boolean; readonly store?: string }): Promise<void>;
  connect(options?: Partial<ConnectNatsOptions>): Promise<NatsBus>;
  /** Closes every bus made by `connect`, stops the server and deletes its store. */
  stop(): Promise<void>;
}

export async function startTestNats(options: { readonly syncInterval?: string } = {}): Promise<TestNats> {
  const path = await natsServerPath();
  const storeDir = await mkdtemp(join(tmpdir(), 'troupe-nats-'));
  const start = (port: number): Promise<NatsServerHandle> =>
    startNatsServer({ path, storeDir, port, syncInterval: '10s', log: natsTestLog, ...options });
  let server = await start(0);
  const buses = new Set<NatsBus>();
  return {
    url: server.url,
    port: server.port,
    storeDir,
    pid: () => server.pid,
    kill: () => server.kill(),
    async copyStore(to) {
      await stopProcess(server.pid);
      try {
        await cp(join(storeDir, 'jetstream'), to, { recursive: true });
      } finally {
        process.kill(server.pid, 'SIGCONT');
      }
    },
    async restart({ wipe = false, store } = {}) {
      await server.kill();
      const present = join(storeDir, 'jetstream');
      if (wipe || store !== undefined) await rm(present, { recursive: true, force: true });
      if (store !== undefined) await cp(store, present, { recursive: true });
      server = await start(server.port);
    },
    async connect(more = {}) {
      const bus = await connectNats({
        servers: [server.url],
        name: 'test',
        clock: natsTestClock,
        log: natsTestLog,
        telemetry: natsTestTelemetry,
        ...more,
      });
      buses.add(bus);
      return bus;
    },
    async stop() {
      await Promise.all([...buses].map((bus) => bus.close()));
      await server.stop();
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}

const nextId = createJobIdGenerator({ shard: 1, nowMs: () => Date.now(), random: () => Math.random() });

export function testJobId(): JobId {
  return nextId(1);
}
