/**
 * Tenants of an environment in the format of `troupe tenants apply` (docs/operating/tenants.md), and the gateway that receives
 * them. The bounds are Troupe's own, so that a wrong value is found before any request is sent.
 */
import { z } from 'zod';
import { isInRange, namePattern, type Range } from '../../../src/contract/queue-bounds.ts';
import {
  takesTenant,
  tenantQuotaRanges,
  tenantTextMax,
  tenantWeightRange,
} from '../../../src/contract/tenant-bounds.ts';
import { namedRecord } from './primitives.ts';
import { queueGatewaySchema } from './queues.ts';

const number = (range: Range) =>
  z.number().refine((value) => isInRange(value, range), { message: `must be ${range.text}` });
const text = z.string().max(tenantTextMax);

/** Every quota there is, by Troupe's own list. */
const quotas = z.strictObject(
  Object.fromEntries(Object.entries(tenantQuotaRanges).map(([quota, range]) => [quota, number(range).optional()])),
);

/** Settings that are absent get their defaults. */
const tenantSchema = z
  .strictObject({
    description: text.optional(),
    quotas: quotas.optional(),
    weight: number(tenantWeightRange).optional(),
    dedicated: z.boolean().optional(),
    encrypted: z.boolean().optional(),
    state: z.enum(['active', 'paused']).optional(),
    pauseReason: text.optional(),
  })
  .refine(({ state, pauseReason }) => state === 'paused' || pauseReason === undefined, {
    path: ['pauseReason'],
    error: 'needs state paused',
  });

export const declaredTenantsSchema = namedRecord(
  z.string().regex(namePattern, 'a tenant: letters, digits, _ and -'),
  tenantSchema,
).refine((tenants) => Object.keys(tenants).length <= 1_000, 'at most 1,000 tenants');

export const tenantsSchema = z.strictObject({ gateway: queueGatewaySchema, declared: declaredTenantsSchema });

/** Whose jobs a class of workers takes: names, beginnings of names with `*`, and `*` for all that are not dedicated. */
export const poolTenants = z
  .array(z.string().regex(/^(?:[A-Za-z0-9_-]{0,63}\*|[A-Za-z0-9_-]{1,64})$/, 'a tenant, or the beginning of one and *'))
  .min(1)
  .max(100)
  .optional();

export type DeclaredTenants = z.infer<typeof declaredTenantsSchema>;

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
  const encrypted = Object.entries(declared).filter(([, tenant]) => tenant.encrypted === true);
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
    Object.entries(declared).flatMap(([name, tenant]) => (tenant.dedicated === true ? [name] : [])),
  );
  const isDedicated = (name: string): boolean => dedicated.has(name);
  return Object.keys(declared)
    .filter((name) => !pools.some(({ tenants }) => takesTenant(tenants, name, isDedicated)))
    .map((name) => ({
      path: isDedicated(name) ? [name, 'dedicated'] : [name],
      message: `no class of workers ${isDedicated(name) ? 'names' : 'takes'} the tenant in \`tenants\`, so none of its jobs would ever run`,
    }));
}
