/** Queues of the tenant: made, seen and changed. */
import type { Contract } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import type { Connection } from './connection.ts';
import { fromQueue, toSettings } from './job-mapper.ts';
import type { QueueInfo, QueueSettingsInput } from './job-types.ts';
import { fromQueueStats } from './queue-stats.ts';
import type { QueueStatsInfo } from './queue-stats.ts';
import { withRetries } from './retry.ts';
import type { Backoff } from './retry.ts';

export interface QueuesClient {
  create(name: string, settings?: QueueSettingsInput): Promise<QueueInfo>;
  get(name: string): Promise<QueueInfo>;
  /** What is going on in it now, over the whole cluster; at most 1 s old. */
  stats(name: string): Promise<QueueStatsInfo>;
  /** By name. */
  list(): AsyncGenerator<QueueInfo, void>;
  /** Rejects QUEUE_VERSION_CONFLICT when the queue is no longer at `version`: get it and decide again. */
  update(name: string, version: number, settings: QueueSettingsInput): Promise<QueueInfo>;
}

export function createQueuesClient(parts: {
  readonly connection: Connection;
  readonly contract: Contract;
  readonly backoff: Backoff;
}): QueuesClient {
  const { connection, backoff } = parts;
  const { queues } = parts.contract;

  async function* list(): AsyncGenerator<QueueInfo, void> {
    let pageToken = '';
    do {
      const request = { pageToken };
      const page = await withRetries(backoff, 'always', undefined, () => connection.unary(queues.ListQueues, request));
      for (const queue of page.queues) yield fromQueue(queue);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  return {
    list,
    async create(name, settings = {}) {
      const request = { name, settings: toSettings(settings) };
      return queueOf(
        await withRetries(backoff, 'if-not-done', undefined, () => connection.unary(queues.CreateQueue, request)),
      );
    },
    async get(name) {
      return queueOf(
        await withRetries(backoff, 'always', undefined, () => connection.unary(queues.GetQueue, { name })),
      );
    },
    async stats(name) {
      const { stats } = await withRetries(backoff, 'always', undefined, () =>
        connection.unary(queues.GetQueueStats, { name }),
      );
      if (!stats) throw new Error('the gateway answered without statistics');
      return fromQueueStats(stats);
    },
    async update(name, version, settings) {
      const request = { name, version, settings: toSettings(settings) };
      return queueOf(
        await withRetries(backoff, 'if-not-done', undefined, () => connection.unary(queues.UpdateQueue, request)),
      );
    },
  };
}

export function queueOf({ queue }: { readonly queue: wire.Queue | null }): QueueInfo {
  if (!queue) throw new Error('the gateway answered without a queue');
  return fromQueue(queue);
}
