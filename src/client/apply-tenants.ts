/**
 * Brings the tenants of the cluster to the declared state, one at a time. It may be interrupted at any point and called
 * again, because each call first reads the present state and does only what is missing. The settings of a tenant and its state are
 * two calls: in between, a tenant that is made paused is active.
 */
import { defaultTenant } from '../domain/queue.ts';
import { TroupeClientError } from './client-error.ts';
import type { SettingChange } from './queue-plan.ts';
import {
  changesSettings,
  changesState,
  type DeclaredTenant,
  type DeclaredTenants,
  planTenant,
  planTenants,
  settingsOf,
  type TenantPlan,
} from './tenant-plan.ts';
import type { TenantInfo, TenantsClient } from './tenants-client.ts';

/**
 * One step of `applyTenants`. `overtaken`: it changed between the read and the write, so it is read again. `in-use`: it was not
 * deleted, because it has queues or service accounts. `deleting`: it is on its way out.
 */
export interface TenantStep {
  /** Name of the tenant. */
  readonly name: string;
  /** What was done. */
  readonly done: 'created' | 'updated' | 'unchanged' | 'undeclared' | 'deleted' | 'in-use' | 'deleting' | 'overtaken';
  /** Settings that changed. */
  readonly changes: readonly SettingChange[];
}

/** How tenants are applied. */
export interface ApplyTenantsOptions {
  /**
   * Also delete tenants that are not declared and have neither queues nor service accounts. The others stay, and so does
   * `default`. Default: false.
   */
  readonly prune?: boolean;
}

/** How often a tenant that others keep changing is tried. */
const overtakenMax = 5;

/**
 * Applies the declaration and yields each step. Rejects with the error of the first tenant that fails; the steps that
 * were yielded before have been carried out.
 */
export async function* applyTenants(
  tenants: TenantsClient,
  declared: DeclaredTenants,
  { prune = false }: ApplyTenantsOptions = {},
): AsyncGenerator<TenantStep, void> {
  const plans = await tenantPlansOf(tenants, declared);
  for (const plan of plans) if (plan.kind !== 'undeclared') yield* bring(tenants, declared, plan);
  // Undeclared tenants come last, so that nothing is deleted before everything that is declared exists.
  for (const { kind, name } of plans) {
    if (kind !== 'undeclared') continue;
    const done = prune && name !== defaultTenant ? await removed(tenants, name) : 'undeclared';
    yield { name, done, changes: [] };
  }
}

/** Resolves to what `applyTenants` would do now. It changes nothing. */
export async function tenantPlansOf(
  tenants: Pick<TenantsClient, 'list'>,
  declared: DeclaredTenants,
): Promise<readonly TenantPlan[]> {
  const present: TenantInfo[] = [];
  for await (const tenant of tenants.list()) present.push(tenant);
  return planTenants(declared, present);
}

async function* bring(
  tenants: TenantsClient,
  declared: DeclaredTenants,
  plan: TenantPlan,
): AsyncGenerator<TenantStep, void> {
  const { name } = plan;
  const wanted = declared.get(name) ?? {};
  let next = plan;
  for (let tries = 1; ; tries += 1) {
    try {
      yield await carryOut(tenants, next, wanted);
      return;
    } catch (error) {
      if (!isOvertaken(error) || tries === overtakenMax) throw error;
      yield { name, done: 'overtaken', changes: [] };
      const present = await lookedUp(tenants, name);
      // The name of a deleted tenant is not free yet: reading it again does not help.
      if (present?.state === 'DELETED') throw error;
      next = planTenant(name, wanted, present);
    }
  }
}

async function carryOut(tenants: TenantsClient, plan: TenantPlan, wanted: DeclaredTenant): Promise<TenantStep> {
  const { kind, name } = plan;
  switch (kind) {
    case 'create': {
      await tenants.create(name, { ...settingsOf(wanted), quotas: wanted.quotas ?? {} });
      if (wanted.state === 'paused') await setState(tenants, name, wanted);
      return { name, done: 'created', changes: plan.changes };
    }
    case 'update':
      if (changesSettings(plan.changes)) await tenants.update(name, plan.etag, settingsOf(wanted));
      if (changesState(plan.changes)) await setState(tenants, name, wanted);
      return { name, done: 'updated', changes: plan.changes };
    case 'unchanged':
    case 'undeclared':
    case 'deleting':
      return { name, done: kind, changes: [] };
  }
}

async function setState(
  tenants: TenantsClient,
  name: string,
  { state, pauseReason = '' }: DeclaredTenant,
): Promise<void> {
  if (state === 'paused') await tenants.pause(name, { reason: pauseReason });
  else await tenants.resume(name);
}

function isOvertaken(error: unknown): boolean {
  if (!(error instanceof TroupeClientError)) return false;
  return ['TENANT_EXISTS', 'TENANT_CHANGED', 'TENANT_NOT_FOUND', 'TENANT_DELETING'].includes(error.code);
}

async function lookedUp(tenants: TenantsClient, name: string): Promise<TenantInfo | undefined> {
  try {
    return await tenants.get(name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** What it makes between the look and the deletion goes with it. */
async function removed(tenants: TenantsClient, name: string): Promise<'deleted' | 'in-use'> {
  try {
    const { use } = await tenants.get(name);
    if (use.queues > 0 || use.serviceAccounts > 0) return 'in-use';
    for await (const { phase } of tenants.delete(name)) if (phase === 'done') break;
  } catch (error) {
    // Another client has deleted it.
    if (!isMissing(error)) throw error;
  }
  return 'deleted';
}

function isMissing(error: unknown): boolean {
  return error instanceof TroupeClientError && error.code === 'TENANT_NOT_FOUND';
}
