/**
 * Makes cold jobs warm: reads their records and hands them to the table. Only a load makes a job warm, so whatever
 * needs the record of a cold job goes through here.
 *
 * A load ends when all its records were read, however long the store needs for that. Until then its jobs are cold, so
 * nothing is lost when it never ends. Meanwhile a job may have become warm by another load, or left. It is then left
 * out. That holds also when it has become cold again since: what this load read of it may be old.
 */
import { findJobsMax, type JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { JobRecord, JobState } from '../../../domain/job.ts';
import { bucketOf, type JobId } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import { deposed } from '../commit/ownership-proof.ts';
import type { JobEntry } from '../table/queue-index.ts';

/** Requests in flight. The others queue, or wait for their next try: minutes that cannot be read do not delay others. */
const requestsMax = 8;
/** The wait between two tries of a request. */
const pauseMs = { first: 100, most: 5_000 } as const;

/** What a loader needs of the table. */
interface LoadedTable {
  readonly cold: {
    idOf(slot: ColdSlot): JobId;
    stateOf(slot: ColdSlot): JobState;
    find(id: JobId): ColdSlot | undefined;
  };
  warm(slot: ColdSlot, record: JobRecord): JobEntry;
}

export interface ColdLoaderParts {
  readonly shard: number;
  readonly epoch: number;
  readonly context: Pick<ActorContext<ShardMessage>, 'clock' | 'log' | 'pipeToSelf'>;
  readonly store: Pick<JobStore, 'findJobs' | 'ownsShard'>;
  readonly table: LoadedTable;
}

/** A job in a load. */
interface Wanted {
  readonly id: JobId;
  readonly slot: ColdSlot;
  /** It has become warm by another load. */
  isStale: boolean;
}

interface Load {
  readonly wanted: readonly Wanted[];
  readonly records: Map<JobId, JobRecord>;
  /** Requests that are not answered. */
  open: number;
  readonly then: (entries: readonly JobEntry[]) => void;
}

interface Request {
  readonly load: Load;
  readonly bucket: number;
  readonly ids: readonly JobId[];
  tries: number;
}

export class ColdLoader {
  readonly #parts: ColdLoaderParts;
  /** Jobs of loads that have not ended. A job may be in several. */
  readonly #wanted = new Map<JobId, Set<Wanted>>();
  readonly #queue: Request[] = [];
  readonly #pauses = new Set<() => void>();
  #inFlight = 0;
  #isStopped = false;

  constructor(parts: ColdLoaderParts) {
    this.#parts = parts;
  }

  /**
   * The slots must have cold jobs now. Calls back in a message of its own, with the entries of the jobs that this load
   * made warm, in the order of the slots.
   */
  load(slots: readonly ColdSlot[], then: (entries: readonly JobEntry[]) => void): void {
    const wanted = slots.map((slot) => this.#want(slot));
    const load: Load = { wanted, records: new Map(), open: 0, then };
    const requests = requestsOf(load);
    if (requests.length === 0) {
      whenAnswered(this.#parts.context, 'store', Promise.resolve(), () => then([]));
      return;
    }
    load.open = requests.length;
    this.#queue.push(...requests);
    this.#ask();
  }

  /** The shard stops. No load ends any more. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#pauses) cancel();
    this.#pauses.clear();
  }

  #want(slot: ColdSlot): Wanted {
    const id = this.#parts.table.cold.idOf(slot);
    const wanted: Wanted = { id, slot, isStale: false };
    const known = this.#wanted.get(id);
    if (known === undefined) this.#wanted.set(id, new Set([wanted]));
    else known.add(wanted);
    return wanted;
  }

  #ask(): void {
    const { context, shard, store } = this.#parts;
    while (this.#inFlight < requestsMax) {
      const request = this.#queue.shift();
      if (request === undefined) return;
      const { bucket, ids } = request;
      this.#inFlight += 1;
      request.tries += 1;
      whenAnswered(context, 'store', store.findJobs({ shard, bucket }, ids), (outcome) => {
        this.#inFlight -= 1;
        if (outcome.status === 'rejected') this.#askLater(request, outcome.reason);
        this.#ask();
        if (outcome.status === 'fulfilled') this.#came(request.load, outcome.value);
      });
    }
  }

  /** Tries until it succeeds. An error that no repetition can cure is thrown, and so is any error after a stop. */
  #askLater(request: Request, error: unknown): void {
    const { context } = this.#parts;
    const { bucket, tries } = request;
    if (this.#isStopped || !(error instanceof TroupeError && error.retryable)) throw error;
    context.log.debug({ err: error, bucket, tries }, 'cold jobs not read; they are tried again');
    const over = this.#pause(Math.min(pauseMs.most, pauseMs.first * 2 ** (tries - 1)));
    whenAnswered(context, 'store', over, () => {
      this.#queue.push(request);
      this.#ask();
    });
  }

  #pause(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.context.clock.setTimer(forMs, () => {
        this.#pauses.delete(cancel);
        resolve();
      });
      this.#pauses.add(cancel);
    });
  }

  #came(load: Load, records: readonly JobRecord[]): void {
    for (const record of records) load.records.set(record.id, record);
    load.open -= 1;
    if (load.open > 0) return;
    const wrong = load.wanted.map((wanted) => this.#wrong(wanted, load.records.get(wanted.id))).find(Boolean);
    if (wrong === undefined) {
      load.then(load.wanted.flatMap((wanted) => this.#warm(wanted, load.records.get(wanted.id)) ?? []));
      return;
    }
    const { context, store, shard, epoch } = this.#parts;
    whenAnswered(context, 'store', store.ownsShard(shard, epoch), (outcome) => {
      throw outcome.status === 'fulfilled' && outcome.value ? new Error(wrong) : deposed();
    });
  }

  /** Says what is wrong with a record: it is lost, or somebody else has changed it, which only a successor may. */
  #wrong({ id, slot, isStale }: Wanted, record: JobRecord | undefined): string | undefined {
    const { cold } = this.#parts.table;
    if (isStale || cold.find(id) !== slot) return undefined;
    const state = cold.stateOf(slot);
    if (record === undefined) return `the store has no record of job ${id}, which has not ended`;
    return record.state === state ? undefined : `job ${id} is ${state} in memory and ${record.state} in the store`;
  }

  /** Undefined if the job is left out. */
  #warm(wanted: Wanted, record: JobRecord | undefined): JobEntry | undefined {
    const { table } = this.#parts;
    const { id, slot } = wanted;
    this.#forget(wanted);
    if (record === undefined || wanted.isStale || table.cold.find(id) !== slot) return undefined;
    for (const other of this.#wanted.get(id) ?? []) other.isStale = true;
    return table.warm(slot, record);
  }

  #forget(wanted: Wanted): void {
    const known = this.#wanted.get(wanted.id);
    known?.delete(wanted);
    if (known?.size === 0) this.#wanted.delete(wanted.id);
  }
}

/** The ids of each partition, in requests that the store takes. */
function requestsOf(load: Load): Request[] {
  const byBucket = Map.groupBy(load.wanted, ({ id }) => bucketOf(id));
  return [...byBucket].flatMap(([bucket, some]) =>
    Array.from({ length: Math.ceil(some.length / findJobsMax) }, (_, n): Request => {
      const ids = some.slice(n * findJobsMax, (n + 1) * findJobsMax).map(({ id }) => id);
      return { load, bucket, ids, tries: 0 };
    }),
  );
}
