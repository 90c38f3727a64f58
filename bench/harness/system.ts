/**
 * The system under test, started as a user starts it: `troupe dev` in a separate folder, with its nats-server (and
 * Cassandra) as children on free ports. The ports are read from its output.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { killTree } from './process-tree.ts';
import { type ClientAccess, secured, type Security } from './security.ts';
import { stopChild } from './stop-child.ts';
import type { Teardown } from './teardown.ts';

export type StoreKind = 'sqlite' | 'cassandra';

export interface SystemOptions {
  readonly store: StoreKind;
  /** Created, and later removed, by the caller. */
  readonly dataDir: string;
  /** Folder for the CPU profiles of all its processes, written when it stops. */
  readonly profileDir?: string | undefined;
  /** Configuration keys, besides those that the bench needs itself. */
  readonly settings?: Readonly<Record<string, number | string>>;
  /** Default: none. */
  readonly security?: Security;
  readonly teardown: Teardown;
}

export interface SystemUnderTest {
  readonly pid: number;
  /** `host:port` of the gateway. */
  readonly address: string;
  readonly natsUrl: string;
  /** What clients must show. */
  readonly access: ClientAccess;
  /** Port of Cassandra. Undefined with the embedded store. */
  readonly cassandraPort: number | undefined;
  /** Drains and stops it. Resolves once it has exited. */
  stop(): Promise<void>;
  /** Ends it and its servers without notice. Resolves once it has exited. */
  kill(): Promise<void>;
}

const entry = fileURLToPath(new URL('../../scripts/troupe.mjs', import.meta.url));
const handlers = fileURLToPath(new URL('../handlers/', import.meta.url));
/** The first start of Cassandra on a busy machine takes this long. */
/** Characters of its output that are searched and shown. */
const outputKept = 64_000;
const readyTimeoutMs = 180_000;
const stopTimeoutMs = 60_000;

export async function startSystem(options: SystemOptions): Promise<SystemUnderTest> {
  const { store, dataDir, profileDir, teardown } = options;
  const cassandraPort = store === 'cassandra' ? await freePort() : undefined;
  const profiling = profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir];
  const {
    settings: guards,
    port,
    access,
  } = await secured(options.security ?? 'none', {
    folder: dataDir,
    freePort,
    teardown,
  });
  const settings = {
    ...options.settings,
    ...guards,
    'nats.port': 0,
    ...(cassandraPort && { 'store.cassandra.contactPoints': `127.0.0.1:${cassandraPort}` }),
  };
  const child = spawn(
    process.execPath,
    [
      ...[...profiling, entry, 'dev', '--no-samples', '--store', store, '--handlers', handlers, '--data-dir', dataDir],
      ...['--port', '0', '--http-port', '0', '--web-port', '0', '--log-level', 'warn'],
      ...Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: dataDir },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = (): Promise<void> => stopChild(child, ended, stopTimeoutMs);
  const kill = async (): Promise<void> => {
    await killTree(child.pid ?? 0);
    await ended;
  };
  teardown.add(stop);
  const banner = await readBanner(child, join(dataDir, 'troupe.log'));
  const address = port === undefined ? banner.address : `127.0.0.1:${port}`;
  const { natsUrl } = banner;
  return { pid: child.pid ?? 0, address, natsUrl, access: await access(address), cassandraPort, stop, kill };
}

/** Writes its output to a file, and searches it for the addresses. */
function readBanner(
  child: ChildProcess,
  logPath: string,
): Promise<{ readonly address: string; readonly natsUrl: string }> {
  const log = createWriteStream(logPath);
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (why: string): void => reject(new Error(`troupe dev ${why}:\n${text.slice(-2_000)}`));
    const timer = setTimeout(() => fail(`was not ready within ${readyTimeoutMs} ms`), readyTimeoutMs);
    const read = (chunk: Buffer): void => {
      log.write(chunk);
      text = (text + chunk.toString()).slice(-outputKept);
      const address = /^ {2}gRPC +(\S+)$/m.exec(text)?.[1];
      const natsUrl = /^ {2}NATS +(\S+)$/m.exec(text)?.[1];
      if (address === undefined || natsUrl === undefined) return;
      clearTimeout(timer);
      resolve({ address, natsUrl });
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      log.end();
      fail(`ended with ${signal ?? `code ${String(code)}`}`);
    });
  });
}
