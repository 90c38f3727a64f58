/**
 * Queues as this process knows them. A queue is read from the store once and kept until the shared configuration
 * announces another version, or until `maxAgeMs` has passed in case the announcement was lost. At most `maxQueues` are
 * kept.
 */
import { defaultPriority, priorities } from '../../domain/priority.ts';
import { defaultQueueName, type Queue, queueStamp } from '../../domain/queue.ts';
import { type AskingContext, ensureMayIn } from '../ports/call-context.ts';
import type { WorkSource } from '../ports/bus.ts';
import type { SharedConfig } from '../ports/membership.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { queueNotFound } from './queue-names.ts';

export interface QueueCatalog {
  /** The queue if it is in memory and current. */
  known(tenant: string, name: string): Queue | undefined;
  find(tenant: string, name: string): Promise<Queue | undefined>;
  /**
   * Keeps a queue that the caller has just written, and announces it. A failed announcement is logged and made up for
   * later.
   */
  announce(queue: Queue): Promise<void>;
  /** Called when a shard reports that the queue is being deleted or is gone. The next lookup reads the store. */
  forget(tenant: string, name: string): void;
  /**
   * Announces that the queue is gone from the store. A failure is logged; others discover it when they use the queue.
   */
  retire(queue: Queue): Promise<void>;
}

/** The queue that a caller names. An empty name means the default queue. Rejects with QUEUE_NOT_FOUND, or as `ensureMayIn`. */
export async function queueNamed(
  catalog: Pick<QueueCatalog, 'find'>,
  asking: AskingContext,
  queue: string,
): Promise<Queue> {
  const name = queue === '' ? defaultQueueName : queue;
  ensureMayIn(asking, name, () => queueNotFound(name));
  const found = await catalog.find(asking.tenant, name);
  if (found === undefined) throw queueNotFound(name);
  return found;
}

export interface QueueCatalogParts {
  readonly store: Pick<QueueStore, 'findQueue'>;
  readonly config: Pick<SharedConfig, 'queues' | 'touchQueue' | 'removeQueue'>;
  readonly work: Pick<WorkSource, 'ensureRoute' | 'removeRoute'>;
  readonly clock: Clock;
  readonly log: Logger;
}

const maxAgeMs = 60_000;
const maxQueues = 10_000;
/**
 * Time between the deletion of a queue and that of its consumers. Until then a node may still pull and create them
 * again.
 */
const consumerKeptMs = 10_000;

interface Entry {
  readonly queue: Queue;
  readonly readAtMs: number;
}

export function createQueueCatalog(parts: QueueCatalogParts): QueueCatalog {
  const { store, config, work, clock, log } = parts;
  const entries = new Map<string, Entry>();
  const reads = new Map<string, Promise<Queue | undefined>>();

  function keep(queue: Queue): void {
    const key = `${queue.tenant}/${queue.name}`;
    entries.delete(key);
    entries.set(key, { queue, readAtMs: clock.monotonicMs() });
    const oldest = entries.keys().next();
    if (entries.size > maxQueues && oldest.done !== true) entries.delete(oldest.value);
  }

  function known(tenant: string, name: string): Queue | undefined {
    const key = `${tenant}/${name}`;
    const entry = entries.get(key);
    if (!entry || clock.monotonicMs() - entry.readAtMs > maxAgeMs) return undefined;
    const newest = config.queues().get(key) ?? 0;
    return newest > queueStamp(entry.queue) ? undefined : entry.queue;
  }

  async function announce(queue: Queue): Promise<void> {
    keep(queue);
    try {
      await work.ensureRoute({ tenant: queue.tenant, queue: queue.name });
      await config.touchQueue(queue.tenant, queue.name, queueStamp(queue));
    } catch (error) {
      log.warn({ err: error, tenant: queue.tenant, queue: queue.name }, 'queue not announced; retried at its next use');
    }
  }

  function forget(tenant: string, name: string): void {
    entries.delete(`${tenant}/${name}`);
  }

  async function retire({ tenant, name }: Queue): Promise<void> {
    forget(tenant, name);
    try {
      await config.removeQueue(tenant, name);
    } catch (error) {
      log.warn({ err: error, tenant, queue: name }, 'deletion of a queue not announced');
    }
    clock.setTimer(consumerKeptMs, () => void removeConsumers(tenant, name));
  }

  /** Best effort: a consumer that remains costs NATS a few kilobytes. */
  async function removeConsumers(tenant: string, queue: string): Promise<void> {
    if (config.queues().has(`${tenant}/${queue}`)) return;
    try {
      const levels = priorities.filter((level) => level !== defaultPriority).map((level) => ({ tenant, queue, level }));
      await Promise.all([{ tenant, queue }, ...levels].map((route) => work.removeRoute(route)));
    } catch (error) {
      log.warn({ err: error, tenant, queue }, 'consumers of a deleted queue not removed');
    }
  }

  async function read(tenant: string, name: string): Promise<Queue | undefined> {
    const queue = await store.findQueue(tenant, name);
    if (queue) {
      keep(queue);
      // The creator of the queue may have lost the broker before it could announce the queue.
      if (!config.queues().has(`${tenant}/${name}`)) void announce(queue);
    }
    return queue;
  }

  function find(tenant: string, name: string): Promise<Queue | undefined> {
    const present = known(tenant, name);
    if (present) return Promise.resolve(present);
    const key = `${tenant}/${name}`;
    const underWay = reads.get(key);
    if (underWay) return underWay;
    const started = read(tenant, name).finally(() => reads.delete(key));
    reads.set(key, started);
    return started;
  }

  return { known, find, announce, forget, retire };
}
