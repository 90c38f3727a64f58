/** Calls for the queues of the tenant. */
import type { CallParts } from './call-parts.ts';
import type * as wire from '../contract/messages.ts';
import { TroupeClientError, incompleteAnswer } from './client-error.ts';
import { fromQueue } from './job-mapper.ts';
import { givenPaths, toSettings } from './job-requests.ts';
import type { QueueInfo, QueueSettingsInput } from './job-types.ts';
import { fromQueueStats, type QueueStatsInfo } from './queue-stats.ts';
import { withRetries } from './retry.ts';

/** Calls for the queues of the tenant. Calls for a queue that does not exist reject with QUEUE_NOT_FOUND. */
export interface QueuesClient {
  /** Creates a queue. Rejects with QUEUE_EXISTS if it exists. */
  create(name: string, settings?: QueueSettingsInput): Promise<QueueInfo>;
  /** Returns a queue. */
  get(name: string): Promise<QueueInfo>;
  /** Returns statistics of a queue over the whole cluster, at most 1 s old. */
  stats(name: string): Promise<QueueStatsInfo>;
  /** Lists all queues by name, ascending. */
  list(): AsyncGenerator<QueueInfo, void>;
  /**
   * Changes the settings that are given. Rejects with QUEUE_VERSION_CONFLICT if the queue is no longer at `version`:
   * read it again, and decide again.
   */
  update(name: string, version: number, settings: QueueSettingsInput): Promise<QueueInfo>;
  /**
   * Deletes a queue. Rejects with QUEUE_NOT_EMPTY while it has unfinished jobs. Ended jobs stay until their retention
   * is over.
   */
  delete(name: string): Promise<void>;
  /** Pauses a queue, whatever its version: no job starts until it is resumed. Running jobs continue. */
  pause(name: string): Promise<QueueInfo>;
  /** Resumes a paused queue, whatever its version. */
  resume(name: string): Promise<QueueInfo>;
}

/** How often pausing or resuming is tried if others change the queue at the same time. */
const conflictsMax = 5;

export function createQueuesClient(parts: CallParts): QueuesClient {
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

  async function get(name: string): Promise<QueueInfo> {
    return queueOf(await withRetries(backoff, 'always', undefined, () => connection.unary(queues.GetQueue, { name })));
  }

  async function update(name: string, version: number, settings: QueueSettingsInput): Promise<QueueInfo> {
    const request = { name, version, settings: toSettings(settings), updateMask: { paths: givenPaths(settings) } };
    return queueOf(
      await withRetries(backoff, 'if-not-done', undefined, () => connection.unary(queues.UpdateQueue, request)),
    );
  }

  async function setPaused(name: string, paused: boolean): Promise<QueueInfo> {
    for (let tries = 1; ; tries += 1) {
      const { version } = await get(name);
      try {
        return await update(name, version, { flow: { paused } });
      } catch (error) {
        const overtaken = error instanceof TroupeClientError && error.code === 'QUEUE_VERSION_CONFLICT';
        if (!overtaken || tries === conflictsMax) throw error;
      }
    }
  }

  return {
    list,
    get,
    update,
    pause: (name) => setPaused(name, true),
    resume: (name) => setPaused(name, false),
    async create(name, settings = {}) {
      const request = { name, settings: toSettings(settings) };
      return queueOf(
        await withRetries(backoff, 'if-not-done', undefined, () => connection.unary(queues.CreateQueue, request)),
      );
    },
    async delete(name) {
      await withRetries(backoff, 'if-not-done', undefined, () => connection.unary(queues.DeleteQueue, { name }));
    },
    async stats(name) {
      const { stats } = await withRetries(backoff, 'always', undefined, () =>
        connection.unary(queues.GetQueueStats, { name }),
      );
      if (!stats) throw incompleteAnswer('the gateway answered without statistics');
      return fromQueueStats(stats);
    },
  };
}

export function queueOf({ queue }: { readonly queue: wire.Queue | null }): QueueInfo {
  if (!queue) throw incompleteAnswer('the gateway answered without a queue');
  return fromQueue(queue);
}
