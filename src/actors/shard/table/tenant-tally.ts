/** What the live jobs of a tenant in this shard add up to. Whoever moves a job changes it, so it is never counted. */
export interface TenantTally {
  /** RUNNING and CANCELLING jobs. */
  running: number;
  /** Jobs that have not ended. */
  unfinished: number;
  /** Jobs with a WORK message out that may start at any moment. */
  sent: number;
  /** What jobs that have not ended, or whose end is not durable yet, keep in the store and beside it. */
  storedBytes: number;
  /** Estimated heap of its live jobs, warm and cold. */
  heapBytes: number;
}

export function newTenantTally(): TenantTally {
  return { running: 0, unfinished: 0, sent: 0, storedBytes: 0, heapBytes: 0 };
}
