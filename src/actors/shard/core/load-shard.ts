/** Puts the jobs that a recovery has found into the working memory of the shard. */
import type { Clock } from '../../../application/ports/runtime.ts';
import { isTerminal } from '../../../domain/job.ts';
import { clockAheadMaxMs, type SteadyTime } from '../../../domain/steady-time.ts';
import type { PartitionSet } from '../commit/partition-set.ts';
import type { RecoveredShard } from '../commit/recovery.ts';
import type { DueJobs } from '../deadlines/due-jobs.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { ShardKeys } from '../keys/shard-keys.ts';
import type { JobTable } from '../table/job-table.ts';

export interface LoadedParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly time: Pick<SteadyTime, 'nowMs' | 'raise'>;
  readonly partitions: Pick<PartitionSet, 'adopt'>;
  readonly dispatcher: Pick<Dispatcher, 'restoreEvents' | 'restoreWork'>;
  readonly keys: Pick<ShardKeys, 'restored'>;
  readonly table: Pick<JobTable, 'add' | 'queues'>;
  readonly due: Pick<DueJobs, 'watch'>;
}

export function loadShard({ grant: { watermark }, partitions }: RecoveredShard, parts: LoadedParts): void {
  const { time, dispatcher, keys, table, due } = parts;
  const heardMs = parts.clock.monotonicMs();
  const believedMs = time.nowMs() + clockAheadMaxMs;
  const raise = (stampedMs: number): void => {
    if (stampedMs <= believedMs) time.raise(stampedMs);
  };
  const stampedMs = Math.max(watermark?.dispatchedThroughMs ?? 0, watermark?.eventsThroughMs ?? 0);
  raise(stampedMs);
  const published = stampedMs <= time.nowMs() ? watermark : undefined;
  for (const { bucket, commits, records } of partitions) {
    parts.partitions.adopt(bucket, commits);
    for (const record of records) {
      // New ids must come after all existing ones, also after those of the same ms, because ranks of ids say which job
      // is later.
      raise(Math.max(record.updatedAtMs, record.createdAtMs + 1));
      dispatcher.restoreEvents(record, published);
      keys.restored(record);
      if (isTerminal(record.state)) continue;
      const entry = table.add(record, { durable: true, publishedSeq: record.seq, nowMs: heardMs });
      due.watch(entry.current);
    }
  }
  table.queues.sort();
  dispatcher.restoreWork();
}
