/**
 * `schema_migrations`: the schema versions that were applied, and the process that is migrating. One partition, one row
 * per version. The lock is a static cell with a TTL, so a process that dies while holding it blocks others no longer
 * than that.
 */
import type { CqlStatement } from './cql-statement.ts';

/**
 * Created before there is a lock. The id is derived from the keyspace, so two coordinators that create the table at the
 * same instant create the same table. Without it, Cassandra 5.0 would keep two ids for one name.
 */
export function createSchemaMigrations(tableId: string): string {
  return `CREATE TABLE IF NOT EXISTS schema_migrations (
  scope int, lock_holder text STATIC, version int, applied_at bigint, PRIMARY KEY (scope, version)
) WITH ID = ${tableId}`;
}

/** LOCAL_SERIAL, idempotent. */
export const readVersions: CqlStatement<{ readonly version: number | null }> = {
  name: 'read_schema_versions',
  cql: `SELECT version FROM schema_migrations WHERE scope = 0`,
  mode: 'serialRead',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. TTL: the lease of the lock. */
export const takeLock: CqlStatement = {
  name: 'take_schema_lock',
  cql: `UPDATE schema_migrations USING TTL ? SET lock_holder = ? WHERE scope = 0 IF lock_holder = null`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. Also shows whether the lock is still held. */
export const renewLock: CqlStatement = {
  name: 'renew_schema_lock',
  cql: `UPDATE schema_migrations USING TTL ? SET lock_holder = ? WHERE scope = 0 IF lock_holder = ?`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. */
export const releaseLock: CqlStatement = {
  name: 'release_schema_lock',
  cql: `UPDATE schema_migrations SET lock_holder = null WHERE scope = 0 IF lock_holder = ?`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. Recording a version again changes nothing. */
export const recordVersion: CqlStatement = {
  name: 'record_schema_version',
  cql: `INSERT INTO schema_migrations (scope, version, applied_at) VALUES (0, ?, ?) IF NOT EXISTS`,
  mode: 'conditional',
};
