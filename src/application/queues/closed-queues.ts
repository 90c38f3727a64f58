/**
 * Queues whose jobs the shards of this process refuse, because the queue is being deleted or is gone.
 *
 * A removal begins with a note in the store, and then notifies every shard. A shard's new owner reads the notes during
 * recovery, after it has raised the epoch. So whoever owns a shard knows of every removal before it is carried out. A
 * gateway may die half-way through a removal. The submits that the closed queue refuses discover that: after
 * `abandonedMs` they give the queue a new version, which makes the removal void, and open it again.
 */
import type { QueueClosing } from '../../domain/queue.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';

export interface ClosedQueues {
  /** Reads the notes of the store. Call it after the epoch of a shard was raised and before the shard serves. */
  refresh(): Promise<void>;
  isClosed(queueNo: number): boolean;
  close(closing: QueueClosing): void;
  open(closing: QueueClosing): void;
  /** A submit was refused. Now and then this checks whether the queue still has to be closed. */
  refused(queueNo: number): void;
}

export interface ClosedQueuesParts {
  readonly store: Pick<QueueStore, 'closedQueues' | 'findQueue' | 'updateQueue' | 'openQueue'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Age at which a removal counts as abandoned. A removal ends when all shards have answered, in a tenth of this. */
export const abandonedMs = 60_000;
/** Least time between two checks of one closed queue. */
const lookEveryMs = 5_000;
const entriesMax = 10_000;

interface Entry {
  readonly closing: QueueClosing;
  readonly sinceMs: number;
  lookedMs: number;
  /** The queue is gone, so there is nothing left to check. */
  isGone: boolean;
}

/**
 * Makes the removal void and deletes its note. Resolves with false if the removal was carried out before. Rejects if
 * the store does not answer. Then the queue stays closed.
 */
export async function endClosing(
  store: Pick<QueueStore, 'findQueue' | 'updateQueue' | 'openQueue'>,
  closing: QueueClosing,
  nowMs: number,
): Promise<boolean> {
  const { tenant, name, queueNo, version } = closing;
  const present = await store.findQueue(tenant, name);
  if (present?.queueNo !== queueNo) return false;
  if (present.version <= version) {
    const { settings } = present;
    const { outcome, queue } = await store.updateQueue({ tenant, name, settings, expectedVersion: version, nowMs });
    if (outcome === 'missing' || (queue !== undefined && queue.queueNo !== queueNo)) return false;
  }
  await store.openQueue(closing);
  return true;
}

export function createClosedQueueWatch({ store, clock, log }: ClosedQueuesParts): ClosedQueues {
  const entries = new Map<number, Entry>();

  function close(closing: QueueClosing): void {
    const known = entries.get(closing.queueNo);
    if (known !== undefined && known.closing.version >= closing.version) return;
    const nowMs = clock.monotonicMs();
    entries.delete(closing.queueNo);
    entries.set(closing.queueNo, { closing, sinceMs: nowMs, lookedMs: nowMs, isGone: false });
    const oldest = entries.keys().next();
    if (entries.size > entriesMax && oldest.done !== true) entries.delete(oldest.value);
  }

  function open({ queueNo, version }: QueueClosing): void {
    const known = entries.get(queueNo);
    if (known !== undefined && known.closing.version <= version) entries.delete(queueNo);
  }

  async function look(entry: Entry): Promise<void> {
    const { closing } = entry;
    const { tenant, name, queueNo, version } = closing;
    const present = await store.findQueue(tenant, name);
    if (present?.queueNo !== queueNo) {
      entry.isGone = true;
      return;
    }
    const isAbandoned = clock.monotonicMs() - entry.sinceMs >= abandonedMs;
    if (present.version <= version && !isAbandoned) return;
    if (await endClosing(store, closing, clock.nowMs())) open(closing);
    else entry.isGone = true;
    log.warn({ tenant, queue: name }, 'a deletion of the queue was left half-way; the queue is open again');
  }

  return {
    async refresh() {
      for (const closing of await store.closedQueues(clock.nowMs())) close(closing);
    },
    isClosed: (queueNo) => entries.has(queueNo),
    close,
    open,
    refused(queueNo) {
      const entry = entries.get(queueNo);
      const nowMs = clock.monotonicMs();
      if (entry === undefined || entry.isGone || nowMs - entry.lookedMs < lookEveryMs) return;
      entry.lookedMs = nowMs;
      look(entry).catch((error: unknown) => {
        log.debug(
          { err: error, queue: entry.closing.name },
          'a closed queue was not looked at; again at the next submit',
        );
      });
    },
  };
}
