/** `QueueStore` on SQLite. */
import type { QueueStore } from '../../application/ports/queue-store.ts';
import type { StoreLink } from './link/store-link.ts';

export function createSqliteQueueStore(link: StoreLink): QueueStore {
  return {
    createQueue: ({ tenant, name, settings, nowMs }) => link.write('createQueue', { tenant, name, settings, nowMs }),
    findQueue: (tenant, name) => link.read('findQueue', tenant, name),
    listQueues: (tenant) => link.read('listQueues', tenant),
    updateQueue: ({ tenant, name, settings, expectedVersion, nowMs }) =>
      link.write('updateQueue', { tenant, name, settings, expectedVersion, nowMs }),
    closeQueue: ({ queueNo, version, tenant, name }, nowMs) =>
      link.write('closeQueue', { queueNo, version, tenant, name }, nowMs),
    closedQueues: (nowMs) => link.read('closedQueues', nowMs),
    openQueue: ({ queueNo, version }) => link.write('openQueue', queueNo, version),
    removeQueue: ({ queueNo, version }) => link.write('removeQueue', queueNo, version),
  };
}
