/**
 * The schema, version by version. A released version is never edited; a change is a new entry at the end. The whole
 * migration is one transaction, so of several processes that start together one migrates and the others find it done.
 */
import type { DatabaseSync } from 'node:sqlite';
import { TroupeError } from '../../../domain/errors.ts';
import type { SchemaClimb } from '../../../application/ports/store.ts';
import { neverMs } from './commit-operation.ts';
import { inTransaction } from './transaction.ts';

/** "TRUP" in ASCII: marks the file as a Troupe database. */
const applicationId = 0x54525550;

/**
 * `jobs` is clustered as in Cassandra: by partition (shard, bucket), then queue, then id, which sorts by time. So a
 * group commit touches a handful of neighbouring pages. The columns before `record` can be read without following long
 * records.
 */
const version1 = `
  CREATE TABLE jobs (
    shard INTEGER NOT NULL, bucket INTEGER NOT NULL, queue_no INTEGER NOT NULL, id TEXT NOT NULL,
    expires_at INTEGER NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (shard, bucket, queue_no, id)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE partitions (
    shard INTEGER NOT NULL, bucket INTEGER NOT NULL, epoch INTEGER NOT NULL, commits INTEGER NOT NULL,
    PRIMARY KEY (shard, bucket)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE shards (
    shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, watermark TEXT
  ) STRICT;
  CREATE TABLE open_buckets (
    shard INTEGER NOT NULL, bucket INTEGER NOT NULL, PRIMARY KEY (shard, bucket)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE queue_buckets (
    queue_no INTEGER NOT NULL, bucket INTEGER NOT NULL, shard INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (queue_no, bucket, shard)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX queue_buckets_by_expiry ON queue_buckets (expires_at);
  CREATE TABLE idempotency_keys (
    shard INTEGER NOT NULL, key_hash TEXT NOT NULL, epoch INTEGER NOT NULL, job_id TEXT NOT NULL,
    content_hash TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (shard, key_hash)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
  CREATE TABLE payload_parts (
    id TEXT NOT NULL, part INTEGER NOT NULL, parts INTEGER NOT NULL, total_bytes INTEGER NOT NULL,
    sha256 BLOB NOT NULL, expires_at INTEGER NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (id, part)
  ) STRICT;
  CREATE INDEX payload_parts_by_expiry ON payload_parts (expires_at);
  CREATE TABLE queues (
    queue_no INTEGER PRIMARY KEY AUTOINCREMENT CHECK (queue_no <= 1048575),
    tenant TEXT NOT NULL, name TEXT NOT NULL, settings TEXT NOT NULL, version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    UNIQUE (tenant, name)
  ) STRICT;
  CREATE TABLE cluster (
    scope INTEGER PRIMARY KEY CHECK (scope = 0), cluster_id TEXT NOT NULL, shard_count INTEGER NOT NULL
  ) STRICT;
`;

/**
 * Adds flags of jobs that ended without success, so that listings of them skip all other jobs. Fills in the existing
 * jobs.
 */
const version2 = `
  CREATE TABLE job_flags (
    queue_no INTEGER NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, expires_at INTEGER NOT NULL,
    PRIMARY KEY (queue_no, id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX job_flags_by_expiry ON job_flags (expires_at);
  INSERT INTO job_flags (queue_no, id, state, reason, expires_at)
    SELECT queue_no, id, record ->> '$.state', record ->> '$.failure.reason', expires_at FROM jobs
    WHERE record ->> '$.state' IN ('FAILED', 'CANCELLED', 'EXPIRED');
`;

/** Adds the notes on removals of queues, in progress or carried out. */
const version3 = `
  CREATE TABLE closed_queues (
    queue_no INTEGER NOT NULL, version INTEGER NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL,
    closed_at INTEGER NOT NULL,
    PRIMARY KEY (queue_no, version)
  ) WITHOUT ROWID, STRICT;
`;

/** If a key has two entries, the one of the later job now counts. Before, the one with the higher epoch did. */
const version4 = `ALTER TABLE idempotency_keys RENAME COLUMN epoch TO rank;`;

/** Jobs that have not ended no longer expire. */
const version5 = `
  UPDATE jobs SET expires_at = ${neverMs}
    WHERE record ->> '$.state' NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED');
`;

/** Ranks of keys become microseconds, so that they distinguish jobs of the same millisecond. */
const version6 = `UPDATE idempotency_keys SET rank = rank * 1000;`;

/** Adds the note that the place of the large payloads has its mark. */
const version7 = `ALTER TABLE cluster ADD COLUMN objects_marked INTEGER NOT NULL DEFAULT 0;`;

/** Adds the lists of unfinished jobs, so that a recovery need not read what has ended. */
const version8 = `
  CREATE TABLE unfinished_lists (
    shard INTEGER NOT NULL, bucket INTEGER NOT NULL, commits INTEGER NOT NULL, ids TEXT NOT NULL,
    PRIMARY KEY (shard, bucket)
  ) WITHOUT ROWID, STRICT;
`;

/** Adds what administrators make. Names are compared as bytes, which is the collation BINARY. */
const version9 = `
  CREATE TABLE documents (
    collection TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, revision TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (collection, scope, name)
  ) STRICT;
`;

/** Adds the audit log. Its rows are in the order in which they are read. */
const version10 = `
  CREATE TABLE audit_rows (
    scope TEXT NOT NULL, day TEXT NOT NULL, at_ms INTEGER NOT NULL, writer TEXT NOT NULL, sequence INTEGER NOT NULL,
    entry TEXT NOT NULL, hash TEXT NOT NULL, settled_at_ms INTEGER, settled_by INTEGER, expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, day, at_ms, writer, sequence)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX audit_rows_by_expiry ON audit_rows (expires_at);
`;

/** Adds what ended jobs keep, so that the next owner of a shard knows it. */
const version11 = `
  CREATE TABLE kept_bytes (
    shard INTEGER NOT NULL, tenant TEXT NOT NULL, slots TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (shard, tenant)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX kept_bytes_by_expiry ON kept_bytes (expires_at);
`;

const migrations: readonly string[] = [
  version1,
  version2,
  version3,
  version4,
  version5,
  version6,
  version7,
  version8,
  version9,
  version10,
  version11,
];

/** The newest version that this code knows. It refuses a file of a later version, because it could damage it. */
const schemaVersion = migrations.length;

function pragma(file: DatabaseSync, name: 'user_version' | 'application_id'): number {
  const row = file.prepare(`PRAGMA ${name}`).get();
  return Number(row?.[name] ?? 0);
}

function refuse(message: string): never {
  throw new TroupeError('INTERNAL_ERROR', { message });
}

/** Refuses a file of another program, and a file that a newer Troupe has written. */
export function checkFile(file: DatabaseSync, path: string): number {
  const version = pragma(file, 'user_version');
  const ours = pragma(file, 'application_id') === applicationId;
  const tables = Number(file.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] ?? 0);
  if (!ours && (version !== 0 || tables > 0)) refuse(`${path} is the database of another program; choose another path`);
  if (version > schemaVersion) {
    refuse(`${path} has schema version ${version}, this Troupe knows ${schemaVersion}: use a newer Troupe`);
  }
  return version;
}

export function migrateSchema(file: DatabaseSync, path: string): SchemaClimb {
  if (checkFile(file, path) === schemaVersion) return { from: schemaVersion, to: schemaVersion };
  return inTransaction(file, () => {
    // Check again under the lock, now that no other process can be migrating.
    const from = checkFile(file, path);
    for (const step of migrations.slice(from)) file.exec(step);
    file.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion};`);
    return { from, to: schemaVersion };
  });
}
