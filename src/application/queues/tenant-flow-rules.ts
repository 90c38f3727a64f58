/**
 * Flow rules that hold back every queue of a tenant that is paused or is being deleted, as if each of them was paused: no attempt
 * starts, and what runs goes on. The tenants are read from the store before a shard serves, and then every 10 s, when a shard
 * looks. So a pause holds within 30 s, with or without NATS. While the store does not answer, what was read last counts.
 */
import type { FlowRule } from '../../domain/flow-rule.ts';
import type { DocumentStore } from '../ports/document-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { tenantOf, tenantsScope } from '../tenants/tenant-documents.ts';
import type { FlowRules } from './flow-rules.ts';

export interface TenantFlowRules extends FlowRules {
  /** Reads the tenants again if that is due. Nobody waits for it. Shards call it each second. */
  look(): void;
}

export interface TenantFlowRulesParts {
  readonly rules: FlowRules;
  readonly documents: Pick<DocumentStore, 'listDocuments'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Logger;
}

const lookEveryMs = 10_000;
const pageMax = 1_000;

export function createTenantFlowRules({ rules, documents, clock, log }: TenantFlowRulesParts): TenantFlowRules {
  const listeners = new Set<(tenant: string, queue: string) => void>();
  /** The queues that shards have asked about, by tenant. */
  const asked = new Map<string, Set<string>>();
  const paused = new WeakMap<FlowRule, FlowRule>();
  let stopped: ReadonlySet<string> = new Set();
  let readAtMs = -Infinity;
  let reading: Promise<void> | undefined;

  async function readAll(): Promise<void> {
    const sinceMs = clock.monotonicMs();
    const found = await stoppedTenants(documents);
    readAtMs = sinceMs;
    const before = stopped;
    const changed = [...found, ...before].filter((tenant) => found.has(tenant) !== before.has(tenant));
    stopped = found;
    for (const tenant of changed)
      for (const queue of asked.get(tenant) ?? []) for (const listener of listeners) listener(tenant, queue);
  }

  function read(): Promise<void> {
    reading ??= readAll().finally(() => (reading = undefined));
    return reading;
  }

  return {
    async prepare() {
      await rules.prepare();
      if (readAtMs === -Infinity) await read();
    },
    ruleOf(tenant, queue) {
      const queues = asked.get(tenant) ?? new Set();
      asked.set(tenant, queues.add(queue));
      const rule = rules.ruleOf(tenant, queue);
      if (rule === undefined || !stopped.has(tenant)) return rule;
      const held = paused.get(rule) ?? { ...rule, paused: true };
      paused.set(rule, held);
      return held;
    },
    onChange(listener) {
      listeners.add(listener);
      const stopListening = rules.onChange(listener);
      return () => {
        listeners.delete(listener);
        stopListening();
      };
    },
    look() {
      if (reading !== undefined || clock.monotonicMs() - readAtMs < lookEveryMs) return;
      read().catch((error: unknown) => log.debug({ err: error }, 'tenants not read; tried again in a second'));
    },
  };
}

async function stoppedTenants({ listDocuments }: Pick<DocumentStore, 'listDocuments'>): Promise<ReadonlySet<string>> {
  const stopped = new Set<string>();
  for (let after = ''; ;) {
    const page = await listDocuments(tenantsScope, { after, most: pageMax });
    for (const document of page) {
      const { name, state } = tenantOf(document);
      if (state !== 'ACTIVE') stopped.add(name);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageMax) return stopped;
    after = last.name;
  }
}
