/** Closes a queue that is to be deleted: it accepts no more jobs, and its unfinished jobs are counted. */
import type { UnfinishedJobs } from '../../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { QueueClosing } from '../../../domain/queue.ts';
import type { Slot } from './batch-reply.ts';
import { deposed } from '../commit/ownership-proof.ts';
import { standingOf } from '../table/queue-index.ts';
import type { ShardCore } from '../shard-core.ts';
import { whenAnswered } from '../shard-message.ts';

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
    else slot.ok(unfinishedOf(core, closing.queueNo));
  });
}

/** Looks at every job of the shard, up to 200,000. This is acceptable, because queues are rarely deleted. */
function unfinishedOf(core: ShardCore, queueNo: number): UnfinishedJobs {
  const found = { waiting: 0, later: 0, running: 0 };
  for (const { current } of core.table.entries()) {
    if (current.spec.queueNo !== queueNo) continue;
    // An ended job stays in the table until its end is durable. Until then a crash would bring it back, so it
    // counts.
    found[standingOf(current.state) ?? 'running'] += 1;
  }
  return found;
}
