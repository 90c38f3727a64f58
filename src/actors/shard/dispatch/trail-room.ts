/**
 * Keeps events in the record of a job until they are surely in JetStream. If the owner crashes and the broker loses
 * power at the same time, events may be lost. The next owner then publishes them again from the records, so each record
 * must remember all events that are still owed. For that it keeps more than readers need. When a record is full, the
 * job waits: it becomes due, is granted or is moved only after its older events are surely in JetStream.
 *
 * An attempt makes up to three events that cannot wait: its start, its end, and the end of a job that waits. So a claim
 * needs room for three. A job that becomes due also needs room for the attempt after it.
 */
import { type JobRecord, trailLongestMax, trailMax } from '../../../domain/job.ts';
import { withOwedEntries } from '../../../domain/trail.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { PartitionSet } from '../commit/partition-set.ts';

/** How many events must still fit before each of these decisions. */
const room = { claim: 3, due: 6, reschedule: 6 } as const;

export class TrailRoom {
  readonly #dispatcher: Pick<Dispatcher, 'oldestAtMs'>;
  readonly #partitions: Pick<PartitionSet, 'oldestAtMs'>;
  readonly #nowMs: () => number;
  /** All events before this instant are surely in JetStream. It is computed once a second, at the tick. */
  #fromMs = -Infinity;

  constructor(
    dispatcher: Pick<Dispatcher, 'oldestAtMs'>,
    partitions: Pick<PartitionSet, 'oldestAtMs'>,
    nowMs: () => number,
  ) {
    this.#dispatcher = dispatcher;
    this.#partitions = partitions;
    this.#nowMs = nowMs;
  }

  tick(): void {
    const undurableMs = this.#partitions.oldestAtMs();
    const fromMs = Math.min(this.#nowMs(), undurableMs, this.#dispatcher.oldestAtMs('event'));
    // The instant never goes back. Events that a doubt about JetStream may have cost were not counted as sure before.
    this.#fromMs = Math.max(this.#fromMs, fromMs);
  }

  /**
   * Whether the record can remember all owed events, including the event of this decision and those that must be
   * possible after it without waiting.
   */
  mayAdd({ current: { trail } }: Pick<JobEntry, 'current'>, decision: keyof typeof room): boolean {
    const nextToGo = trail[trail.length - (trailLongestMax - room[decision])];
    return nextToGo === undefined || nextToGo.atMs < this.#fromMs;
  }

  /** The record after a decision, with the owed events that it would otherwise have forgotten. */
  kept(before: JobRecord, after: JobRecord): JobRecord {
    return before.trail.length < trailMax ? after : withOwedEntries(before, after, this.#fromMs);
  }
}
