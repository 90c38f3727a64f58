/** Stores the keys of jobs. An expired row counts as absent. */
import { invariant } from '../../domain/errors.ts';
import { keysPutMax, type IdempotencyEntry, type JobStore } from '../../application/ports/job-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

export function createKeyEntries(database: SqliteDatabase, clock: Clock): Pick<JobStore, 'putKeys' | 'findKeys'> {
  const put = database.prepare(
    `INSERT INTO idempotency_keys (shard, key_hash, rank, job_id, content_hash, expires_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET rank = excluded.rank, job_id = excluded.job_id,
       content_hash = excluded.content_hash, expires_at = excluded.expires_at
     WHERE excluded.rank >= rank`,
  );
  const find = database.prepare(
    `SELECT key_hash AS keyHash, job_id AS jobId, content_hash AS contentHash, expires_at AS expiresAtMs, rank
     FROM idempotency_keys WHERE shard = ? AND key_hash = ? AND expires_at > ?`,
  );
  return {
    putKeys(shard, entries) {
      invariant(entries.length <= keysPutMax, 'at most keysPutMax entries are put at once');
      return database.write('put_keys', () => {
        for (const { keyHash, rank, jobId, contentHash, expiresAtMs } of entries) {
          put.run(shard, keyHash, rank, jobId, contentHash, expiresAtMs);
        }
      });
    },
    async findKeys(shard, keyHashes) {
      const nowMs = clock.nowMs();
      const rows = await database.read('find_keys', () => keyHashes.map((keyHash) => find.get(shard, keyHash, nowMs)));
      const found = rows.filter((row) => row !== undefined) as unknown as readonly IdempotencyEntry[];
      // The driver's rows have no prototype. Copy them, so that callers get plain objects.
      return new Map(found.map((row) => [row.keyHash, { ...row }]));
    },
  };
}
