/** Stores the queues of all tenants. They are few and change rarely. Every change is conditional. */
import type { Queue, QueueClosing, QueueSettings } from '../../domain/queue.ts';

export interface QueueStore {
  /** Creates a queue and issues its number. `exists` if the name is taken; then the existing queue is returned. */
  createQueue(input: {
    readonly tenant: string;
    readonly name: string;
    readonly settings: QueueSettings;
    readonly nowMs: number;
  }): Promise<{ readonly outcome: 'created' | 'exists'; readonly queue: Queue }>;
  findQueue(tenant: string, name: string): Promise<Queue | undefined>;
  /** Queues by name, ascending. Without `tenant`, those of all tenants. */
  listQueues(tenant?: string): Promise<readonly Queue[]>;
  /** `conflict` if the version is no longer `expectedVersion`. Then nothing is changed. */
  updateQueue(input: {
    readonly tenant: string;
    readonly name: string;
    readonly settings: QueueSettings;
    readonly expectedVersion: number;
    readonly nowMs: number;
  }): Promise<{ readonly outcome: 'updated' | 'conflict' | 'missing'; readonly queue?: Queue }>;
  /** Notes that a removal has begun or was carried out, and keeps the note for `closedKeptMs`. Idempotent. */
  closeQueue(closing: QueueClosing, nowMs: number): Promise<void>;
  /** All noted removals, at least those that were noted before this call. */
  closedQueues(nowMs: number): Promise<readonly QueueClosing[]>;
  /** Deletes the note. Only allowed for a removal that can no longer be carried out. */
  openQueue(closing: QueueClosing): Promise<void>;
  /** Removes the queue if it still has the noted version. `missing` if it is gone, or if another queue has its name. */
  removeQueue(closing: QueueClosing): Promise<'removed' | 'conflict' | 'missing'>;
}

/** How long a note is kept. No submit is in flight for this long. */
export const closedKeptMs = 7 * 24 * 3_600_000;
