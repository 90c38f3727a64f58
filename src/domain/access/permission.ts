/** What a caller can be allowed to do. The options of the contract's methods name these permissions. */

export const permissions = {
  'jobs.submit': 'submit jobs',
  'jobs.read': 'see jobs, without their payloads and without the texts that handlers write',
  'jobs.manage': 'cancel, retry, redrive and reschedule jobs',
  'jobs.delete': 'erase the payloads of ended jobs',
  'payloads.read': 'read inputs, outputs, failure texts and progress notes',
  'logs.read': 'read the logs of jobs',
  'queues.read': 'see queues, their settings and figures',
  'queues.manage': 'create, change and delete queues',
  'tenant.read': 'see the quotas of the tenant, its service accounts and their API keys',
  'tenant.manage': 'create, change and delete service accounts, and make and revoke their API keys',
  'events.follow': 'see event subscriptions, and read their events on NATS',
  'events.manage': 'create and delete event subscriptions',
  'audit.read': 'read the audit log of the tenant',
  'cluster.read': 'see nodes, shards, actors and dead letters',
  'cluster.operate': 'drain nodes, stop and resume queues, and profile running jobs',
  'cluster.admin': 'create, change, pause and delete tenants, and see all of them',
  'cluster.audit': 'read the audit log of the cluster',
} as const satisfies Readonly<Record<string, string>>;

export type Permission = keyof typeof permissions;

/** Whose things a method is about: see AccessScope of the contract. */
export type AccessScope = 'tenant' | 'cluster' | 'caller';

export function isPermission(text: string): text is Permission {
  return Object.hasOwn(permissions, text);
}

/** Permissions about queues and their jobs. They can be held for some queues only. */
export function isQueuePermission(permission: Permission): boolean {
  return !['cluster.', 'tenant.', 'events.', 'audit.'].some((about) => permission.startsWith(about));
}

/** Permissions about the cluster, which belongs to no tenant. */
export function isClusterPermission(permission: Permission): boolean {
  return permission.startsWith('cluster.');
}
