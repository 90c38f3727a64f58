/**
 * Deletes a queue that has no unfinished jobs. Nothing of what is decided here rests on a clock or a cache:
 *
 * 1. The removal of the queue at its present version is noted in the store.
 * 2. Every shard is told. It accepts no job of the queue from then on, proves that it is still its owner's, and counts what
 *    is unfinished. Whoever takes a shard over later reads the note first.
 * 3. All counts are 0: the row is removed, if it is still at that version. Else the queue gets a new version, which makes
 *    the removal void, and the shards are told to accept its jobs again.
 *
 * A crash between two steps leaves a closed queue: deleting it again goes on, and a submit opens it after a minute
 * (`closed-queues.ts`). Ended jobs stay until their retention is over. A queue of the same name that is made afterwards has
 * another number, and nothing in common with it.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Queue, QueueClosing } from '../../domain/queue.ts';
import { depthOf } from '../../domain/queue-stats.ts';
import { type CallContext, ensureAwaited } from '../protocol/call-context.ts';
import { endClosing } from './closed-queues.ts';
import { everyShard } from '../protocol/every-shard.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { QueueCatalog } from './queue-catalog.ts';
import { queueNotFound } from './queue-names.ts';
import type { QueueStatsReader } from './queue-stats.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';
import type { UnfinishedJobs } from '../protocol/shard-protocol.ts';

export interface DeleteQueueParts {
  readonly store: QueueStore;
  readonly catalog: Pick<QueueCatalog, 'announce' | 'retire'>;
  readonly stats: QueueStatsReader;
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly shardCount: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export type DeleteQueue = (context: CallContext, name: string) => Promise<void>;

/** For all shards together; much shorter than a closed queue stays closed. */
const patienceMs = 5_000;
/** An older answer does not refuse. */
const statsMaxAgeMs = 100;
const none: UnfinishedJobs = { waiting: 0, later: 0, running: 0 };

export function createDeleteQueue(parts: DeleteQueueParts): DeleteQueue {
  const { store, catalog, stats, batcher, shardCount, clock, log } = parts;

  /** A first look that closes nothing, so that an attempt on a busy queue does it no harm. */
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
      const more = await batcher.call(shard, 'closeQueue', closing, { deadlineAtMs });
      const sum = (key: keyof UnfinishedJobs): number => found[key] + more[key];
      found = { waiting: sum('waiting'), later: sum('later'), running: sum('running') };
    });
    return found;
  }

  /** Best effort: a shard that was not told finds out by itself. */
  async function openAgain(closing: QueueClosing): Promise<void> {
    try {
      if (!(await endClosing(store, closing, clock.nowMs()))) return;
      const deadlineAtMs = clock.nowMs() + patienceMs;
      await everyShard(shardCount, async (shard) => {
        await batcher.call(shard, 'openQueue', closing, { deadlineAtMs }).catch(() => undefined);
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
