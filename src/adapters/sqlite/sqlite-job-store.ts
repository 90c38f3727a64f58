/** `JobStore` on SQLite. Records are made and read here, and pass through the database as their JSON. */
import { invariant } from '../../domain/errors.ts';
import type { JobRecord } from '../../domain/job.ts';
import { bucketMs, type JobId, jobIdParts, maxShards } from '../../domain/job-id.ts';
import { goneAtMs, listedUntilMs } from '../../domain/record-life.ts';
import {
  commitGroupMax,
  findJobsMax,
  keysPutMax,
  type CommitGroup,
  type JobStore,
  type Partition,
  type RecoveredPage,
  type RecoveryTerms,
  type ShardFence,
  unfinishedListMax,
  type Watermark,
} from '../../application/ports/job-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { flagOf, flagPageRows, flagPages, listEnded } from '../../application/storage/ended-listing.ts';
import { listJobs } from '../../application/storage/job-listing.ts';
import { lastOf, slotsOf, slotsText } from '../../application/storage/kept-slots.ts';
import { neverMs, type RecordRow } from './database/commit-operation.ts';
import { type ListScope, minutesPageRows, type QueueBucketRow } from './database/job-reads.ts';
import { briefsOf } from './database/recovery-read.ts';
import type { StoreLink } from './link/store-link.ts';

function parseRecord(json: string): JobRecord {
  return JSON.parse(json) as JobRecord;
}

/** Prepares the rows before the file is locked, so that an invalid record does not waste the lock. */
function rowsOf({ partition: { shard, bucket }, records }: CommitGroup): readonly RecordRow[] {
  invariant(records.length <= commitGroupMax, 'a group has at most commitGroupMax records');
  return records.map((record): RecordRow => {
    const parts = jobIdParts(record.id);
    invariant(
      parts.shard === shard && Math.floor(parts.createdAtMs / bucketMs) === bucket,
      'every record of a group lies in its partition',
    );
    const flag = flagOf(record);
    const expiresAtMs = Math.min(goneAtMs(record), neverMs);
    const [state, reason] = [flag?.state ?? null, flag?.reason ?? null];
    return [parts.queueNo, record.id, expiresAtMs, listedUntilMs(record), JSON.stringify(record), state, reason];
  });
}

function createFence(link: StoreLink, clock: Clock): ShardFence {
  return {
    async takeShard(shard, owner) {
      const { epoch, watermark } = await link.write('takeShard', shard, owner);
      return watermark === null ? { epoch } : { epoch, watermark: JSON.parse(watermark) as Watermark };
    },
    ownsShard: (shard, epoch) => link.read('ownsShard', shard, epoch),
    saveWatermark: (shard, epoch, watermark) => link.write('saveWatermark', shard, epoch, JSON.stringify(watermark)),
    saveKept(of, epoch, slots) {
      return link.write('saveKept', of, epoch, { slots: slotsText(slots), lastMs: lastOf(slots, clock.nowMs()) });
    },
    findKept: async (of) => slotsOf(await link.read('findKept', of), clock.nowMs()),
    openBuckets: (shard) => link.read('openBuckets', shard),
    openBucket: ({ shard, bucket }, epoch) => link.write('openBucket', shard, bucket, epoch),
    listUnfinished({ shard, bucket }, { commits, ids }) {
      invariant(ids.length <= unfinishedListMax, 'a list has at most unfinishedListMax jobs');
      return link.write('listUnfinished', shard, bucket, commits, JSON.stringify(ids));
    },
    async findUnfinished({ shard, bucket }, commits) {
      const ids = await link.read('findUnfinished', shard, bucket, commits);
      return ids === undefined ? undefined : (JSON.parse(ids) as readonly JobId[]);
    },
    sealBucket: ({ shard, bucket }, epoch) => link.write('sealBucket', shard, bucket, epoch),
    readCommits: ({ shard, bucket }) => link.read('readCommits', shard, bucket),
  };
}

/** Reads a partition page by page, so that commits get their turn. */
async function* readBucket(
  link: StoreLink,
  clock: Clock,
  partition: Partition,
  terms: () => RecoveryTerms,
): AsyncIterable<RecoveredPage> {
  let last: JobId | undefined;
  do {
    const rows = await link.read('readForRecovery', partition, last, terms(), clock.nowMs());
    yield { records: rows.records.map(parseRecord), briefs: briefsOf(rows.briefs), stampedMs: rows.stampedMs };
    ({ last } = rows);
  } while (last !== undefined);
}

/**
 * Groups the rows of `queue_buckets` into minutes. The start values lie just outside of the range, so nothing is
 * skipped.
 */
async function* minutes(link: StoreLink, scope: ListScope, from: number, to: number) {
  let last: QueueBucketRow =
    scope.order === 'newest' ? { bucket: to + 1, shard: -1 } : { bucket: from - 1, shard: maxShards };
  let minute: { readonly bucket: number; readonly shards: number[] } | undefined;
  for (;;) {
    const found = await link.read('listMinutes', scope, last, { from, to });
    for (const row of found) {
      if (minute?.bucket === row.bucket) {
        minute.shards.push(row.shard);
      } else {
        if (minute !== undefined) yield minute;
        minute = { bucket: row.bucket, shards: [row.shard] };
      }
      last = row;
    }
    if (found.length < minutesPageRows) break;
  }
  if (minute !== undefined) yield minute;
}

function createListing(link: StoreLink, findJob: JobStore['findJob']): JobStore['listJobs'] {
  return (query) => {
    const { queueNo, order, nowMs } = query;
    const scope: ListScope = { queueNo, order, nowMs };
    if (query.ended !== undefined) {
      const flags: Parameters<typeof listEnded>[0]['flags'] = (range) =>
        flagPages(range, order, (rest) => link.read('listFlags', scope, rest, flagPageRows));
      return listEnded({ flags, record: findJob }, query);
    }
    return listJobs(
      {
        minutes: (_order, from, to) => minutes(link, scope, from, to),
        async rows(partition, range, _order, limit) {
          const found = await link.read('listRows', scope, partition, range, limit);
          return found.map(parseRecord);
        },
      },
      query,
    );
  };
}

export function createSqliteJobStore(link: StoreLink, clock: Clock): JobStore {
  const findJob: JobStore['findJob'] = async (id) => {
    const json = await link.read('findJob', id, clock.nowMs());
    return json === undefined ? undefined : parseRecord(json);
  };
  return {
    ...createFence(link, clock),
    readBucket: ({ shard, bucket }, terms) => readBucket(link, clock, { shard, bucket }, terms),
    async commit(group) {
      const { partition, epoch, commits } = group;
      return link.write('commit', { ...partition, epoch, commits }, rowsOf(group));
    },
    putKeys(shard, entries) {
      invariant(entries.length <= keysPutMax, 'at most keysPutMax entries are put at once');
      return link.write('putKeys', shard, entries);
    },
    async findKeys(shard, keyHashes) {
      const found = await link.read('findKeys', shard, keyHashes, clock.nowMs());
      return new Map(found.map((entry) => [entry.keyHash, entry]));
    },
    findJob,
    async findJobs(partition, ids) {
      invariant(ids.length <= findJobsMax, 'at most findJobsMax jobs are found at once');
      const { shard, bucket } = partition;
      return (await link.read('findJobs', { shard, bucket }, ids, clock.nowMs())).map(parseRecord);
    },
    listJobs: createListing(link, findJob),
  };
}
