/**
 * One real Cassandra per test run, shared by all files that need one; each file creates its own keyspace. With
 * TROUPE_CASSANDRA=host:port a running Cassandra is used instead.
 * Without Java and Maven (or Docker) the run fails and says what to install, because a suite that is silently skipped
 * proves nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { dataCenter } from '../../src/backing/cassandra/cassandra-config.ts';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { startCassandra, type CassandraProcess } from '../../src/backing/cassandra/cassandra-process.ts';
import { silentLog } from './stores.ts';

/**
 * A machine that does much else at the same time is late, not undecided: by default a server gives a conditional write up
 * after two seconds, and nobody knows then whether it was applied.
 */
const moreSettings = `write_request_timeout: 10000ms
cas_contention_timeout: 10000ms
read_request_timeout: 10000ms
`;

export interface SharedCassandra {
  readonly contactPoints: readonly string[];
  readonly localDataCenter: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    cassandra: SharedCassandra;
  }
}

/** The cache in which the download is kept between runs. */
export function cassandraCacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'troupe');
}

/** Returns a port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

let running: { readonly node: CassandraProcess; readonly dataDir: string } | undefined;

export async function setup(project: TestProject): Promise<void> {
  const given = process.env['TROUPE_CASSANDRA'];
  if (given !== undefined) {
    const localDataCenter = process.env['TROUPE_CASSANDRA_DC'] ?? dataCenter;
    project.provide('cassandra', { contactPoints: given.split(','), localDataCenter });
    return;
  }
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
  const dataDir = await mkdtemp(join(tmpdir(), 'troupe-cassandra-'));
  const [nativePort, storagePort] = [await freePort(), await freePort()];
  const node = await withJavaOption(unflushedSchema, () =>
    startCassandra({ install, dataDir, nativePort, storagePort, heapMb: 768, moreSettings }),
  );
  running = { node, dataDir };
  project.provide('cassandra', { contactPoints: node.contactPoints, localDataCenter: node.localDataCenter });
}

/**
 * Each change of a schema writes the tables of schemas to disk, which is half of what the keyspace of a file costs. This
 * Cassandra is never started again on its data, so nobody needs them there. One that is would not know its tables.
 */
const unflushedSchema = '-Dcassandra.test.flush_local_schema_changes=false';

/** Java reads this variable at its start. The processes of tests do not get the option. */
async function withJavaOption<T>(option: string, start: () => Promise<T>): Promise<T> {
  const { JAVA_TOOL_OPTIONS: given } = process.env;
  process.env['JAVA_TOOL_OPTIONS'] = `${given ?? ''} ${option}`.trim();
  try {
    return await start();
  } finally {
    if (given === undefined) delete process.env['JAVA_TOOL_OPTIONS'];
    else process.env['JAVA_TOOL_OPTIONS'] = given;
  }
}

export async function teardown(): Promise<void> {
  if (running === undefined) return;
  const { node, dataDir } = running;
  running = undefined;
  // Its data is never needed again, so an orderly flush would be wasted time.
  await node.kill();
  await rm(dataDir, { recursive: true, force: true });
}
