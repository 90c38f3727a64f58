/**
 * The hot path: writes one group of records as one conditional batch in one partition, which is one round of consensus
 * and one mutation. Two plain writes come before it: flags of jobs that end without success, and the register of
 * partitions that hold jobs of a queue. They are harmless if the batch is then refused.
 *
 * The batch consists of two prepared statements. A prepared BATCH text for each group size, and blob cells, were
 * measured and made no difference: the server is the limit, and the driver takes a fifth of a core.
 */
import { types } from 'cassandra-driver';
import { invariant, TroupeError } from '../../domain/errors.ts';
import { bucketMs, jobIdParts } from '../../domain/job-id.ts';
import { goneAtMs, listedUntilMs } from '../../domain/record-life.ts';
import { commitGroupMax, type CommitGroup, type CommitOutcome } from '../../application/ports/job-store.ts';
import { flagOf, type JobFlag } from '../../application/storage/ended-listing.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { BatchItem, CqlClient } from './cql-client.ts';
import { forEachBounded } from './in-flight-limit.ts';
import { dayOf, type QueueRegister } from './queue-register.ts';
import { putFlag } from './tables/job-flags.ts';
import { advancePartition, putJob } from './tables/jobs.ts';
import { fenceTtlSeconds, storedUntilMs, ttlSeconds, type PartitionExpiries } from './time-to-live.ts';
import type { WriteTimestamps } from './write-timestamps.ts';

/** Flags of one group that are written at a time. */
const flagWritesMax = 32;

interface PreparedGroup {
  readonly items: readonly BatchItem[];
  /** Maps a queue number to the time until which listings must include the partition. */
  readonly queues: ReadonlyMap<number, number>;
  readonly expiresAtMs: number;
}

function prepareGroup(group: CommitGroup, nowMs: number): PreparedGroup {
  const { shard, bucket } = group.partition;
  invariant(group.records.length <= commitGroupMax, 'a group has at most commitGroupMax records');
  const queues = new Map<number, number>();
  let latestMs = 0;
  const items = group.records.map((record): BatchItem => {
    const { shard: ownShard, createdAtMs, queueNo } = jobIdParts(record.id);
    invariant(
      ownShard === shard && Math.floor(createdAtMs / bucketMs) === bucket,
      'every record of a group lies in its partition',
    );
    const expiresAtMs = storedUntilMs(record);
    latestMs = Math.max(latestMs, expiresAtMs);
    queues.set(queueNo, Math.max(listedUntilMs(record), queues.get(queueNo) ?? 0));
    const id = types.Uuid.fromString(record.id);
    const params = [shard, bucket, queueNo, id, JSON.stringify(record), ttlSeconds(expiresAtMs, nowMs)];
    return { statement: putJob, params };
  });
  return { items, queues, expiresAtMs: latestMs };
}

interface Flagged {
  readonly flag: JobFlag;
  readonly expiresAtMs: number;
}

function flaggedOf({ records }: CommitGroup): readonly Flagged[] {
  return records.flatMap((record) => {
    const flag = flagOf(record);
    return flag === undefined ? [] : [{ flag, expiresAtMs: goneAtMs(record) }];
  });
}

export interface GroupCommitParts {
  readonly client: CqlClient;
  readonly clock: Clock;
  readonly timestamps: WriteTimestamps;
  readonly expiries: PartitionExpiries;
  readonly register: QueueRegister;
}

/** An error before the batch has changed nothing that counts, so its outcome is never reported as unknown. */
async function harmless(writes: Promise<unknown>): Promise<void> {
  try {
    await writes;
  } catch (error) {
    if (error instanceof TroupeError && error.code !== 'OUTCOME_UNKNOWN') throw error;
    throw new TroupeError('STORE_UNAVAILABLE', { cause: error });
  }
}

export function createGroupCommit(parts: GroupCommitParts): (group: CommitGroup) => Promise<CommitOutcome> {
  const { client, clock, timestamps, expiries, register } = parts;

  const writeFlag = (group: CommitGroup, { flag, expiresAtMs }: Flagged, nowMs: number): Promise<unknown> => {
    const day = dayOf(group.partition.bucket);
    const { queueNo } = jobIdParts(flag.id);
    const timestamp = timestamps(group.partition.shard, group.epoch);
    const row = [queueNo, day, types.Uuid.fromString(flag.id), flag.state, flag.reason ?? ''];
    return client.rows(putFlag, [...row, timestamp, ttlSeconds(expiresAtMs, nowMs)]);
  };

  return async (group) => {
    const { partition, epoch, commits } = group;
    const nowMs = clock.nowMs();
    const prepared = prepareGroup(group, nowMs);
    const flagged = flaggedOf(group);
    if (flagged.length > 0) {
      await harmless(forEachBounded(flagged, flagWritesMax, (one) => writeFlag(group, one, nowMs)));
    }
    const registering = register(partition, prepared.queues, nowMs);
    if (registering !== undefined) await harmless(registering);

    const expiresAtMs = expiries.raised(partition, prepared.expiresAtMs, nowMs);
    const fence = [fenceTtlSeconds(expiresAtMs, nowMs), epoch, commits + 1, BigInt(expiresAtMs)];
    const condition = [partition.shard, partition.bucket, epoch, commits];
    const first = { statement: advancePartition, params: [...fence, ...condition] };
    const { applied, current } = await client.conditionalBatch([first, ...prepared.items]);
    if (applied) {
      expiries.remember(partition, expiresAtMs);
      return 'applied';
    }
    invariant(current?.epoch !== epoch, 'the owner of a partition knows its count of commits');
    return 'deposed';
  };
}
