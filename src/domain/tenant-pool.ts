/**
 * Which tenants' jobs a node takes. A list has names of tenants, beginnings of names with `*`, and `*` for every tenant that has no
 * nodes of its own. Only a list that has more than `*` reaches a dedicated tenant.
 */
import { fitsPattern } from './name-pattern.ts';

/** The list of a node that was given none. */
export const allTenants: readonly string[] = ['*'];

export function takesTenant(
  tenants: readonly string[] = allTenants,
  tenant: string,
  isDedicated: (tenant: string) => boolean,
): boolean {
  return tenants.some((entry) => (entry === '*' ? !isDedicated(tenant) : fitsPattern(tenant, entry)));
}
