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
    state: z.enum(['active', 'paused']).optional(),
    pauseReason: text.optional(),
  })
  .refine(({ state, pauseReason }) => state === 'paused' || pauseReason === undefined, {
    path: ['pauseReason'],
    error: 'needs state paused',
  });

export const declaredTenantsSchema = z
  .record(z.string().regex(namePattern, 'a tenant: letters, digits, _ and -'), tenantSchema)
  .refine((tenants) => Object.keys(tenants).length <= 1_000, 'at most 1,000 tenants');

export const tenantsSchema = z.strictObject({ gateway: queueGatewaySchema, declared: declaredTenantsSchema });

/** Whose jobs a class of workers takes: names, beginnings of names with `*`, and `*` for all that are not dedicated. */
export const poolTenants = z
  .array(z.string().regex(/^(?:[A-Za-z0-9_-]{0,63}\*|[A-Za-z0-9_-]{1,64})$/, 'a tenant, or the beginning of one and *'))
  .min(1)
  .max(100)
  .optional();

export type DeclaredTenants = z.infer<typeof declaredTenantsSchema>;

/** Dedicated tenants that no class of workers names: none of their jobs would ever run. */
export function withoutPool(
  declared: DeclaredTenants,
  pools: readonly { readonly tenants?: readonly string[] | undefined }[],
): readonly string[] {
  const isDedicated = (name: string): boolean => Object.hasOwn(declared, name) && declared[name]?.dedicated === true;
  return Object.keys(declared).filter(
    (name) => isDedicated(name) && !pools.some(({ tenants }) => takesTenant(tenants, name, isDedicated)),
  );
}
