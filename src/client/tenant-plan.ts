/**
 * Compares declared tenants with existing ones, and plans the changes that make them equal. Pure. As with queues, a declaration
 * is complete: what it does not name has its default, so a change that was made by hand differs from it.
 */
import { defaultTenantWeight, tenantQuotaNames } from '../domain/tenant.ts';
import { given } from '../domain/given.ts';
import type { SettingChange, SettingValue } from './queue-plan.ts';
import type { TenantChange, TenantInfo } from './tenants-client.ts';

/** A tenant as declared. What is absent has its default. */
export interface DeclaredTenant extends TenantChange {
  /** Default: active. */
  readonly state?: 'active' | 'paused';
  /** Why it is paused. Default: no reason. Only with the state `paused`. */
  readonly pauseReason?: string;
}

/** Declared tenants by name. */
export type DeclaredTenants = ReadonlyMap<string, DeclaredTenant>;

/**
 * What to do with a tenant. `undeclared`: it exists but is not declared. `deleting`: it is declared, and on its way out, so it cannot
 * be changed.
 */
export type TenantPlan =
  | { readonly kind: 'create'; readonly name: string; readonly changes: readonly SettingChange[] }
  | {
      readonly kind: 'update';
      readonly name: string;
      readonly etag: string;
      readonly changes: readonly SettingChange[];
    }
  | { readonly kind: 'unchanged' | 'undeclared' | 'deleting'; readonly name: string };

/** Plans in the order of the names. Only the name is left of a deleted tenant, so it counts as none. */
export function planTenants(declared: DeclaredTenants, present: Iterable<TenantInfo>): readonly TenantPlan[] {
  const byName = new Map<string, TenantInfo>();
  for (const tenant of present) if (tenant.state !== 'DELETED') byName.set(tenant.name, tenant);
  const plans = [...declared].map(([name, wanted]) => planTenant(name, wanted, byName.get(name)));
  const others = [...byName.values()].filter(({ name, state }) => !declared.has(name) && state !== 'DELETING');
  const undeclared = others.map(({ name }): TenantPlan => ({ kind: 'undeclared', name }));
  return [...plans, ...undeclared].sort((one, other) => (one.name < other.name ? -1 : 1));
}

export function planTenant(name: string, wanted: DeclaredTenant, present: TenantInfo | undefined): TenantPlan {
  if (present === undefined || present.state === 'DELETED') {
    return { kind: 'create', name, changes: changesBetween(factsOf({}), factsOf(wanted)) };
  }
  if (present.state === 'DELETING') return { kind: 'deleting', name };
  const changes = changesBetween(factsOfPresent(present), factsOf(wanted));
  return changes.length === 0 ? { kind: 'unchanged', name } : { kind: 'update', name, etag: present.etag, changes };
}

function changesBetween(
  before: ReadonlyMap<string, SettingValue>,
  after: ReadonlyMap<string, SettingValue>,
): readonly SettingChange[] {
  return [...after].flatMap(([setting, to]) => {
    const from = before.get(setting) ?? null;
    return from === to ? [] : [{ setting, from, to }];
  });
}

/** Every setting with its effective value. */
function factsOf(tenant: DeclaredTenant): ReadonlyMap<string, SettingValue> {
  const { description, quotas = {}, weight, dedicated, encrypted, state = 'active', pauseReason } = tenant;
  return new Map<string, SettingValue>([
    ['description', description || null],
    ...tenantQuotaNames.map((quota) => [`quotas.${quota}`, quotas[quota] ?? null] as const),
    ['weight', weight ?? defaultTenantWeight],
    ['dedicated', dedicated ?? false],
    ['encrypted', encrypted ?? false],
    ['state', state],
    ['pauseReason', pauseReason || null],
  ]);
}

function factsOfPresent({ state, pauseReason, ...tenant }: TenantInfo): ReadonlyMap<string, SettingValue> {
  return factsOf({ ...tenant, state: state === 'PAUSED' ? 'paused' : 'active', ...given({ pauseReason }) });
}

/** What does not end with the state: an update keeps what it does not name, so it names all, and 0 removes a quota. */
export function settingsOf({
  description = '',
  quotas = {},
  weight,
  dedicated,
  encrypted,
}: DeclaredTenant): TenantChange {
  return {
    description,
    quotas: Object.fromEntries(tenantQuotaNames.map((quota) => [quota, quotas[quota] ?? 0])),
    weight: weight ?? defaultTenantWeight,
    dedicated: dedicated ?? false,
    encrypted: encrypted ?? false,
  };
}

/** Whether more than the state differs. */
export function changesSettings(changes: readonly SettingChange[]): boolean {
  return changes.some(({ setting }) => setting !== 'state' && setting !== 'pauseReason');
}

export function changesState(changes: readonly SettingChange[]): boolean {
  return changes.some(({ setting }) => setting === 'state' || setting === 'pauseReason');
}
