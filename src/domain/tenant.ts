/**
 * A tenant as administrators made it. A tenant that nobody made has no such record: where tenants need none, it is active
 * and has no quotas.
 */
import type { Range } from './setting-ranges.ts';

/**
 * - ACTIVE: everything works.
 * - PAUSED: nothing is submitted and nothing starts. What runs goes on, and everything can be read.
 * - DELETING: nothing works any more, and what the tenant has is being removed. There is no way back.
 * - DELETED: nothing is left but the name, so that nobody gets what is still kept of ended jobs by making it again.
 */
type TenantState = 'ACTIVE' | 'PAUSED' | 'DELETING' | 'DELETED';

/** Limits on what a tenant has at a time, or does in a second. Absent: no limit, and nobody counts. */
export interface TenantQuotas {
  /** Jobs that one gateway accepts in a second. */
  readonly submitsPerSecond?: number;
  /** Open streams and watches of one gateway. */
  readonly streams?: number;
  readonly queues?: number;
  readonly serviceAccounts?: number;
  /** Attempts that run at a time in the whole cluster. */
  readonly runningJobs?: number;
  /** Jobs that have not ended. */
  readonly unfinishedJobs?: number;
  /** Bytes that its jobs keep in the store and beside it, until their retention is over. */
  readonly storedBytes?: number;
}

export type TenantQuota = keyof TenantQuotas;

export interface Tenant {
  /** As `namePattern` says. */
  readonly name: string;
  readonly state: TenantState;
  readonly description: string;
  readonly quotas: TenantQuotas;
  /** Its share of the slots of a node while more waits than fits, among the weights of all tenants that wait. Default: 1. */
  readonly weight?: number;
  /** Only nodes that name the tenant in their lists take its jobs (tenant-pool.ts). Default: false. */
  readonly dedicated?: boolean;
  /** What its jobs carry is sealed, whatever the configuration says. Default: false. */
  readonly encrypted?: boolean;
  readonly createdAtMs: number;
  /** The principal that made it. */
  readonly creator: string;
  /** When it became PAUSED, DELETING or DELETED. */
  readonly stateSinceMs?: number;
  /** Why it is paused, in the words of whoever paused it. */
  readonly pauseReason?: string;
  /** How long something of a deleted tenant may still be kept. Its name is taken until then. */
  readonly nameTakenUntilMs?: number;
}

export const defaultTenantWeight = 1;

export const tenantWeightRange = { min: 1, max: 100, text: 'a whole number from 1 to 100', integer: true } as const;

/** The valid values of each quota. */
export const tenantQuotaRanges = {
  submitsPerSecond: { min: 1, max: 1_000_000, text: 'a whole number from 1 to 1,000,000', integer: true },
  streams: { min: 1, max: 1_000_000, text: 'a whole number from 1 to 1,000,000', integer: true },
  queues: { min: 1, max: 100_000, text: 'a whole number from 1 to 100,000', integer: true },
  serviceAccounts: { min: 1, max: 1_000, text: 'a whole number from 1 to 1,000', integer: true },
  runningJobs: { min: 1, max: 1_000_000, text: 'a whole number from 1 to 1,000,000', integer: true },
  unfinishedJobs: { min: 1, max: 1_000_000_000, text: 'a whole number from 1 to 1,000,000,000', integer: true },
  storedBytes: { min: 1_024, max: 2 ** 50, text: 'a whole number from 1,024 to 2^50', integer: true },
} as const satisfies Readonly<Record<TenantQuota, Range>>;

/** Every quota. Whoever lists quotas takes them from here. */
export const tenantQuotaNames = Object.keys(tenantQuotaRanges) as readonly TenantQuota[];

/** Most characters of a description, and of the reason of a pause. */
export const tenantTextMax = 256;
