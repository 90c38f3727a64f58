/** What the jobs of a tenant add up to, in a shard or in several. */
export interface TenantStats {
  /** RUNNING and CANCELLING jobs. */
  readonly running: number;
  /** Jobs that have not ended, those that run as well. */
  readonly unfinished: number;
  /** What its jobs keep in the store and beside it. Absent: from a shard of an earlier version, which does not know. */
  readonly storedBytes?: number;
}

export const noTenantStats: TenantStats = { running: 0, unfinished: 0, storedBytes: 0 };

export function addTenantStats(one: TenantStats, other: TenantStats): TenantStats {
  return {
    running: one.running + other.running,
    unfinished: one.unfinished + other.unfinished,
    storedBytes: (one.storedBytes ?? 0) + (other.storedBytes ?? 0),
  };
}
