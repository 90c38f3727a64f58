/** Bounds of what is declared of tenants, and which node takes whose jobs, for programs outside the cluster. */
export { tenantQuotaRanges, tenantTextMax, tenantWeightRange } from '../domain/tenant.ts';
export { takesTenant } from '../domain/tenant-pool.ts';
