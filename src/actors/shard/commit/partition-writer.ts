/**
 * Group commit for one partition (shard, creation minute). Decisions gather while a flush is in flight, and the next
 * flush takes them, the records of tenants in turns, so that those of one tenant do not stand behind all of another's.
 * Modes: opening (the partition is being fenced, decisions gather) → idle → flushing → idle … If
 * the owner is deposed, or the store refuses for good, the flush ends with `deposed` or an error; the shard then stops
 * and starts again from the store.
 *
 * If the outcome of a flush is unknown, the writer reads the commit count linearizably before it writes anything else.
 */
import type { CommitGroup, JobStore, Partition } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { TurnQueue } from '../../../domain/turn-queue.ts';
import type { WriteWatch } from '../placement/store-reach.ts';

interface Pending {
  record: JobRecord;
  /** When the first of the decisions that led to this record was made. */
  readonly sinceMs: number;
  readonly done: ((record: JobRecord) => void)[];
}

/**
 * From this try on, failures count as trouble. The first tries are close together, so that nobody notices a short
 * failure of the store.
 */
const troubleFrom = 3;

export type FlushResult = 'applied' | 'deposed';

export interface PartitionWriterOptions {
  readonly store: JobStore;
  readonly partition: Partition;
  readonly epoch: number;
  readonly groupMaxRecords: number;
  /**
   * The number of commits found when the partition was opened. Undefined: the writer opens the partition with its first
   * flush.
   */
  readonly commits?: number;
  /** Waits before a retry. The writer gives up when this rejects. */
  readonly pause: (tries: number) => Promise<void>;
  readonly write: WriteWatch;
}

export class PartitionWriter {
  readonly partition: Partition;
  readonly #options: PartitionWriterOptions;
  readonly #pending = new Map<JobId, Pending>();
  /** The same, in the order in which they are written. */
  readonly #turns = new TurnQueue<Pending>();
  /** The decisions in the flush under way, with their callbacks. */
  #flight: readonly Pending[] | undefined;
  /** Whether somebody waits for a pending decision. */
  #urgent = false;
  #commits: number | undefined;
  #trouble: TroupeError | undefined;

  constructor(options: PartitionWriterOptions) {
    this.#options = options;
    this.partition = options.partition;
    this.#commits = options.commits;
  }

  /** Decisions that are not durable yet. */
  get backlog(): number {
    return this.#pending.size + (this.#flight?.length ?? 0);
  }

  /** The number of commits of the partition. Undefined if the writer has not opened it. */
  get commits(): number | undefined {
    return this.#commits;
  }

  /** Records in the flush under way. */
  get inFlight(): number {
    return this.#flight?.length ?? 0;
  }

  get dirty(): boolean {
    return this.#pending.size > 0;
  }

  /** Whether the pending decisions should be written now. Otherwise they may wait a short while for others. */
  get urgent(): boolean {
    return this.#urgent;
  }

  /** Why the store does not accept the flush under way. Set from the third try on. */
  get trouble(): TroupeError | undefined {
    return this.#trouble;
  }

  /**
   * Time of the oldest decision that is not durable yet, even if later decisions about the same job were made since.
   */
  oldestAtMs(): number {
    let oldest = Infinity;
    for (const { sinceMs } of this.#flight ?? []) oldest = Math.min(oldest, sinceMs);
    for (const { sinceMs } of this.#pending.values()) oldest = Math.min(oldest, sinceMs);
    return oldest;
  }

  /** `done` is called with the record that became durable: this one, or a newer one of the same job. */
  add(record: JobRecord, done?: (record: JobRecord) => void): void {
    this.#urgent = true;
    this.#add(record, done);
  }

  /** Adds a decision that nobody waits for. */
  addLazily(record: JobRecord, done: (record: JobRecord) => void): void {
    this.#add(record, done);
  }

  #add(record: JobRecord, done?: (record: JobRecord) => void): void {
    const present = this.#pending.get(record.id);
    if (present === undefined) {
      const pending = { record, sinceMs: record.updatedAtMs, done: done === undefined ? [] : [done] };
      this.#pending.set(record.id, pending);
      this.#turns.add(record.spec.tenant, pending);
      return;
    }
    present.record = record;
    if (done !== undefined) present.done.push(done);
  }

  /** Calls back when the flush under way has been applied, if the job is part of it. Otherwise returns `false`. */
  whenLanded(id: JobId, done: (record: JobRecord) => void): boolean {
    const pending = this.#flight?.find(({ record }) => record.id === id);
    pending?.done.push(done);
    return pending !== undefined;
  }

  /** Starts the next flush. Undefined when there is nothing to write or a flush is in flight. */
  flush(): Promise<FlushResult> | undefined {
    if (this.#flight !== undefined || this.#pending.size === 0) return undefined;
    const items: Pending[] = [];
    while (items.length < this.#options.groupMaxRecords) {
      const pending = this.#turns.next();
      if (pending === undefined) break;
      this.#turns.take();
      this.#pending.delete(pending.record.id);
      items.push(pending);
    }
    if (this.#pending.size === 0) this.#urgent = false;
    this.#flight = items;
    return this.#write(items);
  }

  /** The flush was applied: calls everyone who waited for it. Returns the records that are durable now. */
  landed(): readonly JobRecord[] {
    const items = this.#flight ?? [];
    this.#flight = undefined;
    for (const { record, done } of items) for (const tell of done) tell(record);
    return items.map(({ record }) => record);
  }

  async #write(items: readonly Pending[]): Promise<FlushResult> {
    if (this.#commits === undefined) {
      const { store, epoch, write } = this.#options;
      const opened = await this.#retry(() => write(() => store.openBucket(this.partition, epoch)));
      if (opened.kind === 'deposed') return 'deposed';
      this.#commits = opened.commits;
    }
    const commits = this.#commits;
    const group = {
      partition: this.partition,
      epoch: this.#options.epoch,
      commits,
      records: items.map(({ record }) => record),
    };
    const outcome = await this.#retry(() => this.#options.write(() => this.#commit(group)));
    if (outcome === 'applied') this.#commits = commits + 1;
    return outcome;
  }

  async #commit(group: CommitGroup): Promise<FlushResult> {
    try {
      return await this.#options.store.commit(group);
    } catch (error) {
      if (!(error instanceof TroupeError) || error.code !== 'OUTCOME_UNKNOWN') throw error;
      return this.#learnOutcome(group.commits);
    }
  }

  async #learnOutcome(commits: number): Promise<FlushResult> {
    const seen = await this.#retry(() => this.#options.store.readCommits(this.partition));
    if (seen.epoch !== this.#options.epoch) return 'deposed';
    if (seen.commits === commits + 1) return 'applied';
    throw new TroupeError('STORE_UNAVAILABLE', { message: 'the group was not written; the shard retries it' });
  }

  /**
   * Retries after STORE_UNAVAILABLE, when nothing was done, and after OUTCOME_UNKNOWN. The latter is safe, because
   * `#commit` finds out unknown outcomes itself and all other calls may be repeated. Other errors are thrown.
   */
  async #retry<T>(attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        const done = await attempt();
        this.#trouble = undefined;
        return done;
      } catch (error) {
        const harmless = error instanceof TroupeError && ['STORE_UNAVAILABLE', 'OUTCOME_UNKNOWN'].includes(error.code);
        if (!harmless) throw error;
        if (tries >= troubleFrom) this.#trouble = error;
        await this.#options.pause(tries);
      }
    }
  }
}
