/** Which node takes whose jobs, for programs outside the cluster. */
export { takesTenant } from '../domain/tenant-pool.ts';
