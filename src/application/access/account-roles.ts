/** The roles of service accounts: which there are, and who may give them. */
import type { Permission } from '../../domain/access/permission.ts';
import type { Principal } from '../../domain/access/principal.ts';
import { bindingText, covers, parseBinding, roleOf } from '../../domain/access/role-binding.ts';
import { grantsOf, type Roles } from '../../domain/access/role.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { FieldChecks } from '../calls/field-checks.ts';

const rolesMax = 16;

export function checkRoles(checks: FieldChecks, given: readonly string[], roles: Roles): void {
  if (given.length > rolesMax) checks.add('roles', `must be at most ${rolesMax}`);
  for (const [index, text] of given.slice(0, rolesMax).entries()) {
    const binding = parseBinding(text);
    if (binding === undefined) checks.add(`roles[${index}]`, bindingText);
    else if (!roles.has(binding.role))
      checks.add(`roles[${index}]`, 'is no role: docs/reference/access.md lists the built-in ones');
  }
}

/**
 * Nobody gives more than they have. Throws PERMISSION_MISSING with the first permission that is lacking, or for a role that
 * is none here: another gateway may have another configuration, and there it may have any permission.
 */
export function ensureMayGive(principal: Principal, given: readonly string[], roles: Roles): void {
  for (const text of given) {
    if (!roles.has(roleOf(text))) {
      const message = `this gateway has no role ${text}, so nobody can give it here: change the roles of the service account`;
      throw new TroupeError('PERMISSION_MISSING', { message });
    }
    const { permissions, onlyIn } = grantsOf(roles, [text]);
    for (const permission of permissions) {
      if (hasAll(principal, permission, onlyIn.get(permission))) continue;
      const message = `the role ${text} has the permission ${permission}, which the caller lacks and so cannot give`;
      throw new TroupeError('PERMISSION_MISSING', { message, metadata: { permission } });
    }
  }
}

/** `patterns`: the queues in which the permission would be given. Undefined: in all. */
function hasAll(
  { permissions, onlyIn }: Principal,
  permission: Permission,
  patterns: readonly string[] | undefined,
): boolean {
  if (!permissions.has(permission)) return false;
  const own = onlyIn.get(permission);
  if (own === undefined) return true;
  return patterns?.every((narrow) => own.some((wide) => covers(wide, narrow))) ?? false;
}
