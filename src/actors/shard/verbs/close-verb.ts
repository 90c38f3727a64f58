/** A queue is to be deleted: no job of it is accepted any more, and those that are unfinished are counted. */
import type { UnfinishedJobs } from '../../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { QueueClosing } from '../../../domain/queue.ts';
import type { Slot } from './batch-reply.ts';
import { deposed } from '../commit/ownership-proof.ts';
import { standingOf } from '../table/queue-index.ts';
import type { ShardCore } from '../shard-core.ts';
import { whenAnswered } from '../shard-message.ts';

/**
 * Answers only when the store has said, after the queue was closed, that the shard is this owner's still: a successor has
 * raised the epoch either later, and then knows that the queue is closed, or earlier, and then this answer fails.
 */
export function closeQueue(core: ShardCore, closing: QueueClosing, slot: Slot<UnfinishedJobs>): void {
  const { closedQueues, store } = core.services;
  closedQueues.close(closing);
  whenAnswered(core.context, 'store', store.ownsShard(core.shard, core.epoch), (outcome) => {
    if (outcome.status === 'rejected') slot.fail(TroupeError.from(outcome.reason));
    else if (!outcome.value) slot.fail(deposed());
    else slot.ok(unfinishedOf(core, closing.queueNo));
  });
}

/** A look at every job of the shard: up to 200,000, for something that is done now and then. */
function unfinishedOf(core: ShardCore, queueNo: number): UnfinishedJobs {
  const found = { waiting: 0, later: 0, running: 0 };
  for (const { current } of core.table.entries()) {
    if (current.spec.queueNo !== queueNo) continue;
    // The table holds ended jobs only until their end is durable: until then a crash would bring them back.
    found[standingOf(current.state) ?? 'running'] += 1;
  }
  return found;
}
