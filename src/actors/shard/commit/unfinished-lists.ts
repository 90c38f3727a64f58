/**
 * Lists the unfinished jobs of minutes in which nothing happens any more, so that the next owner need not read the jobs
 * that have ended. One job that is due in a week keeps its minute open, and a minute may have thousands of ended jobs.
 *
 * A list counts for one number of commits of its partition. The next commit makes it void, and then the minute is read
 * as a whole. So a list that is missing, late or old costs time and nothing else.
 *
 * The jobs of a minute are found by a look at all jobs, some at each tick. A job may become cold or warm meanwhile, and
 * so be missed. A minute is therefore listed only if as many were found as it has, and if it had no commit meanwhile.
 */
import { type JobStore, unfinishedListMax } from '../../../application/ports/job-store.ts';
import { InRounds } from '../../../domain/in-rounds.ts';
import { bucketMs, bucketOf, type JobId } from '../../../domain/job-id.ts';
import { someAtOnce } from '../../../domain/some-at-once.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { ShardLimits } from '../services/shard-services.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { JobTable } from '../table/job-table.ts';
import type { PartitionSet } from './partition-set.ts';

/** Jobs that one tick looks at: about a millisecond of work. */
const jobsPerTick = 5_000;
/** Minutes that one tick asks whether they may be listed. There may be ten thousand. */
const askedMax = 1_000;
/** Minutes that are listed in one look, and about the most jobs that they have together: a megabyte of ids. */
const minutesMax = 64;
const idsMax = 10 * unfinishedListMax;
/** Lists that are written at the same time. */
const writesAtOnce = 4;

export interface UnfinishedListsParts {
  readonly shard: number;
  readonly context: Pick<ActorContext<ShardMessage>, 'clock' | 'log' | 'pipeToSelf'>;
  readonly services: {
    readonly store: Pick<JobStore, 'listUnfinished'>;
    /** How long a minute must have been without a commit. */
    readonly limits: Pick<ShardLimits, 'listQuietMs'>;
  };
  readonly partitions: Pick<PartitionSet, 'someSettled' | 'settledCommits'>;
  readonly table: Pick<JobTable, 'cold' | 'entries' | 'size' | 'unfinished'>;
  /** Whether facts or keys of jobs of the bucket still have to be written. */
  readonly owes: (bucket: number) => boolean;
}

interface Minute {
  readonly commits: number;
  readonly sinceMs: number;
  isListed: boolean;
}

interface Look {
  readonly jobs: Iterator<{ readonly bucket: number; readonly id: () => JobId }>;
  readonly found: ReadonlyMap<number, { readonly minute: Minute; readonly ids: Set<JobId> }>;
}

export class UnfinishedLists {
  readonly #parts: UnfinishedListsParts;
  /** Minutes that had no undurable decisions when they were looked at last. */
  readonly #minutes = new Map<number, Minute>();
  /** All have their turn, so minutes which change during each look do not keep the others from theirs. */
  readonly #inTurn = new InRounds(this.#minutes);
  #look: Look | undefined;
  #isWriting = false;

  constructor(parts: UnfinishedListsParts) {
    this.#parts = parts;
  }

  /** The store has the list of this minute already. */
  adopt(bucket: number, commits: number): void {
    this.#minutes.set(bucket, { commits, sinceMs: this.#parts.context.clock.monotonicMs(), isListed: true });
  }

  tick(): void {
    this.#watch();
    if (this.#isWriting) return;
    this.#look ??= this.#begin();
    if (this.#look === undefined || !this.#advance(this.#look)) return;
    const { found } = this.#look;
    this.#look = undefined;
    this.#write([...found].filter(([bucket, { minute, ids }]) => this.#isExact(bucket, minute, ids)));
  }

  #watch(): void {
    const { partitions, context } = this.#parts;
    const sinceMs = context.clock.monotonicMs();
    for (const { bucket, commits } of partitions.someSettled()) {
      if (this.#minutes.get(bucket)?.commits === commits) continue;
      this.#minutes.set(bucket, { commits, sinceMs, isListed: false });
    }
  }

  #begin(): Look | undefined {
    const { table, partitions } = this.#parts;
    const found = new Map<number, { readonly minute: Minute; readonly ids: Set<JobId> }>();
    let jobs = 0;
    for (const [bucket, minute] of this.#inTurn.next(askedMax)) {
      if (partitions.settledCommits(bucket) !== minute.commits) this.#minutes.delete(bucket);
      else if (this.#mayList(bucket, minute)) {
        found.set(bucket, { minute, ids: new Set() });
        jobs += table.unfinished.ofBucket(bucket);
        if (found.size === minutesMax || jobs >= idsMax) break;
      }
    }
    return found.size === 0 ? undefined : { jobs: jobsOf(table), found };
  }

  #mayList(bucket: number, minute: Minute): boolean {
    const { context, services, table, owes } = this.#parts;
    if (minute.isListed || context.clock.monotonicMs() - minute.sinceMs < services.limits.listQuietMs) return false;
    const jobs = table.unfinished.ofBucket(bucket);
    return jobs > 0 && jobs <= unfinishedListMax && !owes(bucket);
  }

  /** Returns whether all jobs were looked at. */
  #advance({ jobs, found }: Look): boolean {
    for (let left = jobsPerTick; left > 0; left -= 1) {
      const next = jobs.next();
      if (next.done === true) return true;
      found.get(next.value.bucket)?.ids.add(next.value.id());
    }
    return false;
  }

  #isExact(bucket: number, minute: Minute, ids: ReadonlySet<JobId>): boolean {
    const { table, partitions, owes } = this.#parts;
    if (partitions.settledCommits(bucket) !== minute.commits || owes(bucket)) return false;
    return ids.size === table.unfinished.ofBucket(bucket);
  }

  #write(lists: readonly (readonly [number, { readonly minute: Minute; readonly ids: ReadonlySet<JobId> }])[]): void {
    if (lists.length === 0) return;
    const { context, services, shard } = this.#parts;
    this.#isWriting = true;
    const written = someAtOnce(lists, writesAtOnce, async ([bucket, { minute, ids }]) => {
      await services.store.listUnfinished({ shard, bucket }, { commits: minute.commits, ids: [...ids] });
      minute.isListed = true;
    });
    whenAnswered(context, 'store', written, (outcome) => {
      this.#isWriting = false;
      if (outcome.status === 'fulfilled') return;
      context.log.debug({ err: outcome.reason as unknown }, 'unfinished jobs not listed; it is tried again');
    });
  }
}

/** A look ends, however fast jobs come: cold jobs have slots, and warm ones that come meanwhile are left out. */
function* jobsOf(table: Pick<JobTable, 'cold' | 'entries' | 'size'>): Look['jobs'] {
  const { cold } = table;
  for (const slot of cold.slots()) {
    yield { bucket: Math.floor(cold.createdAtMs(slot) / bucketMs), id: () => cold.idOf(slot) };
  }
  let warm = table.size - cold.size;
  for (const { current } of table.entries()) {
    if (warm === 0) return;
    warm -= 1;
    yield { bucket: bucketOf(current.id), id: () => current.id };
  }
}
