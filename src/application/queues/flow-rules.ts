/**
 * The flow rule of each queue as the shards of this process know it. A rule is read from the store at its first use. It
 * is read again when the shared configuration announces another version, and every `maxAgeMs` in case the announcement
 * was lost. The rules of deleted queues are forgotten once nobody has asked for them for `forgetMs`.
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
  askedMs: number;
}

const maxAgeMs = 60_000;
const retryMs = 500;
const forgetMs = 600_000;
/** How often rules that nobody asks for are looked at, and how many are read then to know whether their queues are gone. */
const lookEveryMs = 60_000;
const looksMax = 100;
/** The rule of a queue that has none. */
const plain: FlowRule = {};

export function createFlowRules({ store, config, clock, log }: FlowRulesParts): FlowRules {
  const known = new Map<string, Known>();
  const reading = new Set<string>();
  const listeners = new Set<(tenant: string, queue: string) => void>();

  function keep(key: string, queue: Queue | undefined): void {
    const readMs = clock.monotonicMs();
    known.set(key, {
      rule: queue?.settings.flow ?? plain,
      stamp: queue === undefined ? 0 : queueStamp(queue),
      readMs,
      askedMs: readMs,
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
      learn(tenant, queue, await store.findQueue(tenant, queue).finally(() => reading.delete(key)));
    } catch (error) {
      log.debug({ err: error, tenant, queue }, 'settings of a queue not read; tried again');
      clock.setTimer(retryMs, () => void read(tenant, queue));
    }
  }

  function learn(tenant: string, queue: string, found: Queue | undefined): void {
    const key = `${tenant}/${queue}`;
    const former = known.get(key);
    if (found === undefined && former !== undefined && isIdle(former, clock.monotonicMs())) {
      known.delete(key);
    } else {
      keep(key, found);
      if (former !== undefined && former.stamp === known.get(key)?.stamp) return;
    }
    // Whoever still has a rule that is forgotten asks for it again. It would not hear of a new queue of that name else.
    for (const listener of listeners) listener(tenant, queue);
  }

  config.onChange(() => {
    for (const [key, stamp] of config.queues()) {
      const entry = known.get(key);
      if (entry === undefined || stamp <= entry.stamp) continue;
      const [tenant = '', queue = ''] = key.split('/');
      void read(tenant, queue);
    }
  });

  const lookAtIdle = createIdleLook({ config, clock }, known, (tenant, queue) => void read(tenant, queue));

  return {
    prepare() {
      prepared ??= readAll().catch((error: unknown) => {
        prepared = undefined;
        throw error;
      });
      return prepared;
    },
    ruleOf(tenant, queue) {
      const nowMs = clock.monotonicMs();
      const entry = known.get(`${tenant}/${queue}`);
      if (entry !== undefined) entry.askedMs = nowMs;
      if (entry === undefined || nowMs - entry.readMs > maxAgeMs) void read(tenant, queue);
      lookAtIdle();
      return entry?.rule;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function isIdle({ askedMs }: Known, nowMs: number): boolean {
  return nowMs - askedMs >= forgetMs;
}

/**
 * Reads rules that nobody asks for. A queue that is not in the shared configuration may be deleted, or the configuration was
 * lost: the store knows. What is present stays, because whoever has its rule has to hear of a change.
 */
function createIdleLook(
  { config, clock }: Pick<FlowRulesParts, 'config' | 'clock'>,
  known: ReadonlyMap<string, Known>,
  read: (tenant: string, queue: string) => void,
): () => void {
  let lookedMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lookedMs < lookEveryMs) return;
    lookedMs = nowMs;
    const present = config.queues();
    let looks = 0;
    for (const [key, entry] of known) {
      if (present.has(key) || !isIdle(entry, nowMs)) continue;
      looks += 1;
      if (looks > looksMax) return;
      const [tenant = '', queue = ''] = key.split('/');
      read(tenant, queue);
    }
  };
}
