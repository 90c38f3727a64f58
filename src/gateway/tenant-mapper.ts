/** Maps tenants and their deletion between the application and the contract. */
import type { DeletionStep } from '../application/cluster/delete-tenant.ts';
import type { QuotasRequest } from '../application/tenants/manage-tenants.ts';
import type { StoredTenant } from '../application/tenants/stored-tenants.ts';
import type { Init } from '../contract/codec.ts';
import { deletionPhaseCodes, tenantStateCodes } from '../contract/codes.ts';
import { presentNumber } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { toOptionalTime, toTime } from '../contract/time.ts';
import { defaultTenantWeight } from '../domain/tenant.ts';

export function toTenant({ tenant, etag }: StoredTenant): Init<wire.Tenant> {
  return {
    name: tenant.name,
    state: tenantStateCodes[tenant.state],
    description: tenant.description,
    quotas: tenant.quotas,
    etag,
    createTime: toTime(tenant.createdAtMs),
    creator: tenant.creator,
    stateTime: toOptionalTime(tenant.stateSinceMs),
    pauseReason: tenant.pauseReason ?? '',
    nameFreeTime: toOptionalTime(tenant.nameTakenUntilMs),
    weight: tenant.weight ?? defaultTenantWeight,
    dedicated: tenant.dedicated ?? false,
    encrypted: tenant.encrypted ?? false,
  };
}

export function fromQuotas(quotas: wire.TenantQuotas | null): QuotasRequest {
  return {
    submitsPerSecond: quotas?.submitsPerSecond ?? undefined,
    streams: quotas?.streams ?? undefined,
    queues: quotas?.queues ?? undefined,
    serviceAccounts: quotas?.serviceAccounts ?? undefined,
    runningJobs: quotas?.runningJobs ?? undefined,
    unfinishedJobs: quotas?.unfinishedJobs ?? undefined,
    storedBytes: presentNumber(quotas, 'storedBytes'),
  };
}

export function toDeletionStep({ phase, ...step }: DeletionStep): Init<wire.DeleteTenantResponse> {
  return { ...step, phase: deletionPhaseCodes[phase] };
}
