/**
 * Flow rules that hold back every queue of a tenant that is paused or is being deleted, as if each of them was paused: no attempt
 * starts, and what runs goes on. And the limit of a tenant itself, which all of its queues share. The tenants are read before a
 * shard serves, and then when a shard looks, as `WatchedTenants` says.
 */
import type { FlowRule } from '../../domain/flow-rule.ts';
import { given } from '../../domain/given.ts';
import type { LimitRule } from '../../domain/quota-account.ts';
import type { WatchedTenants } from '../tenants/watched-tenants.ts';
import type { FlowRules } from './flow-rules.ts';

export interface TenantFlowRules extends Omit<FlowRules, 'onChange'> {
  /**
   * Called when a rule was read for the first time or has changed. Without a queue: those of all queues of the tenant may
   * have changed, and its limit.
   */
  onChange(listener: (tenant: string, queue?: string) => void): () => void;
  /** Reads the tenants again if that is due. Nobody waits for it. Shards call it each second. */
  look(): void;
  /** The limit of all queues of a tenant together. It is always known. */
  limitOf(tenant: string): LimitRule;
  /** Whether a quota asks for what its jobs store, those that have ended as well. It is always known. */
  countsStored(tenant: string): boolean;
}

export interface TenantFlowRulesParts {
  readonly rules: FlowRules;
  readonly tenants: WatchedTenants;
}

export function createTenantFlowRules({ rules, tenants }: TenantFlowRulesParts): TenantFlowRules {
  const paused = new WeakMap<FlowRule, FlowRule>();

  return {
    async prepare() {
      await rules.prepare();
      await tenants.prepare();
    },
    ruleOf(tenant, queue) {
      const rule = rules.ruleOf(tenant, queue);
      if (rule === undefined || !tenants.of(tenant).isStopped) return rule;
      const held = paused.get(rule) ?? { ...rule, paused: true };
      paused.set(rule, held);
      return held;
    },
    onChange(listener) {
      const stopListening = rules.onChange(listener);
      const stopWatching = tenants.onChange((tenant, before) => {
        const { isStopped, runningMax } = tenants.of(tenant);
        if (before.isStopped === isStopped && before.runningMax === runningMax) return;
        listener(tenant);
      });
      return () => {
        stopWatching();
        stopListening();
      };
    },
    look: () => {
      tenants.look();
    },
    limitOf: (tenant) => given({ maxRunning: tenants.of(tenant).runningMax }),
    countsStored: (tenant) => tenants.of(tenant).countsStored,
  };
}
