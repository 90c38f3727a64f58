/** Keys of jobs: every client finds what was stored, also in bulk. Of two jobs of a key the later one counts. */
import { describe, expect, it } from 'vitest';
import { keysPutMax } from '../../src/application/ports/job-store.ts';
import { bucketAgo, freshShard, keyEntry, recordIn, recordsIn, type StoreUnderTest } from '../support/stores.ts';

export function describeKeys(use: () => StoreUnderTest): void {
  describe('keys', () => {
    it('are found as soon as they are put, each with its own job, and those that nobody has are left out', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const entries = recordsIn({ shard, bucket: bucketAgo(0) }, keysPutMax).map((record) => keyEntry(record));
      await first.jobs.putKeys(shard, entries);
      const asked = entries.flatMap(({ keyHash }) => [keyHash, `${keyHash}.other`]);
      const found = await second.jobs.findKeys(shard, asked);
      expect(found).toEqual(new Map(entries.map((entry) => [entry.keyHash, entry])));
      expect(await second.jobs.findKeys(freshShard(), asked)).toEqual(new Map());
      expect(await second.jobs.findKeys(shard, [])).toEqual(new Map());
    });

    it('are the later job’s, whoever puts them, in whatever order and however often', async () => {
      const { first, second } = use();
      const shard = freshShard();
      const record = recordIn({ shard, bucket: bucketAgo(1) });
      const keyHash = 'k'.repeat(64);
      const former = keyEntry(record, { keyHash });
      const next = recordIn({ shard, bucket: bucketAgo(0) });
      const later = keyEntry(next, { keyHash, rank: former.rank + 1 });
      for (const [store, entry, counts] of [
        [first, former, former],
        [second, later, later],
        [first, former, later],
        [second, former, later],
        [first, later, later],
      ] as const) {
        await store.jobs.putKeys(shard, [entry]);
        expect((await second.jobs.findKeys(shard, [keyHash])).get(keyHash)).toEqual(counts);
      }
    });

    it('are none, or too many, at once: done, and refused before any is put', async () => {
      const { first } = use();
      const shard = freshShard();
      const entries = recordsIn({ shard, bucket: bucketAgo(0) }, keysPutMax + 1).map((record) => keyEntry(record));
      await first.jobs.putKeys(shard, []);
      await expect(async () => first.jobs.putKeys(shard, entries)).rejects.toThrow(/invariant broken/);
      expect(await first.jobs.findKeys(shard, [entries[0]?.keyHash ?? ''])).toEqual(new Map());
    });
  });
}
