/**
 * Deletes a queue that has no unfinished jobs. No decision here depends on a clock or a cache:
 *
 * 1. The store notes the removal of the queue at its present version.
 * 2. Every shard is notified. From then on it accepts no job of the queue. Its actor proves to the store that it still
 *    owns the shard, and counts the queue's unfinished jobs. A later owner reads the note before it serves.
 * 3. If all counts are 0, the row is removed, provided that it still has that version. Otherwise the queue gets a new
 *    version, which makes the removal void, and the shards are asked to accept its jobs again.
 *
 * A crash between two steps leaves a closed queue. Deleting it again completes the removal, and a submit opens it after
 * a minute (`closed-queues.ts`). Ended jobs stay until their retention is over. A queue that is created later under the
 * same name has another number and nothing in common with the old one.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Queue, QueueClosing } from '../../domain/queue.ts';
import { depthOf } from '../../domain/queue-stats.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { endClosing } from './closed-queues.ts';
import { everyShard } from '../protocol/every-shard.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { QueueCatalog } from './queue-catalog.ts';
import { queueNotFound } from './queue-names.ts';
import type { QueueStatsReader } from './queue-stats.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';
import type { UnfinishedJobs } from '../ports/shard-protocol.ts';

export interface DeleteQueueParts {
  readonly store: QueueStore;
  readonly catalog: Pick<QueueCatalog, 'announce' | 'retire'>;
  readonly stats: Pick<QueueStatsReader, 'read'>;
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly shardCount: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export type DeleteQueue = (context: CallContext, name: string) => Promise<void>;

/** Time for all shards together, much shorter than the time for which a closed queue stays closed. */
const patienceMs = 5_000;
/** Oldest statistics that may refuse a deletion. */
const statsMaxAgeMs = 100;
const none: UnfinishedJobs = { waiting: 0, later: 0, running: 0 };

export function createDeleteQueue(parts: DeleteQueueParts): DeleteQueue {
  const { store, catalog, stats, batcher, shardCount, clock, log } = parts;

  /** A first check that closes nothing, so that trying to delete a busy queue does it no harm. */
  async function refuseBusy({ tenant, name }: Queue): Promise<void> {
    const { stats: seen } = await stats.read(tenant, name, statsMaxAgeMs);
    const waiting = seen.waiting.reduce((sum, count) => sum + count, 0);
    const unfinished = { waiting, later: depthOf(seen) - waiting, running: seen.running };
    if (isUnfinished(unfinished)) throw notEmpty(name, unfinished);
  }

  async function closeEverywhere(closing: QueueClosing): Promise<UnfinishedJobs> {
    const deadlineAtMs = clock.nowMs() + patienceMs;
    let found = none;
    await everyShard(shardCount, async (shard) => {
      const more = await batcher.call(shard, 'closeQueue', closing, { tenant: closing.tenant, deadlineAtMs });
      const sum = (key: keyof UnfinishedJobs): number => found[key] + more[key];
      found = { waiting: sum('waiting'), later: sum('later'), running: sum('running') };
    });
    return found;
  }

  /** Best effort: a shard that does not receive this discovers it by itself. */
  async function openAgain(closing: QueueClosing): Promise<void> {
    try {
      if (!(await endClosing(store, closing, clock.nowMs()))) return;
      const deadlineAtMs = clock.nowMs() + patienceMs;
      await everyShard(shardCount, async (shard) => {
        await batcher
          .call(shard, 'openQueue', closing, { tenant: closing.tenant, deadlineAtMs })
          .catch(() => undefined);
      });
      const present = await store.findQueue(closing.tenant, closing.name);
      if (present !== undefined) await catalog.announce(present);
    } catch (error) {
      log.warn({ err: error, queue: closing.name }, 'queue not opened again yet; its next submits open it');
    }
  }

  return async (context, name) => {
    ensureAwaited(context, clock.nowMs());
    const { tenant } = context;
    const queue = await store.findQueue(tenant, name);
    if (queue === undefined) throw queueNotFound(name);
    await refuseBusy(queue);
    const closing: QueueClosing = { tenant, name, queueNo: queue.queueNo, version: queue.version };
    await store.closeQueue(closing, clock.nowMs());
    const unfinished = await closeEverywhere(closing).catch(async (error: unknown) => {
      await openAgain(closing);
      throw error;
    });
    if (isUnfinished(unfinished)) {
      await openAgain(closing);
      throw notEmpty(name, unfinished);
    }
    if ((await store.removeQueue(closing)) === 'conflict') {
      await openAgain(closing);
      throw new TroupeError('QUEUE_VERSION_CONFLICT', { metadata: { queue: name } });
    }
    await catalog.retire(queue);
  };
}

function isUnfinished({ waiting, later, running }: UnfinishedJobs): boolean {
  return waiting + later + running > 0;
}

function notEmpty(queue: string, { waiting, later, running }: UnfinishedJobs): TroupeError {
  return new TroupeError('QUEUE_NOT_EMPTY', {
    message: `queue ${queue} has unfinished jobs: ${waiting} wait, ${later} are due later, ${running} run`,
    metadata: { queue, waiting: String(waiting), later: String(later), running: String(running) },
  });
}
