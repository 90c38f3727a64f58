/**
 * The flow rule of each queue as the shards of this process know it. A rule is read from the store at its first use. It
 * is read again when the shared configuration announces another version, and every `maxAgeMs` in case the announcement
 * was lost.
 */
import type { FlowRule } from '../../domain/flow-rule.ts';
import { type Queue, queueStamp } from '../../domain/queue.ts';
import type { SharedConfig } from '../ports/membership.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';

export interface FlowRules {
  /** Reads all queues once. Afterwards only queues that were created since are unknown. */
  prepare(): Promise<void>;
  /** The rule that was read last. Undefined if it was never read; `onChange` reports when it is available. */
  ruleOf(tenant: string, queue: string): FlowRule | undefined;
  /** Called when a rule was read for the first time or has changed. */
  onChange(listener: (tenant: string, queue: string) => void): () => void;
}

export interface FlowRulesParts {
  readonly store: Pick<QueueStore, 'findQueue' | 'listQueues'>;
  readonly config: Pick<SharedConfig, 'queues' | 'onChange'>;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Known {
  readonly rule: FlowRule;
  /** Stamp of the queue when the rule was read; see `queueStamp`. */
  readonly stamp: number;
  readonly readMs: number;
}

const maxAgeMs = 60_000;
const retryMs = 500;
/** The rule of a queue that has none. */
const plain: FlowRule = {};

export function createFlowRules({ store, config, clock, log }: FlowRulesParts): FlowRules {
  const known = new Map<string, Known>();
  const reading = new Set<string>();
  const listeners = new Set<(tenant: string, queue: string) => void>();

  function keep(key: string, queue: Queue | undefined): void {
    known.set(key, {
      rule: queue?.settings.flow ?? plain,
      stamp: queue === undefined ? 0 : queueStamp(queue),
      readMs: clock.monotonicMs(),
    });
  }

  let prepared: Promise<void> | undefined;
  async function readAll(): Promise<void> {
    for (const queue of await store.listQueues()) keep(`${queue.tenant}/${queue.name}`, queue);
  }

  async function read(tenant: string, queue: string): Promise<void> {
    const key = `${tenant}/${queue}`;
    if (reading.has(key)) return;
    reading.add(key);
    try {
      const found = await store.findQueue(tenant, queue);
      const former = known.get(key);
      keep(key, found);
      if (former !== undefined && former.stamp === known.get(key)?.stamp) return;
      for (const listener of listeners) listener(tenant, queue);
    } catch (error) {
      log.debug({ err: error, tenant, queue }, 'settings of a queue not read; tried again');
      clock.setTimer(retryMs, () => void read(tenant, queue));
    } finally {
      reading.delete(key);
    }
  }

  config.onChange(() => {
    for (const [key, stamp] of config.queues()) {
      const entry = known.get(key);
      if (entry === undefined || stamp <= entry.stamp) continue;
      const [tenant = '', queue = ''] = key.split('/');
      void read(tenant, queue);
    }
  });

  return {
    prepare() {
      prepared ??= readAll().catch((error: unknown) => {
        prepared = undefined;
        throw error;
      });
      return prepared;
    },
    ruleOf(tenant, queue) {
      const entry = known.get(`${tenant}/${queue}`);
      if (entry === undefined || clock.monotonicMs() - entry.readMs > maxAgeMs) void read(tenant, queue);
      return entry?.rule;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
