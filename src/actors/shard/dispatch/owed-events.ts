/**
 * Events that a crash of the owner, together with a power cut of the broker, could take: a next owner tells them again from
 * the records, so a record has to remember all of its own. It keeps them beyond what it keeps for readers; and once it holds
 * as many as fit, the job waits: it becomes due, is granted and is moved only when older ones are surely in JetStream.
 *
 * An attempt makes three events by itself (started, its end, and what ends a job that waits), so `claimRoom` of them always
 * fit; and a job that becomes due has room for the attempt after it.
 */
import { type JobRecord, trailLongestMax, trailMax } from '../../../domain/job.ts';
import { withOwedEntries } from '../../../domain/trail.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { PartitionSet } from '../commit/partition-set.ts';

/** Events that must fit, before each of these is decided. */
const room = { claim: 3, due: 6, reschedule: 6 } as const;

export class OwedEvents {
  readonly #dispatcher: Pick<Dispatcher, 'oldestAtMs'>;
  readonly #partitions: Pick<PartitionSet, 'oldestAtMs'>;
  readonly #nowMs: () => number;
  /** All that happened before is surely in JetStream. Looked up once a second: it costs a walk through the outbox. */
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
    // It never steps back: what is lost in a doubt had not been sure.
    this.#fromMs = Math.max(this.#fromMs, fromMs);
  }

  /** Whether the record will remember all of its events that are owed, this one and those that come by themselves included. */
  mayAdd({ current: { trail } }: Pick<JobEntry, 'current'>, decision: keyof typeof room): boolean {
    const nextToGo = trail[trail.length - (trailLongestMax - room[decision])];
    return nextToGo === undefined || nextToGo.atMs < this.#fromMs;
  }

  /** The record after a decision, with what it would have forgotten and is owed. */
  kept(before: JobRecord, after: JobRecord): JobRecord {
    return before.trail.length < trailMax ? after : withOwedEntries(before, after, this.#fromMs);
  }
}
