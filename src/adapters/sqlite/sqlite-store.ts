/**
 * The embedded store for one machine: everything is in one file. Several processes may share the file; the same fencing
 * as in Cassandra holds between them.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { ClusterFacts, Store } from '../../application/ports/store.ts';
import { createStoreMeasures } from '../../application/storage/store-measures.ts';
import { startExpirySweep } from './expiry-sweep.ts';
import { migrateSchema } from './schema-migrations.ts';
import { createSqliteDatabase, openDatabaseFile, type SqliteDatabase } from './sqlite-database.ts';
import { openingError } from './sqlite-error.ts';
import { createSqliteJobStore } from './sqlite-job-store.ts';
import { createSqlitePayloadStore } from './sqlite-payload-store.ts';
import { createSqliteQueueStore } from './sqlite-queue-store.ts';

export interface SqliteStoreOptions {
  /** The database file. Its folder is created if necessary. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /**
   * Most pages of 8 KiB to which this process lets the file grow. Beyond that, writes fail as on a full disk. Default:
   * no limit.
   */
  readonly maxPages?: number;
}

function createFacts(database: SqliteDatabase): Store['agreeFacts'] {
  const propose = database.prepare(
    'INSERT INTO cluster (scope, cluster_id, shard_count) VALUES (0, ?, ?) ON CONFLICT DO NOTHING',
  );
  const agreed = database.prepare(
    'SELECT cluster_id AS clusterId, shard_count AS shardCount FROM cluster WHERE scope = 0',
  );
  return async (proposal) => {
    const facts = await database.write('agree_facts', () => {
      propose.run(proposal.clusterId, proposal.shardCount);
      return agreed.get();
    });
    return { ...(facts as unknown as ClusterFacts) };
  };
}

export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock, telemetry } = options;
  const log = options.log.child({ component: 'sqlite' });
  const file = openDatabaseFile(path, options.maxPages);
  try {
    const schema = migrateSchema(file, path);
    const { from, to } = schema;
    if (from !== to) log.info({ path, fromVersion: from, toVersion: to }, 'schema migrated');
    const database = createSqliteDatabase(file, clock, createStoreMeasures('sqlite', clock, telemetry));
    const alive = database.prepare('SELECT 1 FROM cluster');
    const stopSweep = startExpirySweep(database, clock, log);
    return {
      kind: 'sqlite',
      schema,
      jobs: createSqliteJobStore(database, clock),
      queues: createSqliteQueueStore(database),
      payloads: createSqlitePayloadStore(database, clock),
      agreeFacts: createFacts(database),
      async ping() {
        await database.read('ping', () => alive.all());
      },
      async close() {
        stopSweep();
        database.close();
      },
    };
  } catch (error) {
    file.close();
    const translated = openingError(error, path);
    throw translated instanceof TroupeError ? translated : new TroupeError('INTERNAL_ERROR', { cause: error });
  }
}
