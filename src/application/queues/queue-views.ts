/** Queues together with their quarantines, as users see them. */
import type { Queue } from '../../domain/queue.ts';
import type { Membership } from '../ports/membership.ts';
import type { QueueMark, QueueQuarantines } from '../ports/queue-quarantines.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import { queueNotFound } from './queue-names.ts';

export interface QueueView {
  readonly queue: Queue;
  /** The mark for all nodes, and the marks of nodes that are alive. */
  readonly quarantines: readonly QueueMark[];
}

export interface QueueViews {
  of(queue: Queue): QueueView;
  /** Rejects with QUEUE_NOT_FOUND. */
  find(tenant: string, name: string): Promise<QueueView>;
}

export function createQueueViews(parts: {
  readonly store: Pick<QueueStore, 'findQueue'>;
  readonly quarantines: Pick<QueueQuarantines, 'of'>;
  readonly membership: Pick<Membership, 'nodes'>;
}): QueueViews {
  const { store, quarantines, membership } = parts;

  function of(queue: Queue): QueueView {
    const marks = quarantines.of(queue.tenant, queue.name);
    if (marks.length === 0) return { queue, quarantines: marks };
    const present = new Set(membership.nodes().map(({ nodeId }) => nodeId));
    return { queue, quarantines: marks.filter(({ node }) => node === undefined || present.has(node)) };
  }

  return {
    of,
    async find(tenant, name) {
      const queue = await store.findQueue(tenant, name);
      if (queue === undefined) throw queueNotFound(name);
      return of(queue);
    },
  };
}
