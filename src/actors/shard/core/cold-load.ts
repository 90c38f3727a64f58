/**
 * The jobs that become cold while a shard is read, because memory is tight. The store gets their idempotency keys before
 * the shard serves anybody: nobody knows whether a former owner has stored them.
 */
import type { SlicedWork } from '../../../domain/sliced-work.ts';
import { type IdempotencyEntry, keysPutMax } from '../../../application/ports/job-store.ts';
import type { Clock } from '../../../application/ports/runtime.ts';
import type { JobBrief } from '../../../domain/job-brief.ts';
import type { DueJobs } from '../deadlines/due-jobs.ts';
import { requestEntry, type ShardKeys } from '../keys/shard-keys.ts';
import type { JobTable } from '../table/job-table.ts';
import type { JobEntry, QueueIndex } from '../table/queue-index.ts';
import { inSlices } from './slices.ts';

export interface ColdLoadParts {
  readonly table: Pick<JobTable, 'addCold' | 'cool' | 'cold'>;
  readonly keys: Pick<ShardKeys, 'requests' | 'restoredCold'>;
  readonly due: Pick<DueJobs, 'forget'>;
  readonly clock: Pick<Clock, 'setTimer'>;
  /** Stores idempotency keys. */
  readonly putKeys: (entries: readonly IdempotencyEntry[]) => Promise<void>;
}

export class ColdLoad {
  readonly #parts: ColdLoadParts;
  /** Queues that have cold jobs that wait. */
  readonly #queues = new Set<QueueIndex>();
  #unstored: IdempotencyEntry[] = [];

  constructor(parts: ColdLoadParts) {
    this.#parts = parts;
  }

  add(job: JobBrief): void {
    const { table, keys } = this.#parts;
    const entry = keys.restoredCold(job);
    if (entry !== undefined) this.#unstored.push(entry);
    const slot = table.addCold(job);
    if (job.state === 'QUEUED') this.#queues.add(table.cold.shapeOf(slot).index);
  }

  /** Returns a promise when so many keys have gathered that the reader must wait. */
  storeIfMany(): Promise<void> | undefined {
    return this.#unstored.length >= keysPutMax ? this.#store() : undefined;
  }

  /**
   * Stores the rest of the keys. The jobs that were read before memory was tight become cold, too, if others of their
   * queue are: only then are all of them in the order in which they became QUEUED.
   */
  async settle(): Promise<void> {
    const { clock } = this.#parts;
    const warm = [...this.#queues].flatMap(({ waiting }) => waiting.flatMap((level) => [...level.values()]));
    await inSlices(clock, this.#gatherKeys(warm));
    await this.#store();
    await inSlices(clock, this.#cool(warm));
  }

  *#gatherKeys(warm: readonly JobEntry[]): SlicedWork {
    for (const { current } of warm) {
      const entry = requestEntry(current);
      if (entry !== undefined) this.#unstored.push(entry);
      yield 1;
    }
  }

  *#cool(warm: readonly JobEntry[]): SlicedWork {
    const { table, keys, due } = this.#parts;
    for (const entry of warm) {
      const key = requestEntry(entry.current);
      if (key !== undefined) keys.requests.stored(key);
      due.forget(entry.current.id);
      table.cool(entry);
      yield 2;
    }
  }

  async #store(): Promise<void> {
    const entries = this.#unstored;
    this.#unstored = [];
    for (let at = 0; at < entries.length; at += keysPutMax) {
      await this.#parts.putKeys(entries.slice(at, at + keysPutMax));
    }
  }
}
