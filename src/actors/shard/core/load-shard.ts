/** Puts the jobs that a recovery finds into the working memory of the shard. Of ended jobs it keeps only what they owe. */
import type { ShardGrant } from '../../../application/ports/job-store.ts';
import type { Clock } from '../../../application/ports/runtime.ts';
import { isTerminal, type JobRecord } from '../../../domain/job.ts';
import { briefOf } from '../../../domain/job-brief.ts';
import { bucketMs } from '../../../domain/job-id.ts';
import { clockAheadMaxMs, type SteadyTime } from '../../../domain/steady-time.ts';
import type { PartitionSet } from '../commit/partition-set.ts';
import type { UnfinishedLists } from '../commit/unfinished-lists.ts';
import type { RecoveredJobs } from '../commit/recovery.ts';
import type { DueJobs } from '../deadlines/due-jobs.ts';
import { type Dispatcher, eventsMissingFromMs } from '../dispatch/dispatcher.ts';
import type { ShardKeys } from '../keys/shard-keys.ts';
import { isColdState, type JobTable } from '../table/job-table.ts';
import { ColdLoad, type ColdLoadParts } from './cold-load.ts';
import { inSlices } from './slices.ts';

export interface LoadedParts extends ColdLoadParts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly time: Pick<SteadyTime, 'nowMs' | 'raise'>;
  readonly partitions: Pick<PartitionSet, 'adopt'>;
  readonly lists: Pick<UnfinishedLists, 'adopt'>;
  readonly dispatcher: Pick<Dispatcher, 'restoreEvents' | 'restoreWork'>;
  readonly keys: Pick<ShardKeys, 'requests' | 'restored' | 'restoredCold'>;
  readonly table: Pick<JobTable, 'add' | 'addCold' | 'cool' | 'cold' | 'memory' | 'queues' | 'running'>;
  readonly due: Pick<DueJobs, 'watch' | 'forget'>;
}

/** Call `settle` and then `done` when everything was read. The shard serves nobody before. */
export interface ShardLoad extends RecoveredJobs {
  /** Brings to the store what cold jobs need there. */
  settle(): Promise<void>;
  done(): Promise<void>;
}

export function loadShard({ watermark }: ShardGrant, parts: LoadedParts): ShardLoad {
  const { clock, time, partitions, lists, dispatcher, keys, table, due } = parts;
  const believedMs = time.nowMs() + clockAheadMaxMs;
  const raise = (stampedMs: number): void => {
    if (stampedMs <= believedMs) time.raise(stampedMs);
  };
  const stampedMs = Math.max(watermark?.dispatchedThroughMs ?? 0, watermark?.eventsThroughMs ?? 0);
  raise(stampedMs);
  const eventsFromMs = eventsMissingFromMs(stampedMs <= time.nowMs() ? watermark : undefined);
  const cold = new ColdLoad(parts);
  const add = (record: JobRecord): void => {
    // New ids must come after all existing ones, also after those of the same ms, because ranks of ids say which job
    // is later.
    raise(Math.max(record.updatedAtMs, record.createdAtMs + 1));
    dispatcher.restoreEvents(record, eventsFromMs);
    if (table.memory.isTight && isColdState(record.state)) {
      cold.add(briefOf(record));
      return;
    }
    keys.restored(record);
    if (isTerminal(record.state)) return;
    const entry = table.add(record, { durable: true, publishedSeq: record.seq, nowMs: clock.monotonicMs() });
    due.watch(entry.current);
  };
  return {
    terms: () => ({ eventsFromMs, isBrief: table.memory.isTight, stampMaxMs: believedMs }),
    // Ids of new jobs must come after those of ended ones, and these are not in the list. So the minute must be over by
    // the clock of this owner, too.
    mayGoByList: (bucket) => (bucket + 1) * bucketMs <= time.nowMs(),
    partition(bucket, commits, isListed) {
      partitions.adopt(bucket, commits);
      if (isListed) lists.adopt(bucket, commits);
    },
    page({ records, briefs, stampedMs: latestMs }) {
      raise(latestMs);
      for (const record of records) add(record);
      for (const brief of briefs) cold.add(brief);
      return cold.storeIfMany();
    },
    settle: () => cold.settle(),
    async done() {
      await inSlices(clock, table.queues.sort());
      await inSlices(clock, dispatcher.restoreWork());
      // Nobody could be heard while the shard was read, however long that took.
      for (const entry of table.running()) entry.heardMs = clock.monotonicMs();
    },
  };
}
