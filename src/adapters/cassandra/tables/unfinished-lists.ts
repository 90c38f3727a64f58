/**
 * `unfinished_lists`: which jobs of a partition are unfinished after a number of commits. One partition per partition of
 * `jobs` that had a quiet moment while some of its jobs were unfinished. 40 bytes a job, 40 KB at most. The row of a
 * partition that was sealed since stays until its TTL, and nobody reads it.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createUnfinishedLists = `CREATE TABLE IF NOT EXISTS unfinished_lists (
  shard int, bucket int, commits int, ids text, PRIMARY KEY ((shard, bucket))
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4'}
  AND gc_grace_seconds = 3600`;

/**
 * LOCAL_QUORUM, idempotent. TTL: less than that of the partition, so that no list of an earlier partition of the same
 * minute is left. If an older list wins, it is void.
 */
export const putList: CqlStatement = {
  name: 'put_list',
  cql: `INSERT INTO unfinished_lists (shard, bucket, commits, ids) VALUES (?, ?, ?, ?) USING TTL ?`,
  mode: 'write',
};

/** LOCAL_QUORUM, idempotent. A late one may remove a newer list, which costs the next owner a whole read. */
export const deleteList: CqlStatement = {
  name: 'delete_list',
  cql: `DELETE FROM unfinished_lists WHERE shard = ? AND bucket = ?`,
  mode: 'write',
};

export interface ListRow {
  readonly commits: number;
  /** JSON. */
  readonly ids: string;
}

/** LOCAL_QUORUM, idempotent. */
export const readList: CqlStatement<ListRow> = {
  name: 'read_list',
  cql: `SELECT commits, ids FROM unfinished_lists WHERE shard = ? AND bucket = ?`,
  mode: 'read',
};
