/** Tenants in the store: one document each, all in one scope, since they are listed together. */
import { invariant } from '../../domain/errors.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { Document, DocumentPlace } from '../ports/document-store.ts';

/** The format of the bodies. */
const version = 1;

export const tenantsScope = { collection: 'tenants', scope: 'cluster' } as const satisfies Omit<DocumentPlace, 'name'>;

export function tenantPlace(name: string): DocumentPlace {
  return { ...tenantsScope, name };
}

export function tenantBody({ name: _, ...tenant }: Tenant): string {
  return JSON.stringify({ version, ...tenant });
}

export function tenantOf({ name, body }: Document): Tenant {
  const { version: found, ...tenant } = JSON.parse(body) as Omit<Tenant, 'name'> & { readonly version: number };
  invariant(found === version, `a later version of Troupe wrote this document (${found})`);
  return { ...tenant, name };
}
