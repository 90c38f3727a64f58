/** Finds and changes tenants in the store. */
import { changesBetween } from '../../domain/audit/audit-entry.ts';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { namePattern } from '../../domain/queue.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import type { ActReport } from '../ports/call-context.ts';
import type { DocumentStore } from '../ports/document-store.ts';
import type { KnownTenants } from './known-tenants.ts';
import { tenantBody, tenantOf, tenantPlace } from './tenant-documents.ts';

export interface StoredTenantParts {
  readonly documents: DocumentStore;
  readonly known: Pick<KnownTenants, 'keep'>;
}

/** A tenant as the store has it now. */
export interface StoredTenant {
  readonly tenant: Tenant;
  /** Different after each change. */
  readonly etag: string;
}

/** How often a change is decided anew because somebody else changed the same tenant. */
const conflictsMax = 8;

/** Rejects with INVALID_ARGUMENT or TENANT_NOT_FOUND. */
export async function findTenant(
  { documents }: Pick<StoredTenantParts, 'documents'>,
  name: string,
): Promise<StoredTenant> {
  const checks = new FieldChecks();
  checks.pattern('name', name, namePattern);
  checks.ensureNone();
  const document = await documents.findDocument(tenantPlace(name));
  if (document === undefined) throw tenantNotFound(name);
  return { tenant: tenantOf(document), etag: document.revision };
}

/** Decides a change from what the store has, and again when somebody else was faster. Nothing is written if nothing changes. */
export async function changeTenant(
  parts: StoredTenantParts,
  { name, report }: { readonly name: string; readonly report: ActReport | undefined },
  change: (tenant: Tenant) => Tenant,
): Promise<StoredTenant> {
  for (let tries = 1; tries <= conflictsMax; tries += 1) {
    const present = await findTenant(parts, name);
    const changed = change(present.tenant);
    if (changed === present.tenant) return present;
    const written = await writeTenant(parts, changed, present.etag);
    if (written === undefined) continue;
    report?.({ changes: changesBetween(settingsOf(present.tenant), settingsOf(changed)) });
    return written;
  }
  throw tenantChanged(name);
}

/** Undefined if the tenant no longer has the etag. */
export async function writeTenant(
  { documents, known }: StoredTenantParts,
  tenant: Tenant,
  etag: string,
): Promise<StoredTenant | undefined> {
  const change = { body: tenantBody(tenant), expectedRevision: etag };
  const { outcome, document } = await documents.replaceDocument(tenantPlace(tenant.name), change);
  if (outcome === 'missing') throw tenantNotFound(tenant.name);
  if (outcome === 'conflict' || document === undefined) return undefined;
  known.keep(tenant);
  return { tenant, etag: document.revision };
}

/** What administrators set, for the audit log. */
export function settingsOf({
  state,
  description,
  quotas,
  weight,
  dedicated,
  encrypted,
  pauseReason,
}: Tenant): Readonly<Record<string, unknown>> {
  return { state, description, ...quotas, ...given({ weight, dedicated, encrypted, pauseReason }) };
}

export function tenantNotFound(tenant: string): TroupeError {
  return new TroupeError('TENANT_NOT_FOUND', { metadata: { tenant } });
}

export function tenantChanged(tenant: string): TroupeError {
  return new TroupeError('TENANT_CHANGED', { metadata: { tenant } });
}

/** Refuses to change a tenant that is going or gone. */
export function ensureStays({ name, state }: Tenant): void {
  if (state === 'DELETING') throw new TroupeError('TENANT_DELETING', { metadata: { tenant: name } });
  if (state === 'DELETED') throw tenantNotFound(name);
}
