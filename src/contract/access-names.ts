/** Permissions and built-in roles, for programs outside the cluster that configure gateways. */
export { isPermission } from '../domain/access/permission.ts';
export { bindingText, parseBinding, roleOf } from '../domain/access/role-binding.ts';
export { builtInRoles } from '../domain/access/role.ts';
