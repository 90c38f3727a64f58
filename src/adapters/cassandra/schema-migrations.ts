/**
 * The schema, version by version. A released version is never edited; a change is a new entry at the end.
 *
 * Processes that start together take turns by a lock with a lease. The statements are idempotent and each version is
 * recorded conditionally, so even a process that lost its lease half-way does no damage.
 */
import { createHash, randomUUID } from 'node:crypto';
import { invariant, TroupeError } from '../../domain/errors.ts';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { SchemaClimb } from '../../application/ports/store.ts';
import { isUnknownName } from './cassandra-error.ts';
import type { CqlClient } from './cql-client.ts';
import { createAuditRows } from './tables/audit-rows.ts';
import { createClosedQueues } from './tables/closed-queues.ts';
import { createCluster } from './tables/cluster.ts';
import { createDocuments } from './tables/documents.ts';
import { createJobFlags } from './tables/job-flags.ts';
import { createIdempotencyKeys, createJobKeys } from './tables/job-keys.ts';
import { createJobs } from './tables/jobs.ts';
import { createKeptBytes } from './tables/kept-bytes.ts';
import { createOpenBuckets } from './tables/open-buckets.ts';
import { createPayloadParts } from './tables/payload-parts.ts';
import { createQueueBuckets, createQueueDays } from './tables/queue-buckets.ts';
import { createQueues } from './tables/queues.ts';
import { createUnfinishedLists } from './tables/unfinished-lists.ts';
import * as migrations from './tables/schema-migrations.ts';
import { createShardWatermarks } from './tables/shard-watermarks.ts';
import { createShards } from './tables/shards.ts';

const versions: readonly (readonly string[])[] = [
  [
    createJobs,
    createShards,
    createShardWatermarks,
    createOpenBuckets,
    createQueueBuckets,
    createQueueDays,
    createIdempotencyKeys,
    createPayloadParts,
    createQueues,
    createCluster,
  ],
  [createJobFlags],
  [createClosedQueues],
  [createJobKeys],
  [createUnfinishedLists],
  [createDocuments],
  [createAuditRows],
  [createKeptBytes],
];

/** The newest version that this code knows. It refuses a keyspace of a later version, because it could damage it. */
export const schemaVersion = versions.length;

/** All tables of the newest version. */
export const schemaTables: readonly string[] = [migrations.createSchemaMigrations(''), ...versions.flat()].map(
  (statement) => {
    const name = /^CREATE TABLE IF NOT EXISTS ([a-z_]+) /.exec(statement)?.[1];
    invariant(name !== undefined, 'versions of the schema create tables');
    return name;
  },
);

/** Longer than the slowest statement may take. Each statement renews the lease. */
const leaseSeconds = 60;
const lockWaitMs = 3 * leaseSeconds * 1_000;
const lockPollMs = 250;

/** A UUID of version 8, derived from the name of the keyspace. */
function tableIdOf(keyspace: string): string {
  const hex = createHash('sha256').update(`${keyspace}.schema_migrations`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

async function presentVersion(client: CqlClient): Promise<number> {
  const rows = await client.rows(migrations.readVersions, []);
  return Math.max(0, ...rows.map((row) => row.version ?? 0));
}

/**
 * Reads the version, and creates the table only if it does not exist, so that the service account needs no permission
 * to create one. It retries for a while, because nodes do not learn at once of a table that another process has just
 * created.
 */
async function ensureMigrationTable(client: CqlClient, keyspace: string, clock: Clock): Promise<number> {
  const deadlineMs = clock.monotonicMs() + lockWaitMs;
  for (;;) {
    try {
      return await presentVersion(client);
    } catch (error) {
      if (!isUnknownName(error) || clock.monotonicMs() > deadlineMs) throw error;
    }
    await client.changeSchema(migrations.createSchemaMigrations(tableIdOf(keyspace)));
    await pause(clock, lockPollMs);
  }
}

function refuseNewer(keyspace: string, version: number): void {
  if (version <= schemaVersion) return;
  throw new TroupeError('INTERNAL_ERROR', {
    message: `keyspace ${keyspace} has schema version ${version}, this Troupe knows ${schemaVersion}: use a newer Troupe`,
  });
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve));
}

/** Waits for the lock. Resolves with false if another process has migrated the schema meanwhile. */
async function acquireLock(client: CqlClient, holder: string, clock: Clock): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + lockWaitMs;
  for (;;) {
    try {
      if ((await client.conditional(migrations.takeLock, [leaseSeconds, holder])).applied) return true;
    } catch (error) {
      // The renewal shows whether the lock was taken.
      if (!(error instanceof TroupeError) || error.code !== 'OUTCOME_UNKNOWN') throw error;
      if (await holdsLock(client, holder)) return true;
    }
    if ((await presentVersion(client)) >= schemaVersion) return false;
    if (clock.monotonicMs() > deadlineMs) {
      throw new TroupeError('STORE_UNAVAILABLE', {
        message: 'another process has held the lock of the schema for too long; wait for it and start again',
      });
    }
    await pause(clock, lockPollMs);
  }
}

async function holdsLock(client: CqlClient, holder: string): Promise<boolean> {
  return (await client.conditional(migrations.renewLock, [leaseSeconds, holder, holder])).applied;
}

async function climb(client: CqlClient, holder: string, from: number, clock: Clock): Promise<void> {
  for (const [index, statements] of versions.entries()) {
    if (index < from) continue;
    for (const statement of statements) {
      if (!(await holdsLock(client, holder))) {
        throw new TroupeError('STORE_UNAVAILABLE', { message: 'the lock of the schema was lost; start again' });
      }
      await client.changeSchema(statement);
    }
    await client.conditional(migrations.recordVersion, [index + 1, BigInt(clock.nowMs())]);
  }
}

export async function migrateKeyspace(
  client: CqlClient,
  keyspace: string,
  clock: Clock,
  log: Logger,
): Promise<SchemaClimb> {
  const before = await ensureMigrationTable(client, keyspace, clock);
  refuseNewer(keyspace, before);
  if (before === schemaVersion) return { from: before, to: schemaVersion };
  const holder = randomUUID();
  if (!(await acquireLock(client, holder, clock))) {
    refuseNewer(keyspace, await presentVersion(client));
    return { from: before, to: schemaVersion };
  }
  try {
    const from = await presentVersion(client);
    refuseNewer(keyspace, from);
    await climb(client, holder, from, clock);
    if (from < schemaVersion) log.info({ keyspace, fromVersion: from, toVersion: schemaVersion }, 'schema migrated');
    return { from, to: schemaVersion };
  } finally {
    await client.conditional(migrations.releaseLock, [holder]).catch((error: unknown) => {
      log.warn({ err: error, leaseSeconds }, 'lock of the schema not released, it expires by itself');
    });
  }
}
