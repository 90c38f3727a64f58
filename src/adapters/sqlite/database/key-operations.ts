/**
 * Stores the keys of jobs. An expired row counts as absent. A recovery puts many keys that are there already: those write
 * nothing.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { IdempotencyEntry } from '../../../application/ports/job-store.ts';

export function createKeyOperations(file: DatabaseSync) {
  const put = file.prepare(
    `INSERT INTO idempotency_keys (shard, key_hash, rank, job_id, content_hash, expires_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET rank = excluded.rank, job_id = excluded.job_id,
       content_hash = excluded.content_hash, expires_at = excluded.expires_at
     WHERE excluded.rank > rank OR (excluded.rank = rank AND (excluded.job_id, excluded.content_hash, excluded.expires_at)
       IS NOT (job_id, content_hash, expires_at))`,
  );
  const find = file.prepare(
    `SELECT key_hash AS keyHash, job_id AS jobId, content_hash AS contentHash, expires_at AS expiresAtMs, rank
     FROM idempotency_keys WHERE shard = ? AND key_hash = ? AND expires_at > ?`,
  );
  return {
    writes: {
      putKeys(shard: number, entries: readonly IdempotencyEntry[]): void {
        for (const { keyHash, rank, jobId, contentHash, expiresAtMs } of entries) {
          put.run(shard, keyHash, rank, jobId, contentHash, expiresAtMs);
        }
      },
    },
    reads: {
      findKeys(shard: number, keyHashes: readonly string[], nowMs: number): readonly IdempotencyEntry[] {
        const rows = keyHashes.map((keyHash) => find.get(shard, keyHash, nowMs)).filter((row) => row !== undefined);
        // The driver's rows have no prototype. Copy them, so that callers get plain objects.
        return (rows as unknown as readonly IdempotencyEntry[]).map((row) => ({ ...row }));
      },
    },
  };
}
