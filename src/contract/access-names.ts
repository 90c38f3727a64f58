/** Permissions and built-in roles, for programs outside the cluster that configure gateways. */
export { isIdentity } from '../domain/access/client-certificate.ts';
export { isPermission } from '../domain/access/permission.ts';
export { bindingText, parseBinding, roleOf } from '../domain/access/role-binding.ts';
export { builtInRoles } from '../domain/access/role.ts';
