/**
 * Which tenants' jobs a node takes. A list has names of tenants, beginnings of names with `*`, and `*` for every tenant that has no
 * nodes of its own. Only a list that has more than `*` reaches a dedicated tenant.
 */

/** The list of a node that was given none. */
export const allTenants: readonly string[] = ['*'];

export function takesTenant(
  tenants: readonly string[] = allTenants,
  tenant: string,
  isDedicated: (tenant: string) => boolean,
): boolean {
  return tenants.some((entry) => {
    if (entry === '*') return !isDedicated(tenant);
    return entry.endsWith('*') ? tenant.startsWith(entry.slice(0, -1)) : entry === tenant;
  });
}
