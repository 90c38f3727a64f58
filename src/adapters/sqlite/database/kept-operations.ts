/** What ended jobs of tenants keep, as the owner of their shard has summed it up. */
import type { DatabaseSync } from 'node:sqlite';
import type { KeptOf } from '../../../application/ports/job-store.ts';

export function createKeptOperations(file: DatabaseSync) {
  const put = file.prepare(
    `INSERT INTO kept_bytes (shard, tenant, slots, expires_at) SELECT shard, ?3, ?4, ?5 FROM shards
       WHERE shard = ?1 AND epoch = ?2
     ON CONFLICT DO UPDATE SET slots = excluded.slots, expires_at = excluded.expires_at`,
  );
  const find = file.prepare('SELECT slots FROM kept_bytes WHERE shard = ? AND tenant = ?');
  return {
    writes: {
      /** Because of the condition on the epoch, what a deposed owner saves changes no row. */
      saveKept(
        { shard, tenant }: KeptOf,
        epoch: number,
        // `slots`: JSON.
        { slots, lastMs }: { readonly slots: string; readonly lastMs: number },
      ): void {
        put.run(shard, epoch, tenant, slots, lastMs);
      },
    },
    reads: {
      findKept({ shard, tenant }: KeptOf): string | undefined {
        return (find.get(shard, tenant) as { readonly slots: string } | undefined)?.slots;
      },
    },
  };
}
