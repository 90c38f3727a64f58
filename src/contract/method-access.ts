/** What each method of the contract asks of its caller, as the option `access` of the .proto files says. */
import type protobuf from 'protobufjs';
import { type AccessScope, isClusterPermission, isPermission, type Permission } from '../domain/access/permission.ts';
import { type AuditRule, auditRules } from '../domain/audit/audit-entry.ts';
import { loadContractRoot } from './root.ts';

/** A method that needs a permission, for things of the tenant or of the cluster; or one about the caller itself. */
export type MethodAccess = { readonly audit: AuditRule } & (
  { readonly scope: Exclude<AccessScope, 'caller'>; readonly permission: Permission } | { readonly scope: 'caller' }
);

const rulesByName = new Map<unknown, AuditRule>(auditRules.map((rule) => [`AUDIT_RULE_${rule.toUpperCase()}`, rule]));

export const serviceNames = [
  'troupe.v1.Jobs',
  'troupe.v1.Queues',
  'troupe.v1.Cluster',
  'troupe.v1.Access',
  'troupe.v1.Tenants',
  'troupe.v1.Audit',
  'troupe.v1.Events',
] as const;

/**
 * By the name of the method. Throws if a method has no option, or one that makes no sense, or the name of another: nobody
 * could guard it.
 */
export function loadMethodAccess(root: protobuf.Root = loadContractRoot()): ReadonlyMap<string, MethodAccess> {
  const methods = serviceNames.flatMap((service) => root.lookupService(service).methodsArray);
  const access = new Map<string, MethodAccess>();
  for (const method of methods) {
    if (access.has(method.name)) throw new Error(`two services have a method ${method.name}: rename one of them`);
    access.set(method.name, accessOf(method));
  }
  return access;
}

function accessOf({ name, options }: protobuf.Method): MethodAccess {
  const permission: unknown = options?.['(troupe.v1.access).permission'];
  const scope: unknown = options?.['(troupe.v1.access).scope'];
  const audit = rulesByName.get(options?.['(troupe.v1.access).audit']);
  if (audit === undefined) throw new Error(`the method ${name} needs the option access with an audit rule`);
  if (scope === 'ACCESS_SCOPE_CALLER' && permission === undefined) return { scope: 'caller', audit };
  if (typeof permission !== 'string' || !isPermission(permission)) {
    throw new Error(`the method ${name} needs the option access with a permission of src/domain/access/permission.ts`);
  }
  const wanted = isClusterPermission(permission) ? 'ACCESS_SCOPE_CLUSTER' : 'ACCESS_SCOPE_TENANT';
  if (scope !== wanted) throw new Error(`the method ${name} needs the option access with scope ${wanted}`);
  return { scope: isClusterPermission(permission) ? 'cluster' : 'tenant', permission, audit };
}
