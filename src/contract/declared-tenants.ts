/** The format of tenants that are declared, in a file or in an environment: `{ NAME: settings }`. Unknown keys are refused. */
import { z } from 'zod';
import { namePattern } from '../domain/queue.ts';
import { isInRange, type Range } from '../domain/setting-ranges.ts';
import { tenantQuotaRanges, tenantTextMax, tenantWeightRange } from '../domain/tenant.ts';
import { wordRecord } from './word-record.ts';

const tenantsMax = 1_000;

const numberIn = (range: Range) =>
  z.custom<number>((value) => typeof value === 'number' && isInRange(value, range), `must be ${range.text}`);
const text = z.string().max(tenantTextMax, `must have at most ${tenantTextMax} characters`);

/** Every quota there is, by the declaration of the tenant. */
const quotas = z.strictObject(
  Object.fromEntries(Object.entries(tenantQuotaRanges).map(([quota, range]) => [quota, numberIn(range).optional()])),
);

const settings = z
  .strictObject({
    description: text.optional(),
    quotas: quotas.optional(),
    weight: numberIn(tenantWeightRange).optional(),
    dedicated: z.boolean().optional(),
    encrypted: z.boolean().optional(),
    state: z.enum(['active', 'paused']).optional(),
    pauseReason: text.optional(),
  })
  .refine(({ state, pauseReason }) => state === 'paused' || pauseReason === undefined, {
    path: ['pauseReason'],
    error: 'needs state paused',
  });

/** `NAME:` without a value declares a tenant with defaults only. */
const tenant = settings.nullish().transform((read) => read ?? {});

export const declaredTenantsSchema = wordRecord(
  z.string().regex(namePattern, 'must be 1 to 64 of A-Z a-z 0-9 _ -'),
  tenant,
).refine((tenants) => Object.keys(tenants).length <= tenantsMax, `must be at most ${tenantsMax} tenants`);

/** As it is written. */
export type WrittenTenants = z.input<typeof declaredTenantsSchema>;
