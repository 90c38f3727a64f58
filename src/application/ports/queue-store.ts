/** Queues of all tenants. Few and rarely changed; every change is conditional. */
import type { Queue, QueueClosing, QueueSettings } from '../../domain/queue.ts';

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
  /** Notes that a removal has begun, or was carried out: kept for `closedKeptMs`. Again: the same. */
  closeQueue(closing: QueueClosing, nowMs: number): Promise<void>;
  /** Everything that is noted, at least since before this was called. */
  closedQueues(nowMs: number): Promise<readonly QueueClosing[]>;
  /** Takes the note back. Only of a removal that can no longer be carried out. */
  openQueue(closing: QueueClosing): Promise<void>;
  /** Carries it out, if the queue is still at its version. `missing` when it is gone, or another one has its name. */
  removeQueue(closing: QueueClosing): Promise<'removed' | 'conflict' | 'missing'>;
}

/** Longer than any submit is under way. */
export const closedKeptMs = 7 * 24 * 3_600_000;
