/**
 * Which component reads and modifies which table. The grants of `troupe migrate`, the table in the docs and a test on a real
 * ring are made from this declaration, and from nothing else. A table that is missing here keeps `troupe migrate` from granting
 * anything.
 *
 * - A conditional write reads too, so it needs both. MODIFY alone is for tables that are written plainly.
 * - MODIFY covers INSERT, UPDATE, DELETE and TRUNCATE: Cassandra cannot tell them apart.
 * - A process with several roles has the rights of all of them.
 */
import type { StoreComponent } from '../../domain/store-component.ts';

export type TableRight = 'SELECT' | 'MODIFY';
export const tableRights: readonly TableRight[] = ['SELECT', 'MODIFY'];

export type RightsOnTable = Readonly<Partial<Record<StoreComponent, readonly TableRight[]>>>;

const reads: readonly TableRight[] = ['SELECT'];
const writes: readonly TableRight[] = ['MODIFY'];
const both: readonly TableRight[] = ['SELECT', 'MODIFY'];
const everyNode = { gateway: reads, shards: reads, workers: reads } as const;

export const rightsByTable: ReadonlyMap<string, RightsOnTable> = new Map(
  Object.entries({
    // Every process checks the version when it starts.
    schema_migrations: everyNode,
    // The facts, and the mark of the large payloads, which the first gateway sets.
    cluster: { ...everyNode, gateway: both },
    jobs: { gateway: reads, shards: both },
    shards: { shards: both },
    shard_watermarks: { shards: both },
    open_buckets: { shards: both },
    unfinished_lists: { shards: both },
    kept_bytes: { shards: both },
    queue_buckets: { gateway: reads, shards: writes },
    queue_days: { gateway: reads, shards: writes },
    job_flags: { gateway: reads, shards: writes },
    job_keys: { gateway: reads, shards: both },
    // Of schema versions 1 to 3. Its rows expire, and nobody reads them.
    idempotency_keys: {},
    // A shard opens a queue again whose removal was left half-way.
    queues: { gateway: both, shards: both, workers: reads },
    closed_queues: { gateway: writes, shards: both },
    // Tenants, whose weights every node knows, and accounts.
    documents: { ...everyNode, gateway: both },
    payload_parts: { gateway: both, workers: both },
    audit_rows: { gateway: both, auditor: reads },
  } satisfies Record<string, RightsOnTable>),
);

export function rightsOf(component: StoreComponent, table: string): readonly TableRight[] {
  return rightsByTable.get(table)?.[component] ?? [];
}
