/** Opens the store that the configuration names, and agrees with the cluster on its fixed facts. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openCassandraStore } from '../adapters/cassandra/cassandra-store.ts';
import type { RingLogin } from '../adapters/cassandra/role-statements.ts';
import { compileCacheEnv } from '../adapters/piscina/protocol/compile-cache.ts';
import { openSqliteStore } from '../adapters/sqlite/sqlite-store.ts';
import type { ClusterFacts, Store } from '../application/ports/store.ts';
import type { Config } from '../config/index.ts';
import { cassandraAccess, ringLogins } from './access.ts';
import { withLargePayloads } from './object-store.ts';
import type { ProcessRuntime } from './runtime.ts';

export interface OpenedStore {
  readonly store: Store;
  readonly facts: ClusterFacts;
}

/**
 * The embedded store has one writer at a time and serves one machine. A few busy shards make the largest groups there.
 */
const newClusterShards = { sqlite: 8, cassandra: 64 } as const;

export async function openStore(config: Config, runtime: ProcessRuntime): Promise<OpenedStore> {
  const opened = await withFacts(await open(config, runtime, []), config, runtime);
  return { ...opened, store: await withLargePayloads(opened, config, runtime, sqlitePath(config)) };
}

/**
 * For `troupe migrate`. Gives the configured logins of the ring their rights. Neither the folder nor the bucket of large payloads
 * is looked at, nor marked.
 */
export async function openToMigrate(config: Config, runtime: ProcessRuntime): Promise<OpenedStore> {
  return withFacts(await open(config, runtime, ringLogins(config.store.cassandra)), config, runtime);
}

/** Closes the store if it rejects. */
async function withFacts(store: Store, config: Config, { log }: ProcessRuntime): Promise<OpenedStore> {
  try {
    const shardCount = config.shards.count || newClusterShards[config.store.kind];
    const facts = await store.agreeFacts({ clusterId: randomUUID(), shardCount });
    if (config.shards.count !== 0 && facts.shardCount !== config.shards.count) {
      log.info(
        { event: 'cluster.facts', shardCount: facts.shardCount, configured: config.shards.count },
        'the number of shards was fixed when the cluster was created; the configured one is ignored',
      );
    }
    return { store, facts };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Path of the embedded store's file. */
export function sqlitePath(config: Config): string {
  return config.store.sqlite.path ?? join(config.dataDir, 'troupe.db');
}

async function open(
  config: Config,
  { clock, log, telemetry }: ProcessRuntime,
  logins: readonly RingLogin[],
): Promise<Store> {
  if (config.store.kind === 'cassandra') {
    const { contactPoints, localDataCenter, keyspace, replication } = config.store.cassandra;
    const access = cassandraAccess(config.store.cassandra);
    return openCassandraStore({
      contactPoints,
      localDataCenter,
      keyspace,
      access,
      replication,
      logins,
      clock,
      log,
      telemetry,
    });
  }
  const path = sqlitePath(config);
  mkdirSync(dirname(path), { recursive: true });
  const { silenceMaxMs } = config.store.sqlite;
  return openSqliteStore({ path, silenceMaxMs, threadEnv: compileCacheEnv(), clock, log, telemetry });
}
