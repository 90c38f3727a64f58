/**
 * Writes and reads the keys of jobs in bulk: all keys of one partition share a request. A request and a partition for
 * each key would cost the server three times as much as the job itself.
 */
import { types } from 'cassandra-driver';
import type { JobId } from '../../domain/job-id.ts';
import { invariant } from '../../domain/errors.ts';
import { keysPutMax, type IdempotencyEntry, type JobStore } from '../../application/ports/job-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { BatchItem, CqlClient } from './cql-client.ts';
import { forEachBounded } from './in-flight-limit.ts';
import { putKey, readKeys } from './tables/job-keys.ts';
import { ttlSeconds } from './time-to-live.ts';

/** Partitions of a shard. This is part of the schema: with another number, existing keys are not found. */
const slices = 64;
/** Requests of one call in flight at a time. */
const requestsMax = 16;
/** Keys of one query. The server looks for all of them in each of their partitions. */
const askedMax = 16;

/** FNV-1a. Any even distribution would do, but the function must never change. */
function sliceOf(keyHash: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < keyHash.length; at += 1) sum = Math.imul(sum ^ keyHash.charCodeAt(at), 0x01000193);
  return (sum >>> 0) % slices;
}

function chunksOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}

export function createKeyEntries(client: CqlClient, clock: Clock): Pick<JobStore, 'putKeys' | 'findKeys'> {
  const writeOf = (shard: number, slice: number, entry: IdempotencyEntry, nowMs: number): BatchItem => {
    const { keyHash, contentHash, expiresAtMs, rank } = entry;
    const row = [shard, slice, keyHash, types.Uuid.fromString(entry.jobId), contentHash, BigInt(expiresAtMs)];
    return { statement: putKey, params: [...row, BigInt(rank), ttlSeconds(expiresAtMs, nowMs)] };
  };
  return {
    async putKeys(shard, entries) {
      invariant(entries.length <= keysPutMax, 'at most keysPutMax entries are put at once');
      const nowMs = clock.nowMs();
      const bySlice = Map.groupBy(entries, ({ keyHash }) => sliceOf(keyHash));
      await forEachBounded([...bySlice], requestsMax, ([slice, some]) =>
        client.plainBatch(some.map((entry) => writeOf(shard, slice, entry, nowMs))),
      );
    },
    async findKeys(shard, keyHashes) {
      const found = new Map<string, IdempotencyEntry>();
      await forEachBounded(chunksOf(keyHashes, askedMax), requestsMax, async (some) => {
        const inSlices = [...new Set(some.map(sliceOf))];
        for (const row of await client.rows(readKeys, [shard, inSlices, some])) {
          const expiresAtMs = Number(row.expires_at);
          if (expiresAtMs <= clock.nowMs()) continue;
          found.set(row.key_hash, {
            keyHash: row.key_hash,
            jobId: row.job_id.toString() as JobId,
            contentHash: row.content_hash,
            expiresAtMs,
            rank: Number(row.written_at),
          });
        }
      });
      return found;
    },
  };
}
