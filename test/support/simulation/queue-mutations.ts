/** Seeded bugs in the deletion of queues. */
import type { QueueStore } from '../../../src/application/ports/queue-store.ts';
import { type Change, type Mutation, onHandler, onStore } from './mutation.ts';
import { changedPages, withoutPublishedEvents } from './recovered-pages.ts';
import type { NodePorts } from './sim-node.ts';

export const queueMutations: Readonly<Record<string, Mutation>> = {
  'a shard takes jobs of a queue that is being deleted': {
    breaks: [1],
    within: 40,
    load: 'queues',
    change: onHandler((handler) => (verb, items) => {
      if (verb !== 'closeQueue') return handler(verb, items);
      return Promise.resolve(items.map(() => ({ ok: { waiting: 0, later: 0, running: 0 } })));
    }),
  },
  'a new owner does not read which queues are closed': {
    breaks: [1],
    within: 200,
    firstTried: 46,
    load: 'queues',
    change: onQueues(() => ({ closedQueues: () => Promise.resolve([]) })),
  },
  'a new owner publishes every event of a job of which it may publish the end alone': {
    breaks: [6],
    within: 60,
    load: 'queues',
    change: onStore((jobs) => ({
      readBucket: (partition, terms) => changedPages(jobs.readBucket(partition, terms), withoutPublishedEvents),
    })),
  },
  'a queue that is known and not found is made again': {
    breaks: [7],
    within: 40,
    load: 'queues',
    change: onQueues((queues) => {
      const known = new Map<string, Parameters<QueueStore['createQueue']>[0]>();
      return {
        async findQueue(tenant, name) {
          const found = await queues.findQueue(tenant, name);
          const key = `${tenant}/${name}`;
          const former = known.get(key);
          if (found !== undefined) known.set(key, { ...found, nowMs: found.createdAtMs });
          else if (former !== undefined) return (await queues.createQueue(former)).queue;
          return found;
        },
      };
    }),
  },
};

function onQueues(change: (queues: QueueStore, ports: NodePorts) => Partial<QueueStore>): Change {
  return (_cluster, ports) => {
    const { store } = ports;
    ports.store = { ...store, queues: { ...store.queues, ...change(store.queues, ports) } };
  };
}
