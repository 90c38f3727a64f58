/** What the jobs of a tenant add up to, in a shard or in several. */
export interface TenantStats {
  /** RUNNING and CANCELLING jobs. */
  readonly running: number;
  /** Jobs that have not ended, those that run as well. */
  readonly unfinished: number;
}

export const noTenantStats: TenantStats = { running: 0, unfinished: 0 };

export function addTenantStats(one: TenantStats, other: TenantStats): TenantStats {
  return { running: one.running + other.running, unfinished: one.unfinished + other.unfinished };
}
