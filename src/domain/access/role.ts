/** Roles: names for lists of permissions. The built-in ones can be complemented, and not redefined. */
import { isQueuePermission, type Permission, permissions } from './permission.ts';
import { parseBinding, wider } from './role-binding.ts';

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
    'events.follow',
    'events.manage',
    'audit.read',
  ],
  'cluster-viewer': ['cluster.read'],
  follower: ['events.follow'],
  auditor: [...viewer, 'audit.read'],
  'cluster-operator': ['cluster.read', 'cluster.operate', 'cluster.audit'],
  'cluster-admin': ['cluster.read', 'cluster.operate', 'cluster.audit', 'cluster.admin'],
} as const satisfies Readonly<Record<string, readonly Permission[]>>;

/** The permissions of each role, by its name. */
export type Roles = ReadonlyMap<string, readonly Permission[]>;

/** The built-in roles and those of the configuration. The latter have other names. */
export function rolesWith(custom: Readonly<Record<string, readonly Permission[]>>): Roles {
  return new Map<string, readonly Permission[]>([...Object.entries(builtInRoles), ...Object.entries(custom)]);
}

/** What a caller is allowed to do, and where. */
export interface Grants {
  /** All permissions that are held somewhere, in the order of the registry. */
  readonly permissions: ReadonlySet<Permission>;
  /** Patterns of queues, for permissions that are held for these queues only. */
  readonly onlyIn: ReadonlyMap<Permission, readonly string[]>;
}

/** Without those that another one covers. */
function widest(patterns: ReadonlySet<string>): readonly string[] {
  return [...patterns].filter((one) => !wider(one).some((other) => patterns.has(other)));
}

/** The pattern that every name fits: as good as none for what is about queues. */
const everyQueue = '*';

/**
 * What some bindings allow together. A binding for some queues gives nothing that is not about queues. A text that names no
 * role gives nothing.
 */
export function grantsOf(roles: Roles, bindings: readonly string[]): Grants {
  const everywhere = new Set<Permission>();
  const scoped = new Map<Permission, Set<string>>();
  for (const text of bindings) {
    const binding = parseBinding(text);
    if (binding === undefined) continue;
    const { role, queues } = binding;
    for (const permission of roles.get(role) ?? []) {
      if (queues === undefined) everywhere.add(permission);
      else if (!isQueuePermission(permission)) continue;
      else if (queues === everyQueue) everywhere.add(permission);
      else scoped.set(permission, (scoped.get(permission) ?? new Set()).add(queues));
    }
  }
  for (const permission of everywhere) scoped.delete(permission);
  const all = Object.keys(permissions) as Permission[];
  return {
    permissions: new Set(all.filter((permission) => everywhere.has(permission) || scoped.has(permission))),
    onlyIn: new Map([...scoped].map(([permission, patterns]) => [permission, widest(patterns)])),
  };
}
