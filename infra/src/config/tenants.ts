/**
 * Tenants of an environment in the format of `troupe tenants apply` (docs/operating/tenants.md), and the gateway that receives
 * them. The bounds are Troupe's own, so that a wrong value is found before any request is sent.
 */
import { z } from 'zod';
import { declaredTenantsSchema as tenantFormat, type WrittenTenants } from '../../../src/contract/declared-tenants.ts';
import { takesTenant } from '../../../src/contract/tenant-pool.ts';
import { asWritten } from './primitives.ts';
import { queueGatewaySchema } from './queues.ts';

/** Settings that are absent get their defaults. */
export const declaredTenantsSchema = asWritten(tenantFormat);

export const tenantsSchema = z.strictObject({ gateway: queueGatewaySchema, declared: declaredTenantsSchema });

/** Whose jobs a class of workers takes: names, beginnings of names with `*`, and `*` for all that are not dedicated. */
export const poolTenants = z
  .array(z.string().regex(/^(?:[A-Za-z0-9_-]{0,63}\*|[A-Za-z0-9_-]{1,64})$/, 'a tenant, or the beginning of one and *'))
  .min(1)
  .max(100)
  .optional();

export type DeclaredTenants = WrittenTenants;

interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

type Pools = readonly { readonly tenants?: readonly string[] | undefined }[];

/** What the declared tenants need of the rest of an environment, and do not have. */
export function tenantProblems(
  declared: DeclaredTenants,
  { workers, sealed }: { readonly workers: Pools; readonly sealed: boolean },
): readonly Problem[] {
  const encrypted = Object.entries(declared).filter(([, tenant]) => tenant?.encrypted === true);
  return [
    ...withoutPool(declared, workers),
    ...(sealed ? [] : encrypted).map(([name]) => ({
      path: [name, 'encrypted'],
      message: 'needs `encryption`: without keys all of its submits are refused',
    })),
  ];
}

/** Tenants none of whose jobs would ever run. */
function withoutPool(declared: DeclaredTenants, pools: Pools): readonly Problem[] {
  const dedicated = new Set(
    Object.entries(declared).flatMap(([name, tenant]) => (tenant?.dedicated === true ? [name] : [])),
  );
  const isDedicated = (name: string): boolean => dedicated.has(name);
  return Object.keys(declared)
    .filter((name) => !pools.some(({ tenants }) => takesTenant(tenants, name, isDedicated)))
    .map((name) => ({
      path: isDedicated(name) ? [name, 'dedicated'] : [name],
      message: `no class of workers ${isDedicated(name) ? 'names' : 'takes'} the tenant in \`tenants\`, so none of its jobs would ever run`,
    }));
}
