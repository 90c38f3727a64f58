/** Makes, changes and pauses tenants. delete-tenant.ts deletes them. */
import { changesBetween } from '../../domain/audit/audit-entry.ts';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { namePattern } from '../../domain/queue.ts';
import {
  type Tenant,
  type TenantQuota,
  tenantQuotaRanges,
  type TenantQuotas,
  tenantTextMax,
  tenantWeightRange,
} from '../../domain/tenant.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { parseTenantPageToken, tenantPageToken } from '../calls/page-token.ts';
import { type CallContext, ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { Document } from '../ports/document-store.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock } from '../ports/runtime.ts';
import {
  changeTenant,
  ensureStays,
  findTenant,
  settingsOf,
  type StoredTenant,
  type StoredTenantParts,
  tenantChanged,
  writeTenant,
} from './stored-tenants.ts';
import { tenantBody, tenantOf, tenantPlace, tenantsScope } from './tenant-documents.ts';
import type { TenantLimits } from './tenant-limits.ts';
import type { TenantStatsReader } from './tenant-stats.ts';
import { documentPages } from '../storage/document-pages.ts';

/** What a tenant uses, by the names of its quotas. */
type TenantUse = Readonly<Record<TenantQuota, number>>;

interface TenantView extends StoredTenant {
  readonly use: TenantUse;
}

interface TenantPage {
  readonly tenants: readonly StoredTenant[];
  readonly nextPageToken: string;
}

/** Quotas of a request. Absent: it stays. 0: no limit. */
export type QuotasRequest = { readonly [Q in TenantQuota]?: number | undefined };

export interface ManageTenants {
  /** Rejects with TENANT_EXISTS, also for a deleted tenant whose name is still taken, or with LIMIT_REACHED. */
  create(context: CallContext, request: CreateTenant): Promise<StoredTenant>;
  get(context: CallContext, name: string): Promise<TenantView>;
  /** By name, ascending. `pageSize` 0 means 100; at most 1,000 are returned. */
  list(context: ReadContext, page: { readonly pageSize: number; readonly pageToken: string }): Promise<TenantPage>;
  /** Rejects with TENANT_CHANGED if the tenant no longer has the etag. */
  update(context: CallContext, request: UpdateTenant): Promise<StoredTenant>;
  pause(context: CallContext, request: { readonly name: string; readonly reason: string }): Promise<StoredTenant>;
  resume(context: CallContext, name: string): Promise<StoredTenant>;
}

interface CreateTenant {
  readonly name: string;
  readonly description: string;
  readonly quotas: QuotasRequest;
  /** Default: 1. */
  readonly weight?: number;
  /** Default: false. */
  readonly dedicated?: boolean;
  /** Default: false. */
  readonly encrypted?: boolean;
}

interface UpdateTenant {
  readonly name: string;
  readonly etag: string;
  readonly description: string | undefined;
  readonly quotas: QuotasRequest;
  /** Absent: it stays. */
  readonly weight?: number;
  /** Absent: it stays. */
  readonly dedicated?: boolean;
  /** Absent: it stays. */
  readonly encrypted?: boolean;
}

export interface ManageTenantsParts extends StoredTenantParts {
  readonly queues: Pick<QueueStore, 'listQueues'>;
  readonly limits: Pick<TenantLimits, 'useOf'>;
  readonly stats: Pick<TenantStatsReader, 'read'>;
  readonly clock: Clock;
}

const tenantsMax = 10_000;
const pageSizeMax = 1_000;
const pageSizeDefault = 100;
/** What a tenant takes in a page, about. Its true size is known once it is loaded. */
const listedTenantBytes = 1_024;
/** More than a tenant may have (`manage-accounts.ts`). */
const accountsCounted = 1_001;

/** In the names of the contract. */
const quotaFields: Readonly<Record<TenantQuota, string>> = {
  submitsPerSecond: 'submits_per_second',
  streams: 'streams',
  queues: 'queues',
  serviceAccounts: 'service_accounts',
  runningJobs: 'running_jobs',
  unfinishedJobs: 'unfinished_jobs',
  storedBytes: 'stored_bytes',
};
const quotaNames = Object.keys(quotaFields) as TenantQuota[];

export function createManageTenants(parts: ManageTenantsParts): ManageTenants {
  const { documents, clock } = parts;
  return {
    create(context, request) {
      ensureAwaited(context, clock.nowMs());
      return createTenant(parts, context, request);
    },

    async get(context, name) {
      ensureAwaited(context, clock.nowMs());
      const stored = await findTenant(parts, name);
      return { ...stored, use: await useOf(parts, name) };
    },

    async list(context, { pageSize, pageToken }) {
      ensureAwaited(context, clock.nowMs());
      const most = Math.min(pageSize === 0 ? pageSizeDefault : pageSize, pageSizeMax);
      const after = pageToken === '' ? '' : parseTenantPageToken(pageToken);
      context.reserve(most * listedTenantBytes);
      const found = await documents.listDocuments(tenantsScope, { after, most: most + 1 });
      const page = found.slice(0, most);
      const last = found.length > most ? page.at(-1) : undefined;
      return {
        tenants: page.map((document) => ({ tenant: tenantOf(document), etag: document.revision })),
        nextPageToken: last === undefined ? '' : tenantPageToken(last.name),
      };
    },

    update(context, request) {
      ensureAwaited(context, clock.nowMs());
      return updateTenant(parts, context, request);
    },

    pause(context, { name, reason }) {
      ensureAwaited(context, clock.nowMs());
      const checks = new FieldChecks();
      checks.length('reason', reason, tenantTextMax);
      checks.ensureNone();
      return changeTenant(parts, { name, report: context.report }, (tenant) => {
        ensureStays(tenant);
        if (tenant.state === 'PAUSED' && tenant.pauseReason === reason) return tenant;
        return { ...tenant, state: 'PAUSED', stateSinceMs: clock.wallMs(), pauseReason: reason };
      });
    },

    resume(context, name) {
      ensureAwaited(context, clock.nowMs());
      return changeTenant(parts, { name, report: context.report }, (tenant) => {
        ensureStays(tenant);
        if (tenant.state === 'ACTIVE') return tenant;
        const { pauseReason: _, ...rest } = tenant;
        return { ...rest, state: 'ACTIVE', stateSinceMs: clock.wallMs() };
      });
    },
  };
}

async function createTenant(
  parts: ManageTenantsParts,
  { principal, report }: CallContext,
  { name, description, quotas, weight, dedicated, encrypted }: CreateTenant,
): Promise<StoredTenant> {
  const { documents, known, clock } = parts;
  const checks = new FieldChecks();
  checks.pattern('name', name, namePattern);
  checks.length('description', description, tenantTextMax);
  checkQuotas(checks, quotas);
  checks.range('weight', weight, tenantWeightRange);
  checks.ensureNone();
  await ensureRoom(parts);
  const tenant: Tenant = {
    name,
    state: 'ACTIVE',
    description,
    quotas: mergeQuotas({}, quotas),
    ...given({ weight, dedicated, encrypted }),
    createdAtMs: clock.wallMs(),
    creator: principal.id,
  };
  const { outcome, document } = await documents.createDocument(tenantPlace(name), tenantBody(tenant));
  if (outcome === 'created') {
    report?.({ changes: changesBetween(undefined, settingsOf(tenant)) });
    known.keep(tenant);
    return { tenant, etag: document.revision };
  }
  const present = tenantOf(document);
  if (present.state !== 'DELETED') throw new TroupeError('TENANT_EXISTS', { metadata: { tenant: name } });
  const { nameTakenUntilMs = Infinity } = present;
  if (clock.wallMs() < nameTakenUntilMs) throw nameTaken(name, nameTakenUntilMs);
  const written = await writeTenant(parts, tenant, document.revision);
  if (written === undefined) throw tenantChanged(name);
  report?.({ changes: changesBetween(undefined, settingsOf(tenant)) });
  return written;
}

async function updateTenant(
  parts: ManageTenantsParts,
  { report }: CallContext,
  { name, etag, description, quotas, weight, dedicated, encrypted }: UpdateTenant,
): Promise<StoredTenant> {
  const checks = new FieldChecks();
  if (description !== undefined) checks.length('description', description, tenantTextMax);
  if (etag === '') checks.add('etag', 'is required');
  checkQuotas(checks, quotas);
  checks.range('weight', weight, tenantWeightRange);
  checks.ensureNone();
  const present = await findTenant(parts, name);
  ensureStays(present.tenant);
  // The rest of the tenant is written as it was read, so it has to be what the etag stands for.
  if (present.etag !== etag) throw tenantChanged(name);
  const merged = mergeQuotas(present.tenant.quotas, quotas);
  const changed = { ...present.tenant, ...given({ description, weight, dedicated, encrypted }), quotas: merged };
  const written = await writeTenant(parts, changed, etag);
  if (written === undefined) throw tenantChanged(name);
  report?.({ changes: changesBetween(settingsOf(present.tenant), settingsOf(written.tenant)) });
  return written;
}

/** Nothing of a deleted tenant can be in the store any more. */
function isNameFree({ state, nameTakenUntilMs = Infinity }: Tenant, nowMs: number): boolean {
  return state === 'DELETED' && nowMs >= nameTakenUntilMs;
}

function nameTaken(tenant: string, untilMs: number): TroupeError {
  const until = Number.isFinite(untilMs) ? new Date(untilMs).toISOString() : 'it is forgotten';
  const message = `the tenant ${tenant} was deleted, and its ended jobs may be kept until ${until}: take another name`;
  return new TroupeError('TENANT_EXISTS', { message, metadata: { tenant } });
}

function checkQuotas(checks: FieldChecks, quotas: QuotasRequest): void {
  for (const quota of quotaNames) checks.limit(`quotas.${quotaFields[quota]}`, quotas[quota], tenantQuotaRanges[quota]);
}

/** A quota that only later versions know stays, because their processes hold to it. */
function mergeQuotas(present: TenantQuotas, request: QuotasRequest): TenantQuotas {
  const merged = (quota: TenantQuota): number | undefined => (request[quota] ?? present[quota]) || undefined;
  return given({ ...present, ...Object.fromEntries(quotaNames.map((quota) => [quota, merged(quota)])) });
}

async function useOf({ documents, queues, limits, stats }: ManageTenantsParts, tenant: string): Promise<TenantUse> {
  const page = { after: '', most: accountsCounted };
  const accounts = await documents.listDocuments({ collection: 'service-accounts', scope: tenant }, page);
  const own = await queues.listQueues(tenant);
  const { running, unfinished, storedBytes = 0 } = (await stats.read(tenant)).stats;
  const jobs = { runningJobs: running, unfinishedJobs: unfinished, storedBytes };
  return { ...limits.useOf(tenant), queues: own.length, serviceAccounts: accounts.length, ...jobs };
}

/**
 * Two creations at the same time may pass together. Deleted tenants count. If there is no room otherwise, those whose names
 * are free again are removed.
 */
async function ensureRoom({ documents, clock }: ManageTenantsParts): Promise<void> {
  let count = 0;
  const forgotten: Document[] = [];
  for await (const page of documentPages(documents, tenantsScope)) {
    count += page.length;
    forgotten.push(...page.filter((document) => isNameFree(tenantOf(document), clock.wallMs())));
  }
  if (count < tenantsMax) return;
  // If somebody makes one of them anew just now, it stays.
  for (const { name, revision } of forgotten)
    if ((await documents.removeDocument(tenantPlace(name), { expectedRevision: revision })) !== 'conflict') count -= 1;
  if (count < tenantsMax) return;
  const message = `there are ${tenantsMax} tenants, which is the limit`;
  const metadata = { quota: 'tenants', limit: String(tenantsMax), used: String(count) };
  throw new TroupeError('LIMIT_REACHED', { message, metadata });
}
