/** Closes a queue that is to be deleted: it accepts no more jobs, and its unfinished jobs are counted. */
import type { UnfinishedJobs } from '../../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { QueueClosing } from '../../../domain/queue.ts';
import type { Slot } from '../core/batch-reply.ts';
import { deposed } from '../commit/ownership-proof.ts';
import type { ShardCore } from '../core/shard-core.ts';
import { whenAnswered } from '../services/shard-message.ts';

/**
 * Closes the queue first, and then answers only if the store confirms that this owner still has the shard. If a
 * successor raised the epoch after that check, it knows that the queue is closed. If it raised the epoch before, the
 * check fails and so does this answer.
 */
export function closeQueue(core: ShardCore, closing: QueueClosing, slot: Slot<UnfinishedJobs>): void {
  const { closedQueues, store } = core.services;
  closedQueues.close(closing);
  whenAnswered(core.context, 'store', store.ownsShard(core.shard, core.epoch), (outcome) => {
    if (outcome.status === 'rejected') slot.fail(TroupeError.from(outcome.reason));
    else if (!outcome.value) slot.fail(deposed());
    else slot.ok(core.table.unfinished.ofQueue(closing.queueNo));
  });
}
