/** Parts for tests of what is not about tenants: every tenant is served, and has no quotas. */
import { noTenantStats } from '../../src/domain/tenant-stats.ts';
import type { TenantStatsReader } from '../../src/application/tenants/tenant-stats.ts';
import type { TenantLimits } from '../../src/application/tenants/tenant-limits.ts';
import type { SubmitRoom } from '../../src/application/tenants/submit-room.ts';
import type { TenantRoom } from '../../src/application/tenants/tenant-room.ts';
import type { TenantCheck } from '../../src/gateway/access/tenant-check.ts';

export const roomForAll: TenantRoom = { within: (_, make) => make() };

export const roomForJobs: SubmitRoom = { enter: () => ({ leave: () => undefined }) };

export const noLimits: TenantLimits = {
  ensureMaySubmit: () => undefined,
  refusalOf: () => undefined,
  takeSubmit: () => undefined,
  openStream: () => () => undefined,
  useOf: () => ({ submitsPerSecond: 0, streams: 0 }),
};

export const openCheck: TenantCheck = { admit: () => undefined };

export const noJobs: Pick<TenantStatsReader, 'read'> = {
  read: () => Promise.resolve({ stats: noTenantStats, shards: 1, silent: 0, askedAtMs: 0, ask: 1 }),
};
