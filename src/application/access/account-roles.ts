/** The roles of service accounts: which there are, and who may give them. */
import type { Principal } from '../../domain/access/principal.ts';
import { permissionsOf, type Roles } from '../../domain/access/role.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { FieldChecks } from '../calls/field-checks.ts';

const rolesMax = 16;

export function checkRoles(checks: FieldChecks, names: readonly string[], roles: Roles): void {
  if (names.length > rolesMax) checks.add('roles', `must be at most ${rolesMax}`);
  for (const [index, name] of names.slice(0, rolesMax).entries()) {
    if (!roles.has(name)) checks.add(`roles[${index}]`, 'is no role: docs/reference/access.md lists the built-in ones');
  }
}

/**
 * Nobody gives more than they have. Throws PERMISSION_MISSING with the first permission that is lacking, or for a role that
 * is none here: another gateway may have another configuration, and there it may have any permission.
 */
export function ensureMayGive(principal: Principal, names: readonly string[], roles: Roles): void {
  for (const name of names) {
    if (!roles.has(name)) {
      const message = `this gateway has no role ${name}, so nobody can give it here: change the roles of the service account`;
      throw new TroupeError('PERMISSION_MISSING', { message });
    }
    for (const permission of permissionsOf(roles, [name])) {
      if (principal.permissions.has(permission)) continue;
      const message = `the role ${name} has the permission ${permission}, which the caller lacks and so cannot give`;
      throw new TroupeError('PERMISSION_MISSING', { message, metadata: { permission } });
    }
  }
}
