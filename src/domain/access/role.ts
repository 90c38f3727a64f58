/** Roles: names for lists of permissions. The built-in ones can be complemented, and not redefined. */
import { type Permission, permissions } from './permission.ts';

const viewer = ['jobs.read', 'queues.read'] as const;
const payloadViewer = [...viewer, 'payloads.read', 'logs.read'] as const;
const submitter = [...viewer, 'jobs.submit'] as const;

export const builtInRoles = {
  viewer,
  'payload-viewer': payloadViewer,
  submitter,
  operator: [...payloadViewer, 'jobs.submit', 'jobs.manage', 'queues.manage'],
  'tenant-admin': [
    ...payloadViewer,
    'jobs.submit',
    'jobs.manage',
    'jobs.delete',
    'queues.manage',
    'tenant.read',
    'tenant.manage',
  ],
  'cluster-viewer': ['cluster.read'],
  'cluster-operator': ['cluster.read', 'cluster.operate'],
} as const satisfies Readonly<Record<string, readonly Permission[]>>;

/** The permissions of each role, by its name. */
export type Roles = ReadonlyMap<string, readonly Permission[]>;

/** The built-in roles and those of the configuration. The latter have other names. */
export function rolesWith(custom: Readonly<Record<string, readonly Permission[]>>): Roles {
  return new Map<string, readonly Permission[]>([...Object.entries(builtInRoles), ...Object.entries(custom)]);
}

/** All permissions of some roles, in the order of the registry. A name that is no role has none. */
export function permissionsOf(roles: Roles, names: readonly string[]): ReadonlySet<Permission> {
  const held = new Set(names.flatMap((name) => roles.get(name) ?? []));
  return new Set((Object.keys(permissions) as Permission[]).filter((permission) => held.has(permission)));
}
