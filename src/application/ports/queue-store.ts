/** Queues of all tenants. Few and rarely changed; every change is conditional. */
import type { Queue, QueueSettings } from '../../domain/queue.ts';

export interface QueueStore {
  /** Issues the queue number. `exists` when the name is taken (the present queue is returned). */
  createQueue(input: {
    readonly tenant: string;
    readonly name: string;
    readonly settings: QueueSettings;
    readonly nowMs: number;
  }): Promise<{ readonly outcome: 'created' | 'exists'; readonly queue: Queue }>;
  findQueue(tenant: string, name: string): Promise<Queue | undefined>;
  /** By name, ascending; of all tenants when `tenant` is absent. */
  listQueues(tenant?: string): Promise<readonly Queue[]>;
  /** `conflict` when the version is no longer `expectedVersion`; nothing is changed then. */
  updateQueue(input: {
    readonly tenant: string;
    readonly name: string;
    readonly settings: QueueSettings;
    readonly expectedVersion: number;
    readonly nowMs: number;
  }): Promise<{ readonly outcome: 'updated' | 'conflict' | 'missing'; readonly queue?: Queue }>;
}
